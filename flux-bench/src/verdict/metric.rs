use serde::Deserialize;

use crate::engine::outcome::Outcome;
use crate::plan::settings::{Load, Settings};

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
}

impl Metric {
    pub fn unit(self) -> &'static str {
        match self {
            Metric::DeliveriesPerSecond | Metric::ConnectsPerSecond => "/s",
            Metric::Connections => "",
            Metric::ResponseP99Milliseconds => " ms",
            Metric::ServerMicrosecondsPerDelivery => " µs",
            Metric::ServerMemoryMegabytes => " MB",
            Metric::KilobytesPerConnection => " KB",
        }
    }

    /// The figure, or why the run has none.
    pub fn of(self, outcome: &Outcome) -> Result<f64, &'static str> {
        const NO_SERVER: &str = "needs --pid: the server's process is not known";
        match self {
            Metric::DeliveriesPerSecond => Ok(deliveries_per_second(outcome)),
            Metric::Connections => Ok((outcome.totals.connected - outcome.totals.lost) as f64),
            Metric::ConnectsPerSecond => Ok(connects_per_second(outcome)),
            Metric::ResponseP99Milliseconds => Ok(outcome.response.percentiles().p99),
            Metric::ServerMicrosecondsPerDelivery => server_microseconds_per_delivery(outcome).ok_or(NO_SERVER),
            Metric::ServerMemoryMegabytes => {
                outcome.server.as_ref().map(|server| server.resident_peak as f64 / 1e6).ok_or(NO_SERVER)
            }
            Metric::KilobytesPerConnection => kilobytes_per_connection(outcome).ok_or(NO_SERVER),
        }
    }

    /// The most that a run with these settings can show; None when it is not limited by them.
    pub fn ceiling(self, settings: &Settings) -> Option<f64> {
        match self {
            Metric::Connections => Some(settings.connections() as f64),
            Metric::DeliveriesPerSecond => match settings.load {
                Load::Paced(rate) => Some(rate * fan(settings)),
                Load::Unpaced => None,
            },
            _ => None,
        }
    }
}

/// Deliveries per message, on average.
fn fan(settings: &Settings) -> f64 {
    use crate::plan::settings::Scenario;
    match settings.scenario {
        Scenario::Conns => 0.0,
        Scenario::FanIn | Scenario::FanOut => settings.subscribers as f64,
        Scenario::Pair => (settings.subscribers as f64 / settings.topics as f64).max(1.0),
    }
}

fn per_second(count: u64, ns: u64) -> f64 {
    if ns == 0 { 0.0 } else { count as f64 * 1e9 / ns as f64 }
}

/// In the sending window, after warm-up.
pub fn deliveries_per_second(outcome: &Outcome) -> f64 {
    per_second(outcome.delivered_in_window, outcome.window)
}

pub fn sent_per_second(outcome: &Outcome) -> f64 {
    per_second(outcome.sent_in_window, outcome.window)
}

pub fn connects_per_second(outcome: &Outcome) -> f64 {
    per_second(outcome.totals.connected, outcome.connecting)
}

pub fn server_microseconds_per_delivery(outcome: &Outcome) -> Option<f64> {
    let server = outcome.server.as_ref()?;
    (outcome.delivered_in_window > 0).then(|| server.cpu_seconds * 1e6 / outcome.delivered_in_window as f64)
}

pub fn generator_microseconds_per_delivery(outcome: &Outcome) -> Option<f64> {
    (outcome.delivered_in_window > 0).then(|| outcome.generator.cpu_seconds * 1e6 / outcome.delivered_in_window as f64)
}

/// With fewer connections their memory is lost in the noise of the server's own.
const CONNECTIONS_TO_TELL: u64 = 1_000;

/// What the server's memory grew by while connections were opened, KB (1,024 bytes) each.
pub fn kilobytes_per_connection(outcome: &Outcome) -> Option<f64> {
    let (before, after) = outcome.server_memory?;
    let connections = outcome.totals.connected;
    (connections >= CONNECTIONS_TO_TELL).then(|| after.saturating_sub(before) as f64 / 1_024.0 / connections as f64)
}
