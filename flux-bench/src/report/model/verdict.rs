use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::number;

/// Of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Conclusion {
    #[serde(rename = "PASS")]
    Pass,
    /// A target was missed, or connections were lost.
    #[serde(rename = "FAIL")]
    Fail,
    /// The quality of service was broken.
    #[serde(rename = "AUDIT BROKEN")]
    AuditBroken,
    /// The measurement cannot be believed.
    #[serde(rename = "INVALID")]
    Invalid,
    #[serde(rename = "INTERRUPTED")]
    Interrupted,
}

/// A target, or an objective of the user's (`--slo`), and how the run stands to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetRow {
    pub id: String,
    /// Where it is written.
    pub source: String,
    pub unit: String,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
    pub got: Option<f64>,
    pub verdict: TargetVerdict,
    /// Why it is not tested.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetVerdict {
    #[serde(rename = "PASS")]
    Pass,
    #[serde(rename = "FAIL")]
    Fail,
    #[serde(rename = "NOT TESTED")]
    NotTested,
}

impl Conclusion {
    pub fn word(self) -> &'static str {
        match self {
            Conclusion::Pass => "PASS",
            Conclusion::Fail => "FAIL",
            Conclusion::AuditBroken => "AUDIT BROKEN",
            Conclusion::Invalid => "INVALID",
            Conclusion::Interrupted => "INTERRUPTED",
        }
    }

    /// The process's exit code; a missed target only counts when it was asked for.
    pub fn exit_code(self, check: bool) -> u8 {
        match self {
            Conclusion::Pass => 0,
            Conclusion::Fail => u8::from(check) * 3,
            Conclusion::AuditBroken => 4,
            Conclusion::Invalid => 6,
            Conclusion::Interrupted => 130,
        }
    }
}

impl TargetVerdict {
    pub fn word(self) -> &'static str {
        match self {
            TargetVerdict::Pass => "PASS",
            TargetVerdict::Fail => "FAIL",
            TargetVerdict::NotTested => "NOT TESTED",
        }
    }
}

impl TargetRow {
    /// `≥ 50,000/s`
    pub fn want(&self) -> String {
        number::bound(self.at_least, self.at_most, &self.unit)
    }

    /// `50,012/s`, `1.32 ms`, or a dash.
    pub fn got(&self) -> String {
        self.got.map_or_else(|| "-".to_owned(), |got| number::with_unit(&number::figure(got), &self.unit))
    }
}
