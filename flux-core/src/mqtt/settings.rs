use std::sync::Arc;
use std::time::Duration;

use crate::types::NodeId;

/// What `mqtt` needs to know of the configuration. Units are in the names or types.
#[derive(Debug, Clone)]
pub struct Settings {
    pub node: NodeId,
    pub max_connections: usize,
    /// Connected or not.
    pub max_sessions: usize,
    pub max_packet_size: u32,
    /// QoS 1 and 2 messages a client may have under way to us (MQTT 5 §3.2.2.3.3).
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages we have under way to a client, whatever it allows.
    pub max_inflight: u16,
    /// Aliases a client may use towards us.
    pub topic_alias_maximum: u16,
    /// Aliases we use towards a client, whatever it allows.
    pub max_outgoing_aliases: u16,
    /// Levels of a topic or filter.
    pub max_topic_levels: usize,
    /// Seconds; a client that asks for more (or for none) is told this. 0: no limit.
    pub max_keep_alive: u16,
    pub max_session_expiry: Duration,
    pub max_subscriptions_per_client: usize,
    pub mailbox: MailboxLimits,
    pub slow_subscriber_grace: Duration,
    pub queue: QueueLimits,
    pub connect_timeout: Duration,
    /// New connections a second and listener.
    pub connect_rate: Option<u32>,
    /// Where version 5 clients are pointed to when this server is full or stops (MQTT 5 §4.11).
    pub server_reference: Option<Arc<str>>,
}

/// Bounds of what waits in memory for one session.
#[derive(Debug, Clone, Copy)]
pub struct MailboxLimits {
    pub messages: usize,
    pub bytes: usize,
    /// Above either mark publishers wait.
    pub high_messages: usize,
    pub high_bytes: usize,
}

impl MailboxLimits {
    /// The mark is a tenth in messages and a quarter in bytes: above it there is room for what many publishers, each not yet waiting, still hand over.
    pub fn new(messages: usize, bytes: usize) -> Self {
        MailboxLimits { messages, bytes, high_messages: (messages / 10).max(1), high_bytes: (bytes / 4).max(1) }
    }
}

/// Bounds of one session's durable queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    pub messages: u64,
    pub bytes: u64,
    pub full: QueueFull,
}

/// What happens to a message for a durable queue that is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueFull {
    /// Its publisher is not acknowledged: nothing that was promised is lost.
    Refuse,
    /// The oldest waiting message goes, counted and alarmed.
    DropOldest,
}

impl Settings {
    /// Seconds a session may outlive its connection, when the client asks for `wanted`.
    pub fn bounded_expiry(&self, wanted: u32) -> u32 {
        let maximum = u32::try_from(self.max_session_expiry.as_secs()).unwrap_or(u32::MAX);
        wanted.min(maximum)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            node: NodeId::new("local"),
            max_connections: 100_000,
            max_sessions: 1_000_000,
            max_packet_size: 1024 * 1024,
            receive_maximum: 1024,
            max_inflight: 1024,
            topic_alias_maximum: 64,
            max_outgoing_aliases: 16,
            max_topic_levels: crate::types::limits::TOPIC_LEVELS,
            max_keep_alive: 0,
            max_session_expiry: Duration::from_secs(7 * 24 * 3600),
            max_subscriptions_per_client: 10_000,
            mailbox: MailboxLimits::new(10_000, 8 * 1024 * 1024),
            slow_subscriber_grace: Duration::from_secs(1),
            queue: QueueLimits { messages: 1_000_000, bytes: 1024 * 1024 * 1024, full: QueueFull::Refuse },
            connect_timeout: crate::types::limits::CONNECT_TIMEOUT,
            connect_rate: None,
            server_reference: None,
        }
    }
}
