use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::outcome::{Outcome, Recovery};
use crate::engine::timeline::Second;
use crate::load::arrivals::Arrival;
use crate::load::latency::{Buckets, Latency};
use crate::plan::settings::{Driver, Load, Scenario, Settings};
use crate::watch::machine::Environment;
use crate::watch::process;
use crate::wire::payload::Payload;

use super::model::{
    self as model, Conclusion, Connections, Costs, Latencies, LoadKind, Messages, Percentiles, Point, ProcessSample, ProcessUse,
    Run, SpectrumPoint, Spread, Throughput, Timeline, Tool,
};
use super::number;

/// Which run of which server it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub id: String,
    pub started_at: String,
    pub label: String,
    pub round: u32,
}

impl Identity {
    /// A run that begins now.
    pub fn now(scenario: &str, label: &str, round: u32) -> Self {
        let now = jiff::Timestamp::now();
        let utc = now.to_zoned_datetime(jiff::tz::TimeZone::UTC);
        Self {
            id: format!("{}-{scenario}", utc.strftime("%Y%m%d-%H%M%S-%3f")),
            started_at: utc.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            label: label.to_owned(),
            round,
        }
    }
}

/// With fewer connections their memory is lost in the noise of the server's own.
const CONNECTIONS_TO_TELL: u64 = 1_000;

/// No server keeps a connection in less: it had the memory already, from earlier runs. KB.
const LEAST_KILOBYTES: f64 = 0.25;

/// What the engine measured as a run that is not yet judged.
pub fn mqtt(identity: Identity, settings: &Settings, outcome: Outcome, environment: Environment) -> Run {
    let Identity { id, started_at, label, round } = identity;
    let (sends, delivers) = (settings.scenario.publishes(), settings.scenario.delivers());
    let arrives = delivers || settings.scenario == Scenario::Sub;
    let servers: Vec<ProcessUse> = outcome.servers.iter().map(process_use).collect();
    Run {
        id,
        started_at,
        tool: Tool::Mqtt,
        label,
        scenario: settings.scenario.name().to_owned(),
        round,
        result: if outcome.interrupted { Conclusion::Interrupted } else { Conclusion::Pass },
        settings: asked(settings),
        throughput: Throughput {
            deliveries_per_second: arrives.then(|| per_second(outcome.delivered_in_window, outcome.window)),
            messages_per_second: (sends && !settings.scenario.recovers())
                .then(|| per_second(outcome.sent_in_window, outcome.window)),
            requests_per_second: None,
            events_per_second: None,
            redis_limit_per_second: None,
            deliveries_in_window: outcome.delivered_in_window,
            messages_in_window: outcome.sent_in_window,
            window_seconds: seconds(outcome.window),
            drain_seconds: seconds(outcome.draining),
        },
        connections: Connections {
            opened: outcome.totals.connected,
            failed: outcome.totals.failed,
            lost: outcome.totals.lost,
            returned: outcome.totals.returned,
            recovery: outcome.recovery.map(recovery),
            seconds: seconds(outcome.connecting),
            connects_per_second: per_second(outcome.totals.connected, outcome.connecting),
            failures: outcome.failures.iter().map(ToString::to_string).collect(),
            losses: outcome.losses.clone(),
        },
        messages: Messages {
            due: outcome.totals.due,
            sent: outcome.totals.sent,
            shed: outcome.totals.shed,
            acknowledged: outcome.totals.acknowledged,
            owed: outcome.totals.owed,
            delivered: outcome.totals.delivered,
        },
        latency_milliseconds: Latencies {
            response: latency(&outcome.response),
            // Of what waited for its subscriber the way says nothing.
            service: latency(&outcome.service).filter(|_| !settings.scenario.recovers()),
            acknowledgement: latency(&outcome.acknowledgement),
            generator_lag: latency(&outcome.lag).filter(|_| settings.load.is_paced()),
            connect: latency(&outcome.connect),
        },
        guarantee: outcome.audit.as_ref().map(|audit| audit.guarantee()),
        answers: vec![],
        costs: costs(&outcome),
        generator: process_use(&outcome.generator),
        machine: outcome.machine,
        targets: vec![],
        violations: vec![],
        doubts: vec![],
        failures: outcome.unknown_servers.clone(),
        timeline: seconds_of(settings.warmup, &outcome.timeline),
        environment,
        audit: outcome.audit,
        servers,
    }
}

fn asked(settings: &Settings) -> model::Settings {
    let load = if settings.load.is_paced() { LoadKind::Paced } else { LoadKind::Unpaced };
    let sends = settings.scenario.publishes();
    let count = |count: usize| Some(count as u64);
    model::Settings {
        urls: settings.servers.iter().map(|server| server.url.clone()).collect(),
        protocol: format!("MQTT {}", settings.login.protocol.name()),
        connections: settings.connections() as u64,
        publishers: count(settings.devices + settings.publishers),
        subscribers: count(settings.devices + settings.subscribers),
        idle: count(settings.idle),
        topics: count(settings.topics),
        qos: (settings.scenario != Scenario::Conns).then_some(settings.qos()),
        size_bytes: settings.size() as u64,
        load,
        messages_per_second: settings.load.offered(settings.warmup, settings.duration).filter(|_| sends),
        connects_per_second: settings.connect_rate,
        duration_seconds: settings.duration.as_secs_f64(),
        warmup_seconds: settings.warmup.as_secs_f64(),
        inflight: Some(u64::from(settings.inflight)),
        persistent: Some(settings.login.persistent),
        seed: settings.seed,
        workers: settings.workers as u64,
        options: options(settings),
    }
}

