use serde::{Deserialize, Serialize};

use super::{SubscriptionInfo, Time};
use crate::types::QoS;

/// What the server keeps for a client id: a row of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SessionSummary {
    pub client_id: String,
    /// The node that holds it.
    pub node: String,
    pub username: Option<String>,
    pub connected: bool,
    /// It outlives its connection (v5: expiry above 0, v3: clean session 0).
    pub durable: bool,
    pub created_at: Time,
    /// When the connection ended, while there is none.
    pub disconnected_at: Option<Time>,
    /// When the session ends unless its client comes back. Null while connected, and for a session that never ends.
    pub expires_at: Option<Time>,
    /// Null while the client is away.
    pub connection: Option<Connection>,
    /// How many.
    pub subscription_count: u64,
    /// Sent to the client and not yet acknowledged by it.
    pub inflight: u64,
    /// Waiting to be sent, in memory or in the durable queue.
    pub queued: u64,
}

/// The connection of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Connection {
    pub protocol: Protocol,
    pub transport: Transport,
    /// `ADDRESS:PORT` of the client.
    pub peer: String,
    pub connected_at: Time,
    /// 0 is none.
    pub keep_alive_seconds: u16,
    /// v3: clean session.
    pub clean_start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum Protocol {
    #[serde(rename = "3.1")]
    V31,
    #[serde(rename = "3.1.1")]
    V311,
    #[serde(rename = "5.0")]
    V5,
}

impl Protocol {
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::V31 => "3.1",
            Protocol::V311 => "3.1.1",
            Protocol::V5 => "5.0",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Transport {
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }
}

/// All there is to know of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Session {
    #[serde(flatten)]
    pub summary: SessionSummary,
    /// How long it outlives its connection; null for ever.
    pub expiry_seconds: Option<u32>,
    /// QoS 1 and 2 messages that may be on their way to the client at once.
    pub receive_maximum: u16,
    /// The largest packet the client takes; null when it set no bound.
    pub maximum_packet_size: Option<u32>,
    /// QoS 2 messages from the client whose PUBREL has not come.
    pub inflight_in: u64,
    /// In memory, waiting for the socket.
    pub mailbox: Depth,
    /// On disk; null for a session that is not durable.
    pub queue: Option<Depth>,
    pub will: Option<Will>,
    pub subscriptions: Vec<SubscriptionInfo>,
}

/// How much waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Depth {
    pub messages: u64,
    pub bytes: u64,
}

/// What is published when the client goes without saying so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Will {
    pub topic: String,
    #[cfg_attr(feature = "server", schema(value_type = u8, maximum = 2))]
    pub qos: QoS,
    pub retain: bool,
    pub delay_seconds: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct SessionQuery {
    /// Only client ids that begin with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Only sessions of this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Only sessions whose client is connected (`true`) or away (`false`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// Only sessions that outlive their connection (`true`) or do not (`false`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable: Option<bool>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page: 100 unless told otherwise, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Answer to a disconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Disconnected {
    /// `false` when the client was not connected: there was nothing to do.
    pub disconnected: bool,
}
