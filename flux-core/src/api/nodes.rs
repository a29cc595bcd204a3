use serde::{Deserialize, Serialize};

use super::Time;

/// The nodes of the cluster, as far as they answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct NodeList {
    pub items: Vec<Node>,
    /// Members that did not answer: they are named, never silently missing.
    #[serde(default)]
    pub unreachable: Vec<Unreachable>,
    /// Always null; there so that every list reads the same.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Unreachable {
    pub id: String,
    pub address: String,
    pub detail: String,
}

/// One node: what it is, what it carries, what it costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Node {
    pub id: String,
    pub version: String,
    pub state: NodeState,
    /// `http`, `mqtt`, `rules`, `plugins`, `recorder`.
    pub roles: Vec<String>,
    pub started_at: Time,
    pub uptime_seconds: u64,
    pub listeners: Vec<Listener>,
    pub connections: u64,
    pub sessions: u64,
    pub durable_sessions: u64,
    pub subscriptions: u64,
    pub retained_messages: u64,
    pub traffic: Traffic,
    pub process: Process,
    pub storage: Storage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    Joining,
    Ready,
    Draining,
    /// Was here; its lease has ended.
    Gone,
    /// A word of a newer server.
    #[serde(other)]
    Unknown,
}

impl NodeState {
    pub fn as_str(self) -> &'static str {
        match self {
            NodeState::Joining => "joining",
            NodeState::Ready => "ready",
            NodeState::Draining => "draining",
            NodeState::Gone => "gone",
            NodeState::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Listener {
    /// `mqtt`, `mqtts`, `ws`, `wss`, `http`.
    pub protocol: String,
    /// `ADDRESS:PORT`, the port as it was bound.
    pub address: String,
}

/// Since the start, and over the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Traffic {
    /// Messages taken from publishers.
    pub messages_in: Flow,
    /// Copies delivered to subscribers.
    pub messages_out: Flow,
    /// Copies owed to a subscriber and not delivered to it, for whatever reason.
    pub messages_dropped: Flow,
    pub bytes_in: Flow,
    pub bytes_out: Flow,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Flow {
    pub total: u64,
    /// Mean of the last seconds.
    pub per_second: f64,
}

/// What the process costs. A figure the operating system does not give is null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Process {
    pub pid: u32,
    /// 100 is one core fully used, over the last seconds.
    pub cpu_percent: Option<f64>,
    /// Processor time since the start.
    pub cpu_seconds: Option<f64>,
    pub rss_bytes: Option<u64>,
    pub open_descriptors: Option<u64>,
    pub descriptor_limit: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Storage {
    pub data_dir: String,
    /// What the durable store takes on disk.
    pub used_bytes: u64,
    /// What is left on the file system.
    pub free_bytes: Option<u64>,
}
