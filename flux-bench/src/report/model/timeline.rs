use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::usage::ProcessSample;

/// The run second by second, from the start of sending.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Ascending.
    pub points: Vec<Point>,
    /// Upper bounds of the heat map's rows, ms, ascending; empty when it was not recorded.
    pub heat_milliseconds: Vec<f64>,
    pub marks: Vec<Mark>,
}

/// What happened since the point before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Its end.
    pub at_seconds: f64,
    /// Not measured.
    pub warmup: bool,
    pub sent: Option<u64>,
    pub delivered: u64,
    /// Response times, or service times where messages had no due time.
    pub latency: Option<Spread>,
    /// Deliveries by latency, one count for each of `heatMilliseconds`.
    pub heat: Vec<u64>,
    /// In the order of the run's `servers`; null where one was not heard of.
    pub servers: Vec<Option<ProcessSample>>,
    pub generator: Option<ProcessSample>,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// Something that happened, to be seen beside the figures: a fault, a server that went away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    pub at_seconds: f64,
    pub text: String,
}
