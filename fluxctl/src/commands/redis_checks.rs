use flux_core::api::{RedisHealth, RedisInfo, RedisServer, Severity};
use flux_core::output::milliseconds;

use super::checks::Report;

/// Settings that get a row also where nothing is wrong with them.
const SETTINGS: [&str; 4] = ["maxmemory-policy", "appendonly", "appendfsync", "replicas"];

/// Whether Redis answers, and whether it keeps what it is given. Nothing to look at where none is used.
pub fn look(report: &mut Report, redis: &RedisInfo) {
    let Some(health) = redis.health.as_ref().filter(|_| redis.used) else { return };
    reachable(report, health, &redis.servers);
    for server in &redis.servers {
        for finding in &server.findings {
            let detail = format!("{}: {}", server.address, finding.problem);
            match finding.severity {
                Severity::Critical => report.critical(&check(&finding.setting), detail, &finding.fix),
                Severity::Warning | Severity::Info => report.warning(&check(&finding.setting), detail, &finding.fix),
            }
        }
    }
    for setting in SETTINGS {
        let found = redis.servers.iter().flat_map(|server| &server.findings).any(|finding| finding.setting == setting);
        let mut values: Vec<String> = redis.servers.iter().filter_map(|server| value(server, setting)).collect();
        values.dedup();
        if !found && !values.is_empty() {
            report.ok(&check(setting), values.join(", "));
        }
    }
}

/// A stable word for a setting of Redis.
fn check(setting: &str) -> String {
    format!("redis_{}", setting.replace('-', "_"))
}

fn value(server: &RedisServer, setting: &str) -> Option<String> {
    match setting {
        "replicas" => server.replicas.map(|replicas| replicas.to_string()),
        // When a file that is not written reaches the disk is of no interest.
        "appendfsync" if server.settings.get("appendonly").is_some_and(|written| written == "no") => None,
        _ => server.settings.get(setting).cloned(),
    }
}

fn reachable(report: &mut Report, health: &RedisHealth, servers: &[RedisServer]) {
    let silent = servers.iter().filter_map(|server| Some((&server.address, server.error.as_ref()?)));
    let silent: Vec<String> = silent.map(|(address, error)| format!("{address}: {error}")).collect();
    let hint = "start it, or look at its log and at redis.url; what needs it is not acknowledged meanwhile";
    if !silent.is_empty() {
        return report.critical("redis", silent.join(", "), hint);
    }
    if let Some(error) = health.error.as_ref().filter(|_| !health.connected) {
        return report.critical("redis", format!("the server is not connected to it: {error}"), hint);
    }
    let primaries = servers.iter().map(|server| {
        let took = server.round_trip_seconds.map_or_else(String::new, |seconds| format!(" in {}", milliseconds(seconds)));
        format!("{} ({}) answers{took}", server.address, server.version.as_deref().unwrap_or("?"))
    });
    let commands = match health.commands {
        0 => String::new(),
        _ => format!("; commands p50 {}, p99 {}", milliseconds(health.p50_seconds), milliseconds(health.p99_seconds)),
    };
    report.ok("redis", format!("{}: {}{commands}", health.kind, primaries.collect::<Vec<_>>().join(", ")));
}
