//! What `doctor` looks at. Pure: what the server told in, findings out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flux_core::api::{Alarm, BusInfo, DurableInfo, Health, Node, NodeList, NodeState, Ready, RedisInfo, Severity};
use flux_core::output::{bytes, count, quantity};
use flux_core::types::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::bus_checks;
use super::exposure;
use super::redis_checks;
use crate::failure::{Exit, Failure};

/// A share of a limit that is worth a word, and one that is too much.
const HIGH_PERCENT: u64 = 80;
const FULL_PERCENT: u64 = 95;

/// Room on the disk of the data folder.
const LITTLE_SPACE: u64 = 2_000_000_000;
const NO_SPACE: u64 = 200_000_000;

/// Descriptors that a server needs for itself: files of the store, HTTP, listeners.
const OWN_DESCRIPTORS: u64 = 100;

/// An answer that takes longer makes everything else slow as well.
const SLOW: Duration = Duration::from_secs(1);

/// Clocks that differ more make times and expiries hard to read, or wrong.
const SKEW: Duration = Duration::from_secs(2);
const BAD_SKEW: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Ok,
    Warning,
    Critical,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Critical => "critical",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A stable word.
    pub check: String,
    pub status: Level,
    pub detail: String,
    pub hint: Option<String>,
}

/// What was found out.
#[derive(Debug)]
pub struct Facts {
    pub url: String,
    /// A token is sent.
    pub token: bool,
    /// Until the first answer.
    pub took: Duration,
    pub health: Result<Health, Failure>,
    pub ready: Result<Ready, Failure>,
    pub details: Result<Details, Failure>,
}

/// What only those may see who have the token.
#[derive(Debug)]
pub struct Details {
    pub nodes: NodeList,
    /// When the nodes' answer came, by the clock here, and how exact a node's clock can be told from it.
    pub now: Timestamp,
    pub slack: Duration,
    pub store: DurableInfo,
    pub bus: BusInfo,
    /// `None`: the server is of a version that does not tell.
    pub redis: Option<RedisInfo>,
    pub alarms: Vec<Alarm>,
    pub config: BTreeMap<String, Value>,
}

/// Every check, in the order in which one would look.
/// Where the store keeps what it has, and how much that is as far as it knows.
pub fn place(store: &DurableInfo) -> String {
    match store.kind.as_str() {
        "redis" => "in Redis".to_owned(),
        _ => format!("{} on disk", bytes(store.disk_bytes)),
    }
}

pub fn look(facts: &Facts) -> Vec<Check> {
    let mut report = Report::default();
    match &facts.health {
        Ok(health) => {
            report.server(facts, health);
            report.ready(&facts.ready);
            report.token(facts);
        }
        Err(failure) => report.critical("server", failure.line(), "start it with flux-core serve, or name another with --url"),
    }
    match &facts.details {
        Ok(details) => report.details(details),
        Err(failure) if facts.health.is_ok() => {
            let denied = failure.exit() == Exit::NotAllowed;
            let hint = if denied { "pass the server's token with --token or FLUX_TOKEN" } else { "see the server's log" };
            report.critical("access", failure.line(), hint);
        }
        // Nobody answers: that has been said.
        Err(_) => {}
    }
    report.0
}

#[derive(Debug, Default)]
pub struct Report(Vec<Check>);

impl Report {
    fn add(&mut self, check: &str, status: Level, detail: String, hint: Option<&str>) {
        self.0.push(Check { check: check.to_owned(), status, detail, hint: hint.map(str::to_owned) });
    }

    pub fn ok(&mut self, check: &str, detail: impl Into<String>) {
        self.add(check, Level::Ok, detail.into(), None);
    }

    pub fn warning(&mut self, check: &str, detail: impl Into<String>, hint: &str) {
        self.add(check, Level::Warning, detail.into(), Some(hint));
    }

    pub fn critical(&mut self, check: &str, detail: impl Into<String>, hint: &str) {
        self.add(check, Level::Critical, detail.into(), Some(hint));
    }

