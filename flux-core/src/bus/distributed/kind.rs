use std::fmt;
use std::str::FromStr;

use crate::types::{QoS, limits};

/// How events travel between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DistributedKind {
    /// All by Pub/Sub: quick, and lost where nobody listens.
    PubSub,
    /// All by streams: kept until the receiving node has taken them.
    Streams,
    /// QoS 0 by Pub/Sub, QoS 1 and 2 by streams.
    Hybrid,
}

/// What one message to one node travels by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    PubSub,
    /// The receiving node's inbox.
    Inbox,
}

impl DistributedKind {
    pub const ALL: [DistributedKind; 3] = [DistributedKind::PubSub, DistributedKind::Streams, DistributedKind::Hybrid];

    /// The word in the configuration and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            DistributedKind::PubSub => "pubsub",
            DistributedKind::Streams => "streams",
            DistributedKind::Hybrid => "hybrid",
        }
    }

    /// `qos` is what the receiving node's best subscriber hears the event at; `bytes` the size of the event.
    pub fn transport(self, qos: QoS, bytes: usize) -> Transport {
        // Redis cuts subscribers off that have more than a few megabytes outstanding.
        if bytes > limits::PUBSUB_EVENT_BYTES {
            return Transport::Inbox;
        }
        match self {
            DistributedKind::PubSub => Transport::PubSub,
            DistributedKind::Streams => Transport::Inbox,
            DistributedKind::Hybrid if qos == QoS::AtMostOnce => Transport::PubSub,
            DistributedKind::Hybrid => Transport::Inbox,
        }
    }

    /// Nothing of QoS 1 and 2 is lost between the nodes.
    pub fn at_least_once(self) -> bool {
        self != DistributedKind::PubSub
    }

    /// What changes its way when `next` takes over from this kind: from where, to where. Between two kinds it is always one direction.
    pub fn moves(self, next: DistributedKind) -> Option<(Transport, Transport)> {
        let ways = [QoS::AtMostOnce, QoS::AtLeastOnce].map(|qos| (self.transport(qos, 0), next.transport(qos, 0)));
        ways.into_iter().find(|(from, to)| from != to)
    }
}

impl fmt::Display for DistributedKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of pubsub, streams, hybrid")]
pub struct UnknownKind;

impl FromStr for DistributedKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        DistributedKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_of_service_decides_what_a_hybrid_bus_sends_by() {
        use QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce};
        let by = |kind: DistributedKind| [AtMostOnce, AtLeastOnce, ExactlyOnce].map(|qos| kind.transport(qos, 256));
        assert_eq!(by(DistributedKind::PubSub), [Transport::PubSub; 3]);
        assert_eq!(by(DistributedKind::Streams), [Transport::Inbox; 3]);
        assert_eq!(by(DistributedKind::Hybrid), [Transport::PubSub, Transport::Inbox, Transport::Inbox]);
        for kind in DistributedKind::ALL {
            assert_eq!(kind.transport(AtMostOnce, 256 * 1024 * 1024), Transport::Inbox, "{kind}: too large for Pub/Sub");
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }

    #[test]
    fn one_kind_follows_another_in_one_direction() {
        use DistributedKind::{Hybrid, PubSub, Streams};
        let (up, down) = (Some((Transport::PubSub, Transport::Inbox)), Some((Transport::Inbox, Transport::PubSub)));
        for (from, to) in [(PubSub, Hybrid), (PubSub, Streams), (Hybrid, Streams)] {
            assert_eq!((from.moves(to), to.moves(from), from.moves(from)), (up, down, None), "{from}, {to}");
        }
        // Otherwise an event that stays on its way could be overtaken by one that changes over to it.
        for (from, to) in DistributedKind::ALL.into_iter().flat_map(|from| DistributedKind::ALL.map(|to| (from, to))) {
            let moved =
                [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce].map(|qos| (from.transport(qos, 0), to.transport(qos, 0)));
            assert!(moved.iter().all(|(old, new)| old == new || Some((*old, *new)) == from.moves(to)), "{from}, {to}");
        }
    }
}