/// What is not as it is by default.
fn options(settings: &Settings) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut set = |name: &str, value: String| options.insert(name.to_owned(), value);
    let mut transports: Vec<_> = settings.servers.iter().map(|server| server.transport.name()).collect();
    transports.sort_unstable();
    transports.dedup();
    if transports != ["tcp"] {
        set("over", transports.join(","));
    }
    if settings.servers.len() > 1 {
        let spread = match settings.across {
            0.0 => "each".to_owned(),
            1.0 => "across".to_owned(),
            share => format!("{}% across", number::figure(share * 100.0)),
        };
        set("servers", format!("{} ({spread})", settings.servers.len()));
    }
    if settings.mix.is_mixed() {
        set("mix", settings.mix.to_string());
    }
    if settings.driver == Driver::Rumqttc {
        set("driver", "rumqttc".to_owned());
    }
    if let Load::Ramp { from, to, over } = settings.load {
        set("rate", format!("{from}..{to}/{}", humantime::format_duration(over)));
    }
    if settings.arrival != Arrival::Constant {
        set("arrival", settings.arrival.name().to_owned());
    }
    if let Some(churn) = settings.churn {
        set("churn", format!("{churn}/s"));
    }
    if settings.retain {
        set("retain", "yes".to_owned());
    }
    match settings.scenario {
        Scenario::Shared => drop(set("groups", settings.groups.to_string())),
        Scenario::Storm => drop(set("queued", settings.queued.to_string())),
        Scenario::Device => drop(set("devices", settings.devices.to_string())),
        Scenario::Sub => drop(set("topic", settings.topic.clone().unwrap_or_else(|| "#".to_owned()))),
        _ => {}
    }
    if !matches!(settings.payload, Payload::Filler(_)) {
        set("payload", "given".to_owned());
    }
    options
}

fn recovery(found: Recovery) -> model::Recovery {
    model::Recovery {
        clients: found.clients,
        sessions_lost: found.sessions_lost,
        stored_messages: found.stored,
        storing_seconds: seconds(found.filling),
        connected_seconds: found.connected.map(seconds),
        delivered_seconds: found.delivered.map(seconds),
    }
}

/// Processor seconds of all servers; None when there are none, or when one of them is not known: part of the cost is not the cost.
pub(super) fn together(servers: &[process::ProcessUse], unknown: &[String]) -> Option<f64> {
    (!servers.is_empty() && unknown.is_empty()).then(|| servers.iter().map(|server| server.cpu_seconds).sum())
}

fn costs(outcome: &Outcome) -> Costs {
    let delivered = Some(outcome.delivered_in_window).filter(|delivered| *delivered > 0);
    let each = |cpu_seconds: f64| delivered.map(|delivered| cpu_seconds * 1e6 / delivered as f64);
    let connections = Some(outcome.totals.connected).filter(|connected| *connected >= CONNECTIONS_TO_TELL);
    Costs {
        server_microseconds_per_delivery: together(&outcome.servers, &outcome.unknown_servers).and_then(each),
        generator_microseconds_per_delivery: each(outcome.generator.cpu_seconds),
        server_microseconds_per_request: None,
        server_kilobytes_per_connection: outcome
            .server_memory
            .zip(connections)
            .map(|((before, after), connections)| after.saturating_sub(before) as f64 / 1_024.0 / connections as f64)
            .filter(|each| *each >= LEAST_KILOBYTES),
        redis_commands_per_message: None,
    }
}

pub(super) fn seconds_of(warmup: Duration, timeline: &[Second]) -> Timeline {
    let warmup = warmup.as_secs_f64();
    let used = timeline.iter().flat_map(|second| &second.heat).map(|(bucket, _)| *bucket);
    let buckets = used.clone().min().zip(used.max()).map_or(0..0, |(lowest, highest)| lowest..highest + 1);
    let point = |second: &Second| {
        let at_seconds = second.at as f64 + 1.0;
        let mut heat = vec![0; buckets.len()];
        for (bucket, count) in &second.heat {
            heat[usize::from(bucket - buckets.start)] = *count;
        }
        Point {
            at_seconds,
            warmup: at_seconds <= warmup,
            sent: Some(second.sent),
            delivered: second.delivered,
            latency: second.latency.map(|found| Spread { p50: found.p50, p99: found.p99, max: found.max }),
            heat,
            servers: second.servers.iter().map(|found| found.as_ref().map(sample)).collect(),
            generator: second.generator.as_ref().map(sample),
        }
    };
    Timeline {
        points: timeline.iter().map(point).collect(),
        heat_milliseconds: buckets.clone().map(|bucket| Buckets::lower_bound(bucket + 1)).collect(),
        marks: vec![],
    }
}

fn sample(sample: &process::ProcessSample) -> ProcessSample {
    ProcessSample { cores: sample.cores, resident_bytes: sample.resident }
}

pub(super) fn latency(latency: &Latency) -> Option<Percentiles> {
    let found = latency.percentiles();
    (found.count > 0).then(|| Percentiles {
        count: found.count,
        p50: found.p50,
        p90: found.p90,
        p99: found.p99,
        p999: found.p999,
        max: found.max,
        mean: found.mean,
        spectrum: latency
            .spectrum()
            .into_iter()
            .map(|point| SpectrumPoint { quantile: point.quantile, milliseconds: point.ms })
            .collect(),
    })
}

pub(super) fn process_use(used: &process::ProcessUse) -> ProcessUse {
    ProcessUse {
        name: used.name.clone(),
        pid: used.pid,
        url: used.url.clone(),
        cpu_seconds: used.cpu_seconds,
        cores: used.cores,
        resident_bytes: used.resident,
        resident_peak_bytes: used.resident_peak,
        descriptors: used.descriptors,
    }
}

pub(super) fn per_second(count: u64, ns: u64) -> f64 {
    if ns == 0 { 0.0 } else { count as f64 * 1e9 / ns as f64 }
}

pub(super) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