    fn server(&mut self, facts: &Facts, health: &Health) {
        let detail = format!("{} answers in {} ms", facts.url.trim_end_matches('/'), facts.took.as_millis());
        match facts.took {
            took if took > SLOW => {
                self.warning("server", detail, "look at its load (fluxctl nodes list) and at the network between")
            }
            _ => self.ok("server", detail),
        }
        let tool = env!("CARGO_PKG_VERSION");
        let series = |version: &str| version.rsplit_once('.').map(|(series, _)| series.to_owned());
        let versions = format!("fluxctl {tool}, server {}", health.version);
        match series(tool) == series(&health.version) {
            true => self.ok("version", versions),
            false => self.warning("version", versions, "use a fluxctl of the server's version"),
        }
    }

    fn ready(&mut self, ready: &Result<Ready, Failure>) {
        match ready {
            Ok(ready) => {
                for check in &ready.checks {
                    let name = format!("ready:{}", check.name);
                    match check.ok {
                        true => self.ok(&name, "it is"),
                        false => {
                            let detail = check.detail.clone().unwrap_or_else(|| "it does not say why".to_owned());
                            self.critical(&name, detail, "fluxctl alarms list -o wide");
                        }
                    }
                }
            }
            Err(failure) => self.critical("ready", failure.line(), "see the server's log"),
        }
    }

