//! What a run was, as data: the same for `-o json`, for the file it is saved in, and for every report made of it. Owns: names, units
//! and shapes (fixtures/schema/flux-bench holds them as JSON Schema). Must not know how anything was measured.
//! Invariant: lists are never null, a figure that was not measured is absent and never zero, and whatever wrote a run, it can be read.

mod latencies;
mod run;
mod search;
mod settings;
mod timeline;
mod usage;
mod verdict;

pub use crate::audit::offence::{Kind as OffenceKind, Offence};
pub use crate::audit::settle::{Audit, Guarantee};
pub use latencies::{Latencies, Percentiles, SpectrumPoint};
pub use run::{AnswerCount, Connections, Messages, Recovery, Run, Throughput, Tool};
pub use search::{Probe, Search};
pub use settings::{LoadKind, Settings};
pub use timeline::{Mark, Point, Spread, Timeline};
pub use usage::{Costs, ProcessSample, ProcessUse};
pub use verdict::{Conclusion, TargetRow, TargetVerdict};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const API_VERSION: &str = "flux/v1";

/// The runs of one invocation, in the order they were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchRun {
    pub api_version: String,
    pub kind: String,
    pub items: Vec<Run>,
}

impl BenchRun {
    pub const KIND: &str = "BenchRun";

    pub fn of(items: Vec<Run>) -> Self {
        Self { api_version: API_VERSION.to_owned(), kind: Self::KIND.to_owned(), items }
    }
}
