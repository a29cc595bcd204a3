use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Each is absent when nothing was recorded: there is no percentile of nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Latencies {
    /// The headline: from when a message (HTTP: request) was due to its delivery (answer). Only when paced.
    pub response: Option<Percentiles>,
    /// From when it was really sent.
    pub service: Option<Percentiles>,
    /// From when a message was due to its acknowledgement.
    pub acknowledgement: Option<Percentiles>,
    /// From when a message was due to when the generator noticed: its own fault.
    pub generator_lag: Option<Percentiles>,
    /// From the connect call to the server's acceptance.
    pub connect: Option<Percentiles>,
}

/// Of one histogram, ms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    pub count: u64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    #[serde(rename = "p99.9")]
    pub p999: f64,
    pub max: f64,
    pub mean: f64,
    /// The whole distribution, quantiles ascending; may be empty.
    pub spectrum: Vec<SpectrumPoint>,
}

/// So much of all was as fast as that.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpectrumPoint {
    /// 0 to 1.
    pub quantile: f64,
    pub milliseconds: f64,
}

impl Latencies {
    /// What the run is judged and compared by: response, or where messages had no due time service.
    pub fn headline(&self) -> Option<&Percentiles> {
        self.response.as_ref().or(self.service.as_ref())
    }
}
