use crate::measure::Counter;

/// What the bus between the nodes counts. Messages: one event for one node.
#[derive(Debug, Default)]
pub struct BusFigures {
    pub messages_out: Counter,
    /// `messages_out / batches_out` is how well they travel together.
    pub batches_out: Counter,
    pub messages_in: Counter,
    pub batches_in: Counter,
    /// What subscribers here have taken of them, and what they have lost.
    pub delivered_in: Counter,
    pub dropped_in: Counter,
    /// Came twice and were delivered once.
    pub doubles: Counter,
    /// Could not be read.
    pub damaged: Counter,
    /// QoS 0 that had no room or no connection on its way out.
    pub dropped: Counter,
    /// Published while this node could not reach the others, and kept back.
    pub held: Counter,
    /// Given to another node because no member of the group here took them.
    pub handed_on: Counter,
    pub heartbeats_missed: Counter,
    /// Lives: 1 is the first, each more a time when the others had given this node up.
    pub joins: Counter,
}
