use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::settle::{Audit, Guarantee};
use crate::watch::machine::{Environment, MachineUse};

use super::latencies::Latencies;
use super::settings::Settings;
use super::timeline::Timeline;
use super::usage::{Costs, ProcessUse};
use super::verdict::{Conclusion, TargetRow};

/// One run: what was asked for, what was measured, and what to think of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Names the run where runs are kept.
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    pub tool: Tool,
    /// Which server it was: `flux`, `rumqttd`, or its URL.
    pub label: String,
    pub scenario: String,
    /// From 1; more than 1 when runs were repeated.
    pub round: u32,
    pub result: Conclusion,
    pub settings: Settings,
    pub throughput: Throughput,
    pub connections: Connections,
    pub messages: Messages,
    pub latency_milliseconds: Latencies,
    /// What was promised against what arrived; absent when nothing was delivered to anyone (HTTP, connections only).
    pub audit: Option<Audit>,
    pub guarantee: Option<Guarantee>,
    /// HTTP: the answers by status, or by why there was none.
    pub answers: Vec<AnswerCount>,
    /// Each process of the server that could be watched.
    pub servers: Vec<ProcessUse>,
    pub generator: ProcessUse,
    pub machine: MachineUse,
    pub costs: Costs,
    /// Design targets and objectives that the run touches.
    pub targets: Vec<TargetRow>,
    /// What the quality of service forbids and happened.
    pub violations: Vec<String>,
    /// Why the measurement cannot be believed.
    pub doubts: Vec<String>,
    /// What else went wrong.
    pub failures: Vec<String>,
    pub timeline: Timeline,
    pub environment: Environment,
}

/// The part of flux-bench that made the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    Mqtt,
    Http,
    Bus,
}

impl Tool {
    pub fn name(self) -> &'static str {
        match self {
            Tool::Mqtt => "mqtt",
            Tool::Http => "http",
            Tool::Bus => "bus",
        }
    }
}

/// In the window that is measured, after warm-up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Throughput {
    /// Messages that reached a subscriber; for a bus the same.
    pub deliveries_per_second: Option<f64>,
    /// Messages sent.
    pub messages_per_second: Option<f64>,
    /// HTTP: requests answered with success.
    pub requests_per_second: Option<f64>,
    /// HTTP: events in requests that were answered with success.
    pub events_per_second: Option<f64>,
    pub deliveries_in_window: u64,
    pub messages_in_window: u64,
    /// Bus: what redis-benchmark reached on the same Redis with the same payload and the bus's command.
    #[serde(default)]
    pub redis_limit_per_second: Option<f64>,
    pub window_seconds: f64,
    /// From the end of sending to the last arrival.
    pub drain_seconds: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    pub opened: u64,
    pub failed: u64,
    /// Ended before their time.
    pub lost: u64,
    /// Came back after they had left by plan, or came late by plan.
    #[serde(default)]
    pub returned: u64,
    /// How they fetched what waited for them (storm, retained).
    #[serde(default)]
    pub recovery: Option<Recovery>,
    /// From the first connect call until the last connection was open and subscribed.
    pub seconds: f64,
    pub connects_per_second: f64,
    /// The first few reasons.
    pub failures: Vec<String>,
    pub losses: Vec<String>,
}

/// Clients that come all at once to messages that wait for them. Times count from when they were let loose.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    pub clients: u64,
    /// Clients whose session the server had not kept.
    pub sessions_lost: u64,
    pub stored_messages: u64,
    pub storing_seconds: f64,
    /// Until the last client was connected; absent when not all were.
    pub connected_seconds: Option<f64>,
    /// Until the last message arrived; absent when not all did.
    pub delivered_seconds: Option<f64>,
}

/// Messages (HTTP: requests) of the whole run, warm-up included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// Whose time had come.
    pub due: u64,
    pub sent: u64,
    /// Given up because the backlog was full.
    pub shed: u64,
    pub acknowledged: u64,
    /// Deliveries that what was sent should cause.
    pub owed: u64,
    pub delivered: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnswerCount {
    /// `202`, or words: `timed out`, `connection reset`.
    pub status: String,
    pub count: u64,
}

impl Run {
    /// What is compared when two runs are: deliveries, or what the protocol has in their place.
    pub fn headline_rate(&self) -> Option<f64> {
        let Throughput { deliveries_per_second, requests_per_second, messages_per_second, .. } = self.throughput;
        deliveries_per_second.or(requests_per_second).or(messages_per_second)
    }

    /// What [`Self::headline_rate`] counts.
    pub fn unit(&self) -> &'static str {
        match self.tool {
            Tool::Mqtt if self.throughput.deliveries_per_second.is_none() => "messages",
            Tool::Mqtt | Tool::Bus => "deliveries",
            Tool::Http => "requests",
        }
    }

    /// All server processes together, 1.0 is one core busy all the time.
    pub fn server_cores(&self) -> Option<f64> {
        (!self.servers.is_empty()).then(|| self.servers.iter().map(|server| server.cores).sum())
    }

    pub fn server_resident_peak(&self) -> Option<u64> {
        (!self.servers.is_empty()).then(|| self.servers.iter().map(|server| server.resident_peak_bytes).sum())
    }
}
