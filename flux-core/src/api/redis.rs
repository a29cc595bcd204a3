use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Severity, Time};

/// Redis, if the node uses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct RedisInfo {
    /// An address is configured.
    pub used: bool,
    #[serde(default)]
    pub health: Option<RedisHealth>,
    /// Its primaries, asked for this answer.
    pub servers: Vec<RedisServer>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct RedisHealth {
    /// `single`, `sentinel`, `cluster`.
    pub kind: String,
    pub connected: bool,
    /// Since when it is as it is.
    pub since: Time,
    pub error: Option<String>,
    /// Since the start.
    pub commands: u64,
    /// Round trips: commands travel together.
    pub batches: u64,
    /// Refused by Redis, or without an answer.
    pub failed: u64,
    /// Of the commands since the start, from sending to the answer.
    pub p50_seconds: f64,
    pub p99_seconds: f64,
}

/// A primary, as it describes itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct RedisServer {
    /// `HOST:PORT`; the URLs where no primary was found behind them.
    pub address: String,
    /// Why it says nothing. All that follows is empty then.
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub version: Option<String>,
    /// Of one question just now.
    #[serde(default)]
    pub round_trip_seconds: Option<f64>,
    /// Replicas that follow it now.
    #[serde(default)]
    pub replicas: Option<u32>,
    /// The settings that were looked at, by their names in Redis. Empty where the account may not read them.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    #[serde(default)]
    pub findings: Vec<RedisFinding>,
}

/// A setting that breaks what is promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct RedisFinding {
    /// As Redis calls it; `version`, `replicas` or `config` where it is no setting.
    pub setting: String,
    /// `critical`: messages are lost or refused while everything runs. `warning`: when something fails, or perhaps.
    pub severity: Severity,
    pub problem: String,
    /// What to set.
    pub fix: String,
}
