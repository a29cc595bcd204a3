use serde::{Deserialize, Serialize};

use super::Time;
use crate::types::QoS;

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
    /// Whose connection it happened on, or whose message it is.
    pub client_id: String,
    pub direction: Direction,
    /// `CONNECT`, `PUBLISH`, … or what became of a message: `DROPPED`, `QUEUED`, `EXPIRED`.
    pub packet: String,
    pub topic: Option<String>,
    pub event_id: Option<String>,
    #[cfg_attr(feature = "server", schema(value_type = Option<u8>, maximum = 2))]
    pub qos: Option<QoS>,
    /// On the wire, or of the payload where there is no wire.
    pub size_bytes: u64,
    /// A reason code's text, or why a message was dropped.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client to the server.
    In,
    Out,
}
