use super::model::Run;
use super::number::{bytes, figure};

/// A figure that runs are compared by.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// In JSON and on the command line.
    pub id: &'static str,
    pub title: &'static str,
    pub unit: Unit,
    pub better: Better,
    pub of: fn(&Run) -> Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    PerSecond,
    Milliseconds,
    Microseconds,
    Bytes,
    Kilobytes,
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Higher,
    Lower,
}

/// With fewer, how fast connections are opened is noise.
const CONNECTIONS_TO_TELL: u64 = 1_000;

/// In the order they are shown.
pub const FIGURES: [Figure; 9] = [
    Figure { id: "rate", title: "rate", unit: Unit::PerSecond, better: Better::Higher, of: Run::headline_rate },
    Figure {
        id: "p50",
        title: "latency p50",
        unit: Unit::Milliseconds,
        better: Better::Lower,
        of: |run| run.latency_milliseconds.headline().map(|found| found.p50),
    },
    Figure {
        id: "p99",
        title: "latency p99",
        unit: Unit::Milliseconds,
        better: Better::Lower,
        of: |run| run.latency_milliseconds.headline().map(|found| found.p99),
    },
    Figure {
        id: "server-cpu",
        title: "CPU per message",
        unit: Unit::Microseconds,
        better: Better::Lower,
        of: |run| run.costs.server_microseconds_per_delivery.or(run.costs.server_microseconds_per_request),
    },
    Figure {
        id: "server-memory",
        title: "server peak memory",
        unit: Unit::Bytes,
        better: Better::Lower,
        of: |run| run.server_resident_peak().map(|bytes| bytes as f64),
    },
    Figure {
        id: "connects",
        title: "connects",
        unit: Unit::PerSecond,
        better: Better::Higher,
        of: |run| Some(run.connections.connects_per_second).filter(|_| run.connections.opened >= CONNECTIONS_TO_TELL),
    },
    Figure {
        id: "connection-memory",
        title: "memory per connection",
        unit: Unit::Kilobytes,
        better: Better::Lower,
        of: |run| run.costs.server_kilobytes_per_connection,
    },
    Figure {
        id: "redis-commands",
        title: "Redis commands per message",
        unit: Unit::Count,
        better: Better::Lower,
        of: |run| run.costs.redis_commands_per_message,
    },
    Figure {
        id: "lost",
        title: "lost",
        unit: Unit::Count,
        better: Better::Lower,
        of: |run| run.audit.as_ref().map(|audit| audit.lost as f64),
    },
];

impl Unit {
    /// `50,012/s`, `1.32 ms`.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::PerSecond => format!("{}/s", figure(value)),
            Unit::Milliseconds => format!("{} ms", figure(value)),
            Unit::Microseconds => format!("{} µs", figure(value)),
            Unit::Bytes => bytes(value),
            Unit::Kilobytes => format!("{} KB", figure(value)),
            Unit::Count => figure(value),
        }
    }

    /// In JSON and in CSV.
    pub fn name(self) -> &'static str {
        match self {
            Unit::PerSecond => "/s",
            Unit::Milliseconds => "ms",
            Unit::Microseconds => "µs",
            Unit::Bytes => "B",
            Unit::Kilobytes => "KB",
            Unit::Count => "",
        }
    }
}
