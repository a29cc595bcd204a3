use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::search::{Limit, Phase};
use crate::watch::machine::Environment;

use super::run::Tool;

/// The search for the highest rate that holds what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    pub tool: Tool,
    pub scenario: String,
    pub url: String,
    pub connections: u64,
    /// As they were written.
    pub objectives: Vec<String>,
    /// How close the rate that holds and the one that does not had to come, as a share.
    pub precision: f64,
    /// In the order they were made.
    pub probes: Vec<Probe>,
    /// Messages (HTTP: requests) per second; absent when no rate held.
    pub rate_per_second: Option<f64>,
    /// So many of `of` probes at this rate held.
    pub confirmed: u32,
    pub of: u32,
    pub limit: Limit,
    /// What keeps it from being more, in words.
    pub bounded_by: String,
    /// Ended by the user before its time.
    pub interrupted: bool,
    pub environment: Environment,
}

/// One run at one rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// From 1.
    pub number: u64,
    pub phase: Phase,
    pub offered_per_second: f64,
    /// MQTT: messages sent, HTTP: requests answered with success.
    pub achieved_per_second: f64,
    pub p50_milliseconds: Option<f64>,
    pub p99_milliseconds: Option<f64>,
    pub generator_lag_p99_milliseconds: Option<f64>,
    pub holds: bool,
    /// Why not.
    pub reason: Option<String>,
    pub server_cores: Option<f64>,
    pub generator_cores: f64,
    /// 0 to 1.
    pub machine_busy: Option<f64>,
}
