use schemars::JsonSchema;
use serde::Serialize;

use crate::report::number::{bytes, figure, grouped};

use super::door::Door;
use super::facts::Facts;

/// Descriptors beside those of connections: standard streams, epoll, timers, files.
const DESCRIPTORS_BESIDE: u64 = 64;

/// What the generator needs, and what each of its connections does, bytes.
const MEMORY: u64 = 200_000_000;
const MEMORY_PER_CONNECTION: u64 = 16_384;

/// Above this share of the machine others are at work.
const LOADED: f64 = 0.5;

/// Clocks that are read without asking the kernel.
const FAST_CLOCKS: [&str; 4] = ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"];

/// A clock that costs more than this, ns, is part of what it measures.
const DEAR_CLOCK: f64 = 1_000.0;

/// A burst of connections that is longer than the queue is tried again after a second.
const BACKLOG_WANTED: u64 = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    Ok,
    /// A run works, and its figures want care.
    Warning,
    /// A run could not work.
    Critical,
}

/// What was looked at, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub check: String,
    pub status: Level,
    pub detail: String,
    /// Never absent when it is not ok.
    pub hint: Option<String>,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Level::Ok => "OK",
            Level::Warning => "WARNING",
            Level::Critical => "CRITICAL",
        }
    }
}

impl Check {
    fn ok(check: &str, detail: impl Into<String>) -> Self {
        Self { check: check.to_owned(), status: Level::Ok, detail: detail.into(), hint: None }
    }

    fn not_ok(check: &str, status: Level, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check: check.to_owned(), status, detail: detail.into(), hint: Some(hint.into()) }
    }
}

/// Everything that is looked at. Pure.
pub fn look(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![descriptors(facts), ports(facts), processors(facts), clock(facts), memory(facts), backlog(facts)];
    checks.push(if facts.optimised {
        Check::ok("build", "optimised")
    } else {
        Check::not_ok("build", Level::Warning, "a debug build measures itself more than the server", "cargo build --release")
    });
    for door in &facts.doors {
        checks.push(server(door));
        checks.extend(server_descriptors(door, facts.connections));
        checks.extend(shared(door, facts.cores));
    }
    checks
}

fn descriptors(facts: &Facts) -> Check {
    let needed = facts.connections + DESCRIPTORS_BESIDE;
    match facts.descriptors {
        Some(limit) if limit < needed => Check::not_ok(
            "descriptors",
            Level::Critical,
            format!(
                "{} connections need {} descriptors, {} may be opened",
                grouped(facts.connections),
                grouped(needed),
                grouped(limit)
            ),
            format!("ulimit -Hn {needed} (LimitNOFILE= of a service), or --conns {}", limit.saturating_sub(DESCRIPTORS_BESIDE)),
        ),
        Some(limit) => Check::ok("descriptors", format!("{} may be opened, {} are needed", grouped(limit), grouped(needed))),
        None => unknown("descriptors", "ulimit -Hn shows it"),
    }
}

fn ports(facts: &Facts) -> Check {
    let Some((first, last)) = facts.ports else { return unknown("ports", "sysctl net.ipv4.ip_local_port_range shows it") };
    let ports = u64::from(last.saturating_sub(first)) + 1;
    let elsewhere = facts.doors.iter().any(|door| !door.local);
    let detail = format!("{} for each source address and server ({first} to {last})", grouped(ports));
    if facts.connections > ports && elsewhere {
        let hint = "sysctl net.ipv4.ip_local_port_range='1024 65535', several source addresses, or several generators";
        return Check::not_ok(
            "ports",
            Level::Critical,
            format!("{detail}, {} connections are wanted", grouped(facts.connections)),
            hint,
        );
    }
    if facts.connections > ports {
        return Check::ok("ports", format!("{detail}; a server on this machine is reached from several loopback addresses"));
    }
    Check::ok("ports", detail)
}

fn processors(facts: &Facts) -> Check {
    let load = facts.load.unwrap_or_default();
    let detail = format!("{} cores, load {load:.2}", facts.cores);
    if load > LOADED * facts.cores as f64 {
        let hint = "stop what else is running: it takes processor time from server and generator alike";
        return Check::not_ok("processors", Level::Warning, format!("{detail}: others are at work"), hint);
    }
    if facts.cores == 1 {
        let hint = "use a machine with two cores at least";
        return Check::not_ok("processors", Level::Warning, format!("{detail}: server and generator take turns"), hint);
    }
    Check::ok("processors", detail)
}

fn clock(facts: &Facts) -> Check {
    let clock = &facts.clock;
    let source = clock.source.as_deref().unwrap_or("unknown source");
    let detail = format!("CLOCK_MONOTONIC by {source}, {} ns a reading", figure(clock.cost));
    if clock.backwards {
        return Check::not_ok(
            "clock",
            Level::Critical,
            format!("{detail}, and it went backwards"),
            "use another machine: no latency here means anything",
        );
    }
    if clock.cost > DEAR_CLOCK || clock.source.as_deref().is_some_and(|source| !FAST_CLOCKS.contains(&source)) {
        let hint =
            "choose tsc or kvm-clock (/sys/devices/system/clocksource), or read rates with care: every message reads the clock";
        return Check::not_ok("clock", Level::Warning, detail, hint);
    }
    Check::ok("clock", detail)
}

fn memory(facts: &Facts) -> Check {
    let Some(available) = facts.memory else { return unknown("memory", "free -m shows it") };
    let needed = MEMORY + facts.connections * MEMORY_PER_CONNECTION;
    let detail = format!("{} available, about {} are needed", bytes(available as f64), bytes(needed as f64));
    if available < needed {
        return Check::not_ok("memory", Level::Critical, detail, "fewer --conns, or a machine with more memory");
    }
    if available < 2 * needed {
        return Check::not_ok("memory", Level::Warning, detail, "close what else is running before the machine begins to swap");
    }
    Check::ok("memory", detail)
}

