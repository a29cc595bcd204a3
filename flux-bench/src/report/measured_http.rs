use std::collections::BTreeMap;

use crate::http::outcome::Outcome;
use crate::http::settings::{READ, Settings, Workload};
use crate::load::latency::Latency;
use crate::watch::machine::Environment;

use super::measured::{self, Identity, latency, per_second, process_use, seconds, together};
use super::model::{
    self as model, AnswerCount, Conclusion, Connections, Costs, Latencies, LoadKind, Messages, Run, Throughput, Tool,
};

/// What the HTTP engine measured as a run that is not yet judged.
pub fn http(identity: Identity, settings: &Settings, outcome: Outcome, environment: Environment) -> Run {
    let Identity { id, started_at, label, round } = identity;
    let paced = settings.load.is_paced();
    let only_paced = |found: &Latency| latency(found).filter(|_| paced);
    // A connection that took the place of a lost one was opened too.
    let totals = &outcome.totals;
    Run {
        id,
        started_at,
        tool: Tool::Http,
        label,
        scenario: settings.workload.name().to_owned(),
        round,
        result: if outcome.interrupted { Conclusion::Interrupted } else { Conclusion::Pass },
        settings: asked(settings),
        throughput: Throughput {
            deliveries_per_second: None,
            messages_per_second: None,
            requests_per_second: Some(per_second(outcome.answered_in_window, outcome.window)),
            events_per_second: settings.workload.publishes().then(|| per_second(outcome.events_in_window, outcome.window)),
            redis_limit_per_second: None,
            deliveries_in_window: outcome.answered_in_window,
            messages_in_window: outcome.sent_in_window,
            window_seconds: seconds(outcome.window),
            drain_seconds: seconds(outcome.draining),
        },
        connections: Connections {
            opened: totals.connected,
            failed: totals.failed,
            lost: totals.lost,
            seconds: seconds(outcome.connecting),
            connects_per_second: per_second(settings.connections as u64, outcome.connecting),
            failures: vec![],
            losses: outcome.losses.clone(),
            ..Default::default()
        },
        messages: Messages {
            due: totals.due,
            sent: totals.sent,
            shed: totals.shed,
            acknowledged: totals.acknowledged,
            owed: totals.owed,
            delivered: totals.delivered,
        },
        latency_milliseconds: Latencies {
            response: only_paced(&outcome.response),
            service: latency(&outcome.service),
            acknowledgement: None,
            generator_lag: only_paced(&outcome.lag),
            connect: latency(&outcome.connect),
        },
        audit: None,
        guarantee: None,
        answers: outcome.answers.in_words().into_iter().map(|(status, count)| AnswerCount { status, count }).collect(),
        servers: outcome.servers.iter().map(process_use).collect(),
        generator: process_use(&outcome.generator),
        machine: outcome.machine,
        costs: costs(&outcome),
        targets: vec![],
        violations: vec![],
        doubts: vec![],
        failures: failures(&outcome),
        timeline: measured::seconds_of(settings.warmup, &outcome.timeline),
        environment,
    }
}

fn asked(settings: &Settings) -> model::Settings {
    let load = if settings.load.is_paced() { LoadKind::Paced } else { LoadKind::Unpaced };
    let rate = settings.load.offered(settings.warmup, settings.duration);
    let publishes = settings.workload.publishes();
    let mut options = BTreeMap::new();
    if settings.workload == Workload::Batch {
        options.insert("batch".to_owned(), settings.batch.to_string());
        options.insert("body".to_owned(), settings.body.name().to_owned());
    }
    if settings.workload == Workload::Api && settings.paths != READ {
        options.insert("path".to_owned(), settings.paths.join(" "));
    }
    if settings.address.tls {
        options.insert("tls".to_owned(), "yes".to_owned());
    }
    model::Settings {
        urls: vec![settings.url.clone()],
        protocol: "HTTP/1.1".to_owned(),
        connections: settings.connections as u64,
        topics: publishes.then_some(settings.topics as u64),
        qos: publishes.then_some(settings.qos),
        size_bytes: if publishes { settings.size as u64 } else { 0 },
        load,
        messages_per_second: rate,
        duration_seconds: settings.duration.as_secs_f64(),
        warmup_seconds: settings.warmup.as_secs_f64(),
        seed: settings.seed,
        workers: settings.workers as u64,
        options,
        ..Default::default()
    }
}

fn costs(outcome: &Outcome) -> Costs {
    let answered = Some(outcome.answered_in_window).filter(|answered| *answered > 0);
    let each = |cpu_seconds: f64| answered.map(|answered| cpu_seconds * 1e6 / answered as f64);
    Costs {
        server_microseconds_per_request: together(&outcome.servers, &outcome.unknown_servers).and_then(each),
        generator_microseconds_per_delivery: each(outcome.generator.cpu_seconds),
        ..Default::default()
    }
}

fn failures(outcome: &Outcome) -> Vec<String> {
    let totals = &outcome.totals;
    let (unanswered, refused) =
        (totals.sent.saturating_sub(totals.acknowledged), totals.acknowledged.saturating_sub(totals.delivered));
    let mut found = outcome.unknown_servers.clone();
    if refused > 0 {
        found.push(format!("{refused} of {} requests were answered without success", totals.sent));
    }
    if unanswered > 0 {
        found.push(format!("{unanswered} of {} requests got no answer", totals.sent));
    }
    found
}
