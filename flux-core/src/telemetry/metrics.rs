//! What the server counts. Plain atomics: hot paths add once per batch, not once per message; `/metrics` and `$SYS` read them.

use crate::measure::{Counter, Gauge, Histogram};
use crate::types::{DropReason, QoS};

/// One counter for each quality of service.
#[derive(Debug, Default)]
pub struct ByQoS([Counter; 3]);

impl ByQoS {
    pub fn of(&self, qos: QoS) -> &Counter {
        &self.0[qos as usize]
    }

    pub fn total(&self) -> u64 {
        self.0.iter().map(Counter::get).sum()
    }
}

/// One counter for each [`DropReason`].
#[derive(Debug, Default)]
pub struct ByDropReason([Counter; DropReason::ALL.len()]);

impl ByDropReason {
    pub fn of(&self, reason: DropReason) -> &Counter {
        &self.0[reason as usize]
    }

    pub fn total(&self) -> u64 {
        self.0.iter().map(Counter::get).sum()
    }
}

/// All of them. One per node, shared.
///
/// The conservation ledger: every message owed to a subscriber (`owed`) is delivered, dropped for a reason, handed over to
/// another node, or still pending.
#[derive(Debug, Default)]
pub struct Metrics {
    pub connections_opened: Counter,
    pub connections_closed: Counter,
    pub connections_refused: Counter,
    /// Of those closed: because this node was cut off from the others, so that messages may be missing.
    pub connections_cut_off: Counter,
    /// Sockets that could not be accepted, nearly always for want of descriptors.
    pub accept_errors: Counter,
    pub protocol_errors: Counter,
    /// Now.
    pub connections: Gauge,
    pub sessions: Gauge,
    pub durable_sessions: Gauge,
    pub subscriptions: Gauge,
    pub retained_messages: Gauge,
    pub retained_bytes: Gauge,

    pub bytes_in: Counter,
    pub bytes_out: Counter,
    pub packets_in: Counter,
    pub packets_out: Counter,

    /// Messages taken from publishers (MQTT, HTTP, wills), and what became of them before routing.
    pub received: ByQoS,
    pub refused: Counter,
    /// Of those refused: because a durable queue that was owed the message is full.
    pub refused_queue_full: Counter,
    /// Taken, and nobody had subscribed.
    pub unrouted: Counter,
    /// Copies owed to subscribers: `owed = delivered + dropped + handed_over + pending`.
    pub owed: Counter,
    /// Copies written to a subscriber's socket (QoS 0) or acknowledged by it (QoS 1 and 2).
    pub delivered: ByQoS,
    /// Copies sent again to a subscriber that had not acknowledged them.
    pub redelivered: Counter,
    pub dropped: ByDropReason,
    /// Copies of durable sessions that are other nodes' now.
    pub handed_over: Counter,
    /// Copies in mailboxes and durable queues, sent and not acknowledged included.
    pub pending: Gauge,

    /// From the arrival of a QoS 1 or 2 message to its PUBACK or PUBREC.
    pub publish_acknowledged: Histogram,
    /// From the arrival of a message to a subscriber's socket.
    pub publish_delivered: Histogram,
    /// Of one group commit: from taking its transactions to their being as safe as the acknowledgement level asks.
    pub commit: Histogram,
}
