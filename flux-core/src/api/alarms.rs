use serde::{Deserialize, Serialize};

use super::Time;

/// Something an operator should know. Raised once and cleared once for each cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Alarm {
    /// A stable word: what it is about.
    pub name: String,
    pub severity: Severity,
    pub node: String,
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// How often it was raised, 1 and more.
    pub count: u64,
    pub since: Time,
    /// When it was raised last.
    pub last: Time,
    /// Null while it is active.
    pub cleared_at: Option<Time>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct AlarmQuery {
    /// `true`: those that have been cleared as well, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<bool>,
}
