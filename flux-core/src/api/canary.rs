use serde::{Deserialize, Serialize};

/// A kind of bus that carries a share of the topics beside the one of the cluster. Messages: one event for one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct BusCanary {
    /// The share of the topics, 0 to 100. All events of a topic are in it, or none.
    pub percent: u8,
    /// Members whose figures are added up here.
    pub nodes: u64,
    /// Messages in the share that both kinds send the same way: they were sent once, and there is nothing to compare.
    pub alike: u64,
    /// By the bus of the cluster: these are delivered.
    pub current: CanaryWay,
    /// By the candidate: these are compared and dropped.
    pub candidate: CanaryWay,
}

/// What one of the two kinds has carried of the messages that were sent by both, since the canary began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct CanaryWay {
    pub role: CanaryRole,
    /// `pubsub`, `streams`, `hybrid`.
    pub kind: String,
    pub sent: u64,
    /// Not sent, because they would have taken the room of what is delivered.
    pub spared: u64,
    pub arrived: u64,
    /// Arrived before the other copy.
    pub first: u64,
    /// Had not arrived five seconds after the other copy.
    pub missing: u64,
    /// From publishing to arriving at the other node, by the clocks of both: good for comparing the two kinds.
    pub mean_seconds: Option<f64>,
    /// The upper bound of the class that it is in; each is at most a third wide.
    pub p50_seconds: Option<f64>,
    pub p99_seconds: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CanaryRole {
    Current,
    Candidate,
}

impl CanaryRole {
    pub fn as_str(self) -> &'static str {
        match self {
            CanaryRole::Current => "current",
            CanaryRole::Candidate => "candidate",
        }
    }
}

/// Which candidate, and with which share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetBusCanary {
    /// `pubsub`, `streams`, `hybrid`: another than the bus of the cluster.
    pub kind: String,
    /// 0 to 100.
    pub percent: u8,
}
