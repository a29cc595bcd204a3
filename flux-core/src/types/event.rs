use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{ClientId, Properties, QoS, Timestamp, TopicName};

/// A message on its way. Immutable: it is shared by all who receive it (`Arc<Event>`), what differs between them travels beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub topic: TopicName,
    pub payload: Box<[u8]>,
    /// As published; each subscriber hears it at the lower of this and its own.
    pub qos: QoS,
    pub retain: bool,
    pub properties: Properties,
    /// When it stops being worth delivering (MQTT 5 §3.3.2.3.3).
    pub expires_at: Option<Timestamp>,
    /// Who published it; no-local compares with it. HTTP, rules and the server itself publish under names of their own.
    pub publisher: ClientId,
    /// When the ingress node took it.
    pub time: Timestamp,
}

impl Event {
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Bytes it holds in memory, roughly: what queues are bounded by.
    pub fn weight(&self) -> usize {
        size_of::<Event>() + self.payload.len() + self.properties.as_bytes().len() + self.topic.as_str().len()
    }
}

/// Names an event once and for all: milliseconds (48 bits), ingress node (32 bits), counter (48 bits). Sorts by time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub u128);

impl EventId {
    pub fn node(self) -> NodeTag {
        NodeTag((self.0 >> 48) as u32)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::str::FromStr for EventId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(EventId)
    }
}

/// The short form of a node's identity that every event id carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeTag(pub u32);

/// Hands out event ids for one node.
#[derive(Debug)]
pub struct EventIds {
    node: NodeTag,
    next: AtomicU64,
}

impl EventIds {
    pub fn new(node: NodeTag) -> Self {
        EventIds { node, next: AtomicU64::new(0) }
    }

    pub fn next(&self, now: Timestamp) -> EventId {
        const COUNTER: u64 = (1 << 48) - 1;
        let counter = self.next.fetch_add(1, Ordering::Relaxed) & COUNTER;
        EventId((u128::from(now.as_millis()) << 80) | (u128::from(self.node.0) << 48) | u128::from(counter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_sort_by_time_and_name_their_node() {
        let ids = EventIds::new(NodeTag(7));
        let (a, b, c) = (ids.next(Timestamp(5)), ids.next(Timestamp(5)), ids.next(Timestamp(6)));
        assert!(a < b && b < c);
        assert_eq!(c.node(), NodeTag(7));
        assert_eq!(a.to_string().parse(), Ok(a));
    }
}
