use serde_json::json;

use super::*;

/// A node that is well, and what a story changes about it.
struct Story {
    node: Value,
    store: Value,
    redis: Value,
    bus: Value,
    alarms: Value,
    config: Value,
    url: &'static str,
    version: &'static str,
    now: Timestamp,
}

impl Story {
    fn begin() -> Self {
        let flow = json!({"total": 0, "per_second": 0.0});
        let node = json!({
            "id": "n1", "version": "0.1.0", "state": "ready", "roles": [], "started_at": "1970-01-01T00:00:00.000Z", "uptime_seconds": 100,
            "listeners": [{"protocol": "mqtt", "address": "127.0.0.1:1883"}, {"protocol": "http", "address": "[::1]:3000"}],
            "connections": 10, "sessions": 0, "durable_sessions": 0, "subscriptions": 0, "retained_messages": 0,
            "process": {"pid": 1, "open_descriptors": 50, "descriptor_limit": 10_000},
            "traffic": {"messages_in": flow, "messages_out": flow, "messages_dropped": flow, "bytes_in": flow, "bytes_out": flow},
            "storage": {"data_dir": "/data", "used_bytes": 0, "free_bytes": 10_000_000_000u64},
        });
        let store = json!({"transactions": 0, "commits": 0, "failures": 0, "waiting_bytes": 0, "disk_bytes": 0, "queued_entries": 0, "failed": false});
        let config = json!({"mqtt.max_connections": 1_000, "mqtt.max_retained_messages": 100, "durability.ack": "stored",
            "security.users": {}, "security.password_file": null, "mqtt.allow_anonymous": "auto", "http.token": null});
        let url = "http://127.0.0.1:3000";
        let redis = json!({"used": false, "servers": []});
        let bus = json!({"kind": "memory", "at_least_once": true, "crosses_nodes": false, "published": 0, "delivered": 0, "dropped": 0,
            "subscriptions": 0, "subscribers": 0, "shared_groups": 0});
        Story {
            node,
            store,
            redis,
            bus,
            alarms: json!([]),
            config,
            url,
            version: env!("CARGO_PKG_VERSION"),
            now: Timestamp(100_500),
        }
    }

    fn checks(self) -> Vec<Check> {
        let read = "what the test says is what the API says";
        let nodes =
            NodeList { items: vec![serde_json::from_value(self.node).expect(read)], unreachable: vec![], next_cursor: None };
        let details = Details {
            nodes,
            now: self.now,
            slack: Duration::from_secs(1),
            store: serde_json::from_value(self.store).expect(read),
            redis: serde_json::from_value(self.redis).expect(read),
            bus: serde_json::from_value(self.bus).expect(read),
            alarms: serde_json::from_value(self.alarms).expect(read),
            config: serde_json::from_value(self.config).expect(read),
        };
        look(&Facts {
            url: self.url.to_owned(),
            token: true,
            took: Duration::from_millis(3),
            health: Ok(Health { status: "ok".into(), version: self.version.into() }),
            ready: Ok(Ready { ready: true, checks: vec![] }),
            details: Ok(details),
        })
    }

    /// The one check that is not ok.
    fn finding(self) -> (String, Level) {
        let found: Vec<Check> = self.checks().into_iter().filter(|check| check.status != Level::Ok).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].hint.is_some(), "a finding says what to do: {found:?}");
        (found[0].check.clone(), found[0].status)
    }
}

fn finding(change: impl FnOnce(&mut Story)) -> (String, Level) {
    let mut story = Story::begin();
    change(&mut story);
    story.finding()
}

fn is(check: &str, level: Level) -> (String, Level) {
    (check.to_owned(), level)
}

#[test]
fn a_node_that_is_well_has_no_finding() {
    let checks = Story::begin().checks();
    assert!(checks.iter().all(|check| check.status == Level::Ok), "{checks:?}");
    assert!(checks.len() > 10, "{checks:?}");
}