    /// A token in the clear on a network can be read there.
    fn token(&mut self, facts: &Facts) {
        let host = facts.url.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or(rest));
        let far = host.is_some_and(|host| {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
            name != "localhost" && !name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        });
        if facts.token && far {
            let detail = format!("the token crosses the network in the clear to {}", facts.url);
            self.warning("token", detail, "use https:// (http.tls.cert and http.tls.key)");
        }
    }

    fn details(&mut self, details: &Details) {
        self.nodes(details);
        self.alarms(&details.alarms);
        for node in &details.nodes.items {
            self.limits(node, details);
            self.disk(node);
            self.dropped(node);
            self.clock(node, details);
        }
        self.store(&details.store);
        self.durability(details);
        bus_checks::look(self, &details.bus, details.config.get("bus.kind").and_then(Value::as_str));
        if let Some(redis) = &details.redis {
            redis_checks::look(self, redis);
        }
        exposure::look(self, details);
    }

    fn nodes(&mut self, details: &Details) {
        for node in &details.nodes.unreachable {
            let detail = format!("{} at {} does not answer: {}", node.id, node.address, node.detail);
            self.critical("nodes", detail, "look at its log; start it again with flux-core serve");
        }
        for node in details.nodes.items.iter().filter(|node| node.state != NodeState::Ready) {
            let detail = format!("{} is {}", node.id, node.state.as_str());
            match node.state {
                NodeState::Gone | NodeState::Unknown => self.critical("nodes", detail, "fluxctl nodes list"),
                _ => self.warning("nodes", detail, "fluxctl wait node NODE --state ready"),
            }
        }
        let versions: BTreeSet<&str> = details.nodes.items.iter().map(|node| node.version.as_str()).collect();
        if versions.len() > 1 {
            let versions = versions.into_iter().collect::<Vec<_>>().join(" and ");
            self.warning("nodes", format!("they run different versions: {versions}"), "finish the upgrade");
        }
        if !self.0.iter().any(|check| check.check == "nodes") {
            self.ok("nodes", format!("{} ready", quantity(details.nodes.items.len() as u64, "node")));
        }
    }

    fn alarms(&mut self, alarms: &[Alarm]) {
        let worth = alarms.iter().filter(|alarm| alarm.severity != Severity::Info);
        for alarm in worth {
            let detail = format!("{} on {}: {}", alarm.name, alarm.node, alarm.detail);
            let hint = alarm.hint.as_deref().unwrap_or("fluxctl alarms list -o wide");
            match alarm.severity {
                Severity::Critical => self.critical("alarms", detail, hint),
                _ => self.warning("alarms", detail, hint),
            }
        }
        if !self.0.iter().any(|check| check.check == "alarms") {
            self.ok("alarms", "none");
        }
    }

    fn limits(&mut self, node: &Node, details: &Details) {
        let most = details.config.get("mqtt.max_connections").and_then(Value::as_u64);
        if let Some(most) = most {
            self.share(node, "connections", node.connections, most, "raise mqtt.max_connections, or find who connects so often");
        }
        if let (Some(open), Some(limit)) = (node.process.open_descriptors, node.process.descriptor_limit) {
            let raise = "raise the limit on open files (ulimit -n, LimitNOFILE) or lower mqtt.max_connections";
            self.share(node, "descriptors", open, limit, raise);
            if let Some(most) = most.filter(|most| limit < most.saturating_add(OWN_DESCRIPTORS)) {
                let reach = limit.saturating_sub(OWN_DESCRIPTORS);
                let detail =
                    format!("{}: {} of {} connections fit into {} descriptors", node.id, count(reach), count(most), count(limit));
                self.warning("descriptor_limit", detail, raise);
            }
        }
        if let Some(most) = details.config.get("mqtt.max_retained_messages").and_then(Value::as_u64) {
            self.share(
                node,
                "retained",
                node.retained_messages,
                most,
                "delete retained messages nobody needs, or raise the limit",
            );
        }
    }

    fn share(&mut self, node: &Node, check: &str, value: u64, limit: u64, hint: &str) {
        let detail = format!("{}: {} of {}", node.id, count(value), count(limit));
        match value.saturating_mul(100).checked_div(limit).unwrap_or(0) {
            FULL_PERCENT.. => self.critical(check, detail, hint),
            HIGH_PERCENT.. => self.warning(check, detail, hint),
            _ => self.ok(check, detail),
        }
    }

    fn disk(&mut self, node: &Node) {
        let Some(free) = node.storage.free_bytes else { return };
        let detail =
            format!("{}: {} free, {} used in {}", node.id, bytes(free), bytes(node.storage.used_bytes), node.storage.data_dir);
        let hint = "make room, or move node.data_dir: a full disk stops every acknowledged publish";
        match free {
            0..NO_SPACE => self.critical("disk", detail, hint),
            NO_SPACE..LITTLE_SPACE => self.warning("disk", detail, hint),
            _ => self.ok("disk", detail),
        }
    }

    fn dropped(&mut self, node: &Node) {
        let dropped = node.traffic.messages_dropped;
        let detail = format!("{}: {} since the start, {:.1}/s now", node.id, count(dropped.total), dropped.per_second);
        match dropped.per_second > 0.0 {
            true => self.warning("dropped", detail, "fluxctl metrics flux_messages_dropped shows the reasons"),
            false => self.ok("dropped", detail),
        }
    }

    /// A node tells its start and, in whole seconds, how long that is ago: its clock within a second.
    fn clock(&mut self, node: &Node, details: &Details) {
        let earliest = node.started_at.0.after(Duration::from_secs(node.uptime_seconds));
        let skew = details.now.since(earliest.after(details.slack)).max(earliest.since(details.now));
        let detail = format!("{}: {:.1} s apart from here", node.id, skew.as_secs_f64());
        let hint = "synchronize the clocks (chrony, systemd-timesyncd)";
        match skew {
            skew if skew > BAD_SKEW => self.critical("clock", detail, hint),
            skew if skew > SKEW => self.warning("clock", detail, hint),
            _ => self.ok("clock", format!("{}: the same as here", node.id)),
        }
    }

    fn store(&mut self, store: &DurableInfo) {
        let detail = format!("{}, {} queued, {} failed writes", place(store), count(store.queued_entries), count(store.failures));
        match (store.failed, store.failures) {
            (true, _) => self.critical("store", detail, "fluxctl alarms list -o wide"),
            (false, 1..) => self.warning("store", detail, "the store writes again; find out what the disk had (server's log)"),
            (false, 0) => self.ok("store", detail),
        }
    }

    fn durability(&mut self, details: &Details) {
        match details.config.get("durability.ack").and_then(Value::as_str) {
            Some("routed") => {
                let detail = "routed: what is acknowledged is lost when the process ends";
                self.warning("acknowledgement", detail, "set durability.ack to stored, or to replicated for power failures");
            }
            Some("auto") => self.ok("acknowledgement", "auto: survives the end of any one process"),
            Some("stored") => self.ok("acknowledgement", "stored: survives the end of the process, not a power failure"),
            Some(level) => self.ok("acknowledgement", format!("{level}: survives a power failure")),
            None => {}
        }
    }
}

#[cfg(test)]
#[path = "checks_tests.rs"]
mod tests;
