use serde::{Deserialize, Serialize};

use super::Time;

/// Asks for a trace of one client or of one topic filter: name exactly one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct StartTrace {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// A topic filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// It ends by itself: after 600 seconds unless told otherwise, 3,600 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
}

/// A trace that is running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Trace {
    pub id: String,
    pub client_id: Option<String>,
    pub topic: Option<String>,
    pub started_at: Time,
    pub ends_at: Time,
}

/// One step that a traced message or client took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TraceRecord {
    pub time: Time,
    /// What happened: a stable word (`connected`, `received`, `delivered`, `dropped`, …).
    pub step: String,
    pub client_id: Option<String>,
    pub topic: Option<String>,
    pub event_id: Option<String>,
    pub detail: Option<String>,
}