#[test]
fn limits_are_a_warning_first() {
    assert_eq!(finding(|story| story.node["connections"] = json!(800)), is("connections", Level::Warning));
    assert_eq!(finding(|story| story.node["connections"] = json!(950)), is("connections", Level::Critical));
    assert_eq!(finding(|story| story.node["retained_messages"] = json!(85)), is("retained", Level::Warning));
    assert_eq!(finding(|story| story.node["process"]["open_descriptors"] = json!(9_900)), is("descriptors", Level::Critical));
    assert_eq!(finding(|story| story.node["process"]["descriptor_limit"] = json!(1_024)), is("descriptor_limit", Level::Warning));
    assert_eq!(finding(|story| story.node["storage"]["free_bytes"] = json!(1_000_000_000)), is("disk", Level::Warning));
    assert_eq!(finding(|story| story.node["storage"]["free_bytes"] = json!(1_000)), is("disk", Level::Critical));
}

#[test]
fn what_fails_or_is_lost_is_found() {
    assert_eq!(finding(|story| story.store["failed"] = json!(true)), is("store", Level::Critical));
    assert_eq!(finding(|story| story.store["failures"] = json!(2)), is("store", Level::Warning));
    assert_eq!(
        finding(|story| story.node["traffic"]["messages_dropped"]["per_second"] = json!(1.5)),
        is("dropped", Level::Warning)
    );
    assert_eq!(finding(|story| story.node["state"] = json!("draining")), is("nodes", Level::Warning));
    assert_eq!(finding(|story| story.config["durability.ack"] = json!("routed")), is("acknowledgement", Level::Warning));
    let alarm = json!([{"name": "queue_full", "severity": "critical", "node": "n1", "detail": "full", "hint": null, "count": 1,
        "since": "2026-01-01T00:00:00.000Z", "last": "2026-01-01T00:00:00.000Z", "cleared_at": null}]);
    assert_eq!(finding(|story| story.alarms = alarm), is("alarms", Level::Critical));
}

#[test]
fn clocks_and_versions_may_differ_a_little() {
    assert_eq!(finding(|story| story.version = "9.0.0"), is("version", Level::Warning));
    assert_eq!(finding(|story| story.now = Timestamp(90_000)), is("clock", Level::Warning));
    assert_eq!(finding(|story| story.now = Timestamp(110_000)), is("clock", Level::Warning));
    assert_eq!(finding(|story| story.now = Timestamp(200_000)), is("clock", Level::Critical));
}

#[test]
fn what_anybody_can_reach_needs_authentication_and_encryption() {
    let beyond = |protocol: &str| json!([{"protocol": protocol, "address": "0.0.0.0:1"}]);
    assert_eq!(finding(|story| story.node["listeners"] = beyond("mqtts")), is("authentication", Level::Critical));
    let with_users = |story: &mut Story| {
        story.node["listeners"] = beyond("mqtts");
        story.config["security.users"] = json!({"pump": "***"});
        story.config["mqtt.allow_anonymous"] = json!("true");
    };
    assert_eq!(finding(with_users), is("authentication", Level::Critical));
    let in_the_clear = |story: &mut Story| {
        story.node["listeners"] = beyond("http");
        story.config["http.token"] = json!("***");
    };
    assert_eq!(finding(in_the_clear), is("encryption", Level::Warning));
    assert_eq!(finding(|story| story.url = "http://10.0.0.1:3000"), is("token", Level::Warning));
}

#[test]
fn a_server_that_is_away_or_refuses_is_critical() {
    let failure = Failure::new(Exit::NoEndpoint, "no_endpoint", "nobody");
    let mut facts = Facts {
        url: "http://127.0.0.1:3000".into(),
        token: false,
        took: Duration::ZERO,
        health: Err(failure.clone()),
        ready: Err(failure.clone()),
        details: Err(failure),
    };
    let found: Vec<_> = look(&facts).into_iter().map(|check| (check.check, check.status)).collect();
    assert_eq!(found, [is("server", Level::Critical)]);
    facts.health = Ok(Health { status: "ok".into(), version: env!("CARGO_PKG_VERSION").into() });
    facts.ready = Ok(Ready { ready: true, checks: vec![] });
    facts.details = Err(Failure::new(Exit::NotAllowed, "unauthenticated", "no"));
    let found: Vec<_> = look(&facts).into_iter().filter(|check| check.status != Level::Ok).map(|check| check.check).collect();
    assert_eq!(found, ["access"]);
}

