use serde::Deserialize;

use crate::report::model::{Latencies, LoadKind, Percentiles, Run, Tool};

/// A figure that targets are set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    DeliveriesPerSecond,
    Connections,
    ConnectsPerSecond,
    ResponseP99Milliseconds,
    ServerMicrosecondsPerDelivery,
    ServerMemoryMegabytes,
    KilobytesPerConnection,
    RequestsPerSecond,
    EventsPerSecond,
}

impl Metric {
    pub fn unit(self) -> &'static str {
        match self {
            Metric::DeliveriesPerSecond | Metric::ConnectsPerSecond | Metric::RequestsPerSecond | Metric::EventsPerSecond => "/s",
            Metric::Connections => "",
            Metric::ResponseP99Milliseconds => "ms",
            Metric::ServerMicrosecondsPerDelivery => "µs",
            Metric::ServerMemoryMegabytes => "MB",
            Metric::KilobytesPerConnection => "KB",
        }
    }

    /// The figure, or why the run has none.
    pub fn of(self, run: &Run) -> Result<f64, &'static str> {
        const NO_SERVER: &str = "needs --pid or --nodes: the server's process is not known";
        match self {
            Metric::DeliveriesPerSecond => run.throughput.deliveries_per_second.ok_or("the run delivers nothing"),
            Metric::RequestsPerSecond => run.throughput.requests_per_second.ok_or("the run makes no requests"),
            Metric::EventsPerSecond => run.throughput.events_per_second.ok_or("the run sends no events"),
            Metric::Connections => Ok((run.connections.opened - run.connections.lost.min(run.connections.opened)) as f64),
            Metric::ConnectsPerSecond => Ok(run.connections.connects_per_second),
            Metric::ResponseP99Milliseconds => p99(&run.latency_milliseconds).ok_or("the run has no response times"),
            Metric::ServerMicrosecondsPerDelivery => run.costs.server_microseconds_per_delivery.ok_or(NO_SERVER),
            Metric::ServerMemoryMegabytes => run.server_resident_peak().map(|bytes| bytes as f64 / 1e6).ok_or(NO_SERVER),
            Metric::KilobytesPerConnection if run.servers.is_empty() => Err(NO_SERVER),
            Metric::KilobytesPerConnection => {
                let found = run.costs.server_kilobytes_per_connection;
                found.ok_or("needs 1,000 connections to a server just started: what earlier runs left behind hides them")
            }
        }
    }

    /// The most that a run with these settings can show; None when it is not limited by them.
    pub fn ceiling(self, run: &Run) -> Option<f64> {
        let offered = run.settings.messages_per_second.filter(|_| run.settings.load == LoadKind::Paced);
        match self {
            Metric::Connections => Some(run.settings.connections as f64),
            Metric::DeliveriesPerSecond => Some(offered? * deliveries_per_message(run)),
            Metric::RequestsPerSecond if run.tool == Tool::Http => offered,
            _ => None,
        }
    }
}

fn p99(latencies: &Latencies) -> Option<f64> {
    latencies.response.as_ref().map(|Percentiles { p99, .. }| *p99)
}

/// On average, as the plan owes them.
fn deliveries_per_message(run: &Run) -> f64 {
    match run.messages.sent {
        0 => 1.0,
        sent => run.messages.owed as f64 / sent as f64,
    }
}