fn backlog(facts: &Facts) -> Check {
    match facts.backlog {
        Some(length) if length < BACKLOG_WANTED => Check::not_ok(
            "accept queue",
            Level::Warning,
            format!("net.core.somaxconn is {length}: a burst of connections overflows it and is tried again after a second"),
            format!("sysctl net.core.somaxconn={BACKLOG_WANTED} where the server is"),
        ),
        Some(length) => Check::ok("accept queue", format!("net.core.somaxconn is {}", grouped(length))),
        None => unknown("accept queue", "sysctl net.core.somaxconn shows it"),
    }
}

fn server(door: &Door) -> Check {
    let name = format!("server {}", door.url);
    match &door.closed {
        Some(reason) => {
            // One that nobody named may well not be there.
            let level = if door.named { Level::Critical } else { Level::Warning };
            Check::not_ok(&name, level, reason.as_str(), "start a server (flux-core serve) or name one: --url")
        }
        None => {
            let who =
                door.version.as_ref().map_or_else(|| "accepts connections".to_owned(), |version| format!("FLUX IOT {version}"));
            Check::ok(&name, format!("{who}, after {:.1} ms", door.took.as_secs_f64() * 1e3))
        }
    }
}

fn server_descriptors(door: &Door, connections: u64) -> Option<Check> {
    let (pid, limit) = door.process?;
    let limit = limit?;
    let needed = connections + DESCRIPTORS_BESIDE;
    let name = format!("server's descriptors (pid {pid})");
    Some(if limit < needed {
        let hint = format!(
            "start it with ulimit -n {needed} (LimitNOFILE= of its service), or --conns {}",
            limit.saturating_sub(DESCRIPTORS_BESIDE)
        );
        Check::not_ok(&name, Level::Critical, format!("{} may be opened, {} are needed", grouped(limit), grouped(needed)), hint)
    } else {
        Check::ok(&name, format!("{} may be opened, {} are needed", grouped(limit), grouped(needed)))
    })
}

fn shared(door: &Door, cores: usize) -> Option<Check> {
    let (pid, _) = door.process?;
    let name = format!("server's machine (pid {pid})");
    let detail = format!("this one: server and generator share {cores} cores");
    let hint = "compare servers in the same run (--baseline), or run the generator elsewhere before believing a rate";
    Some(Check::not_ok(&name, Level::Warning, detail, hint))
}

fn unknown(check: &str, hint: &str) -> Check {
    Check::not_ok(check, Level::Warning, "cannot be read here", hint)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::facts::Clock;
    use super::*;

    fn door() -> Door {
        Door {
            url: "http://127.0.0.1:3000".to_owned(),
            named: true,
            closed: None,
            version: Some("0.1.0".to_owned()),
            took: Duration::from_millis(1),
            local: true,
            process: Some((7, Some(100_000))),
        }
    }

    fn sound() -> Facts {
        Facts {
            connections: 10_000,
            descriptors: Some(1_048_576),
            ports: Some((32_768, 60_999)),
            cores: 8,
            load: Some(0.1),
            clock: Clock { source: Some("tsc".to_owned()), cost: 25.0, backwards: false },
            memory: Some(8_000_000_000),
            backlog: Some(4_096),
            optimised: true,
            doors: vec![],
        }
    }

    fn level(facts: &Facts, check: &str) -> Level {
        let checks = look(facts);
        checks.iter().find(|found| found.check.starts_with(check)).expect("it is looked at").status
    }

    #[test]
    fn a_sound_machine_has_nothing_to_complain_of() {
        assert!(look(&sound()).iter().all(|check| check.status == Level::Ok), "{:?}", look(&sound()));
    }

    #[test]
    fn whatever_is_not_ok_says_what_to_do() {
        let clock = Clock { source: Some("hpet".to_owned()), cost: 2_000.0, backwards: true };
        let far = Door { local: false, process: None, closed: Some("refused".to_owned()), ..door() };
        let near = Door { process: Some((7, Some(1_024))), ..door() };
        let poor = Facts {
            connections: 50_000,
            descriptors: Some(1_024),
            ports: None,
            cores: 1,
            load: Some(3.0),
            clock,
            memory: Some(1_000),
            backlog: Some(128),
            optimised: false,
            doors: vec![far, near],
        };
        let not_ok: Vec<Check> = look(&poor).into_iter().filter(|check| check.status > Level::Ok).collect();
        assert!(not_ok.len() >= 9 && not_ok.iter().all(|check| check.hint.is_some()), "{not_ok:?}");
        for check in ["descriptors", "clock", "memory", "server http", "server's descriptors"] {
            assert_eq!(level(&poor, check), Level::Critical, "{check}");
        }
    }

    #[test]
    fn ports_are_enough_on_this_machine_and_not_across_a_network() {
        let mut facts = Facts { connections: 60_000, doors: vec![door()], ..sound() };
        assert_eq!(level(&facts, "ports"), Level::Ok);
        facts.doors[0].local = false;
        assert_eq!(level(&facts, "ports"), Level::Critical);
    }

    #[test]
    fn a_server_that_nobody_named_may_be_missing() {
        let closed = |named| Facts { doors: vec![Door { named, closed: Some("refused".to_owned()), ..door() }], ..sound() };
        assert_eq!(level(&closed(false), "server http"), Level::Warning);
        assert_eq!(level(&closed(true), "server http"), Level::Critical);
    }
}