/// A Redis that is well, with these findings about it.
fn redis(findings: Value) -> Value {
    let health = json!({"kind": "single", "connected": true, "since": "2026-01-01T00:00:00.000Z", "error": null, "commands": 7,
        "batches": 7, "failed": 0, "p50_seconds": 0.0002, "p99_seconds": 0.0013});
    let settings = json!({"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "always"});
    let server = json!({"address": "r:1", "version": "7.0.15", "round_trip_seconds": 0.0001, "replicas": 0,
        "settings": settings, "findings": findings});
    json!({"used": true, "health": health, "servers": [server]})
}

#[test]
fn redis_has_rows_only_where_it_is_used() {
    let rows = |checks: Vec<Check>| checks.into_iter().filter(|check| check.check.starts_with("redis")).collect::<Vec<_>>();
    assert_eq!(rows(Story::begin().checks()), []);
    let mut well = Story::begin();
    well.redis = redis(json!([]));
    let rows = rows(well.checks());
    assert!(rows.iter().all(|row| row.status == Level::Ok), "{rows:?}");
    let names: Vec<&str> = rows.iter().map(|row| row.check.as_str()).collect();
    assert_eq!(names, ["redis", "redis_maxmemory_policy", "redis_appendonly", "redis_appendfsync", "redis_replicas"]);
    assert_eq!(rows[0].detail, "single: r:1 (7.0.15) answers in 0.10 ms; commands p50 0.20 ms, p99 1.30 ms");
}

#[test]
fn a_redis_that_is_set_up_badly_or_away_is_found() {
    let found = |setting: &str, severity: &str| {
        let found = json!([{"setting": setting, "severity": severity, "problem": "p", "fix": "f"}]);
        finding(|story| story.redis = redis(found))
    };
    assert_eq!(found("appendonly", "warning"), is("redis_appendonly", Level::Warning));
    assert_eq!(found("maxmemory-policy", "critical"), is("redis_maxmemory_policy", Level::Critical));
    assert_eq!(found("version", "warning"), is("redis_version", Level::Warning));
    let away = |story: &mut Story| {
        story.redis = redis(json!([]));
        story.redis["servers"] = json!([{"address": "r:1", "error": "no answer"}]);
    };
    assert_eq!(finding(away), is("redis", Level::Critical));
    let lost = |story: &mut Story| {
        story.redis = redis(json!([]));
        story.redis["health"]["connected"] = json!(false);
        story.redis["health"]["error"] = json!("broken");
    };
    assert_eq!(finding(lost), is("redis", Level::Critical));
}

/// A hybrid bus of two nodes, with a candidate beside it that has lost so much, as the bus itself has.
fn hybrid(candidate_lost: u64, bus_lost: u64) -> impl FnOnce(&mut Story) {
    let way = |role: &str, kind: &str, missing: u64| json!({"role": role, "kind": kind, "sent": 100, "spared": 0, "arrived": 100 - missing, "first": 0, "missing": missing});
    let canary = json!({"percent": 5, "nodes": 2, "alike": 0, "current": way("current", "hybrid", bus_lost),
        "candidate": way("candidate", "streams", candidate_lost)});
    let peer = json!({"id": "n2", "state": "ready", "version": "0.1.0", "http": ""});
    let health = redis(json!([]))["health"].clone();
    let mut cluster = json!({"name": "test", "node": "n1", "connected": true, "peers": [peer], "inboxes": [], "routes": 0, "held": 0,
        "messages_out": 0, "batches_out": 0, "messages_in": 0, "batches_in": 0, "doubles": 0, "dropped_out": 0, "redis": health});
    cluster["canary"] = canary;
    move |story| {
        story.bus["kind"] = json!("hybrid");
        story.bus["cluster"] = cluster;
        story.config["bus.kind"] = json!("hybrid");
    }
}

#[test]
fn a_bus_that_is_not_the_configured_one_and_what_a_canary_loses_are_found() {
    let mut well = Story::begin();
    hybrid(0, 0)(&mut well);
    let rows: Vec<String> = well.checks().into_iter().map(|check| format!("{} {}", check.check, check.detail)).collect();
    assert!(rows.contains(&"bus hybrid, 1 other node".to_owned()), "{rows:?}");
    assert!(rows.contains(&"canary streams beside, for 5 % of the topics: 100 messages compared".to_owned()), "{rows:?}");
    assert_eq!(finding(hybrid(1, 0)), is("canary", Level::Warning));
    assert_eq!(finding(hybrid(0, 1)), is("canary", Level::Warning));
    let other = |story: &mut Story| {
        hybrid(0, 0)(story);
        story.config["bus.kind"] = json!("pubsub");
    };
    assert_eq!(finding(other), is("bus", Level::Warning));
}
