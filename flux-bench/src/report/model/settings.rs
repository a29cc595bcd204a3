use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was asked for. Two runs can be compared when these agree.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub urls: Vec<String>,
    /// `MQTT 3.1.1`, `MQTT 5.0`, `HTTP/1.1`.
    pub protocol: String,
    pub connections: u64,
    pub publishers: Option<u64>,
    pub subscribers: Option<u64>,
    /// Connections that do nothing.
    pub idle: Option<u64>,
    pub topics: Option<u64>,
    pub qos: Option<u8>,
    /// Of one payload.
    pub size_bytes: u64,
    pub load: LoadKind,
    /// Offered; absent when unpaced. HTTP: requests.
    pub messages_per_second: Option<f64>,
    /// Connections opened per second; absent: as fast as possible.
    pub connects_per_second: Option<f64>,
    pub duration_seconds: f64,
    pub warmup_seconds: f64,
    /// Unacknowledged messages per publisher.
    pub inflight: Option<u64>,
    pub persistent: Option<bool>,
    pub seed: u64,
    /// Threads of the generator.
    pub workers: u64,
    /// What only some runs have, by the name of its flag: `tls`, `batch`, `driver`.
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoadKind {
    /// Open loop: messages are due whatever the server does.
    #[default]
    Paced,
    Unpaced,
}

impl LoadKind {
    pub fn name(self) -> &'static str {
        match self {
            LoadKind::Paced => "paced",
            LoadKind::Unpaced => "unpaced",
        }
    }
}
