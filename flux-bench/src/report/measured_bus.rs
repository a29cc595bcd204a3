use std::collections::BTreeMap;

use crate::alone::{Outcome, Settings};
use crate::watch::machine::Environment;

use super::measured::{Identity, latency, per_second, process_use, seconds, seconds_of, together};
use super::model::{self as model, Conclusion, Connections, Costs, Latencies, LoadKind, Messages, Run, Throughput, Tool};

/// What a bus alone measured as a run that is not yet judged.
pub fn alone(identity: Identity, settings: &Settings, outcome: Outcome, environment: Environment) -> Run {
    let Identity { id, started_at, label, round } = identity;
    let paced = settings.orders.rate.is_some();
    let audit = outcome.audit;
    let delivered = outcome.delivered_in_window.max(1) as f64;
    let sent: u64 = audit.sent;
    Run {
        id,
        started_at,
        tool: Tool::Bus,
        label,
        scenario: settings.orders.bus.clone(),
        round,
        result: Conclusion::Pass,
        settings: asked(settings),
        throughput: Throughput {
            deliveries_per_second: Some(per_second(outcome.delivered_in_window, outcome.window)),
            messages_per_second: Some(per_second(outcome.published.sent_in_window, outcome.window)),
            deliveries_in_window: outcome.delivered_in_window,
            messages_in_window: outcome.published.sent_in_window,
            window_seconds: seconds(outcome.window),
            drain_seconds: seconds(outcome.draining),
            ..Default::default()
        },
        connections: Connections::default(),
        messages: Messages {
            due: outcome.published.due,
            sent,
            shed: outcome.published.due.saturating_sub(sent),
            acknowledged: audit.acknowledged,
            owed: audit.owed,
            delivered: audit.delivered,
        },
        latency_milliseconds: Latencies {
            response: latency(&outcome.response).filter(|_| paced),
            service: latency(&outcome.service),
            acknowledgement: None,
            generator_lag: latency(&outcome.lag).filter(|_| paced),
            connect: None,
        },
        guarantee: Some(audit.guarantee()),
        audit: Some(audit),
        answers: vec![],
        costs: Costs {
            server_microseconds_per_delivery: together(&outcome.servers, &outcome.unknown_servers)
                .map(|cpu| cpu * 1e6 / delivered),
            generator_microseconds_per_delivery: None,
            ..Default::default()
        },
        servers: outcome.servers.iter().map(process_use).collect(),
        generator: process_use(&outcome.generator),
        machine: outcome.machine,
        targets: vec![],
        violations: vec![],
        doubts: vec![],
        failures: outcome.unknown_servers,
        timeline: seconds_of(settings.warmup, &outcome.timeline),
        environment,
    }
}

fn asked(settings: &Settings) -> model::Settings {
    let orders = &settings.orders;
    let mut options = BTreeMap::from([("bus".to_owned(), orders.bus.clone()), ("in-process".to_owned(), "yes".to_owned())]);
    if orders.bus != "memory" {
        options.insert("across".to_owned(), format!("{}%", (orders.across * 100.0).round()));
    }
    model::Settings {
        protocol: "no protocol".to_owned(),
        publishers: Some(1),
        subscribers: Some(1),
        topics: Some(1),
        qos: Some(orders.qos),
        size_bytes: orders.size as u64,
        load: if orders.rate.is_some() { LoadKind::Paced } else { LoadKind::Unpaced },
        messages_per_second: orders.rate,
        duration_seconds: settings.duration.as_secs_f64(),
        warmup_seconds: settings.warmup.as_secs_f64(),
        seed: orders.seed,
        workers: 1,
        options,
        ..Default::default()
    }
}
