use serde_json::{Value, json};

use crate::engine::outcome::Outcome;
use crate::load::latency::Latency;
use crate::plan::settings::{Load, Settings};
use crate::verdict::judge::{Conclusion, Judgement, Row, Verdict};
use crate::verdict::metric;
use crate::verdict::target::Bound;
use crate::watch::machine::Environment;

use super::failure::API_VERSION;

/// The report for programs: everything that was measured, and where.
pub fn render(settings: &Settings, outcome: &Outcome, judgement: &Judgement, environment: &Environment) -> Value {
    let (rate, load) = match settings.load {
        Load::Paced(rate) => (Some(rate), "paced"),
        Load::Unpaced => (None, "unpaced"),
    };
    let run = json!({
        "result": word(judgement.conclusion),
        "settings": {
            "scenario": settings.scenario, "url": settings.url, "protocol": settings.login.protocol.name(),
            "connections": settings.connections(), "publishers": settings.publishers, "subscribers": settings.subscribers,
            "idle": settings.idle, "topics": settings.topics, "qos": settings.qos, "sizeBytes": settings.size,
            "load": load, "messagesPerSecond": rate, "connectsPerSecond": settings.connect_rate,
            "durationSeconds": settings.duration.as_secs_f64(), "warmupSeconds": settings.warmup.as_secs_f64(),
            "inflight": settings.inflight, "persistent": settings.login.persistent, "seed": settings.seed,
            "workers": settings.workers,
        },
        "throughput": {
            "deliveriesPerSecond": metric::deliveries_per_second(outcome), "messagesPerSecond": metric::sent_per_second(outcome),
            "deliveriesInWindow": outcome.delivered_in_window, "messagesInWindow": outcome.sent_in_window,
            "windowSeconds": seconds(outcome.window), "drainSeconds": seconds(outcome.draining),
            "deliveriesEachSecond": outcome.seconds,
        },
        "connections": {
            "opened": outcome.totals.connected, "failed": outcome.totals.failed, "lost": outcome.totals.lost,
            "seconds": seconds(outcome.connecting), "connectsPerSecond": metric::connects_per_second(outcome),
            "failures": outcome.failures.iter().map(ToString::to_string).collect::<Vec<_>>(), "losses": outcome.losses,
        },
        "messages": {
            "due": outcome.totals.due, "sent": outcome.totals.sent, "shed": outcome.totals.shed,
            "acknowledged": outcome.totals.acknowledged, "owed": outcome.totals.owed, "delivered": outcome.totals.delivered,
        },
        "latencyMilliseconds": {
            "response": latency(&outcome.response), "service": latency(&outcome.service),
            "acknowledgement": latency(&outcome.acknowledgement), "generatorLag": latency(&outcome.lag),
            "connect": latency(&outcome.connect),
        },
        "audit": outcome.audit, "guarantee": outcome.audit.as_ref().map(|audit| audit.guarantee()),
        "server": outcome.server, "serverMicrosecondsPerDelivery": metric::server_microseconds_per_delivery(outcome),
        "serverKilobytesPerConnection": metric::kilobytes_per_connection(outcome),
        "generator": outcome.generator, "machine": outcome.machine,
        "targets": judgement.rows.iter().map(row).collect::<Vec<_>>(),
        "violations": judgement.violations, "doubts": judgement.doubts, "failures": judgement.failures,
        "environment": environment,
    });
    json!({ "apiVersion": API_VERSION, "kind": "BenchRun", "items": [run] })
}

fn word(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Pass => "PASS",
        Conclusion::Fail => "FAIL",
        Conclusion::AuditBroken => "AUDIT BROKEN",
        Conclusion::Invalid => "INVALID",
        Conclusion::Interrupted => "INTERRUPTED",
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Null when nothing was recorded: there is no percentile of nothing.
fn latency(latency: &Latency) -> Value {
    let found = latency.percentiles();
    if found.count == 0 { Value::Null } else { json!(found) }
}

fn row(row: &Row) -> Value {
    let (at_least, at_most) = match row.target.bound() {
        Bound::AtLeast(bound) => (Some(bound), None),
        Bound::AtMost(bound) => (None, Some(bound)),
    };
    let (verdict, reason) = match &row.verdict {
        Verdict::Pass => ("PASS", None),
        Verdict::Fail => ("FAIL", None),
        Verdict::NotTested(reason) => ("NOT TESTED", Some(reason)),
    };
    json!({
        "id": row.target.id, "source": row.target.source, "unit": row.target.metric.unit().trim(),
        "atLeast": at_least, "atMost": at_most, "got": row.got, "verdict": verdict, "reason": reason,
    })
}
