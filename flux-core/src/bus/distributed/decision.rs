use serde::{Deserialize, Serialize};

use super::kind::DistributedKind;
use crate::types::TopicName;

/// What a cluster has decided about its bus: one for all nodes, kept in Redis. Each replaces the one before.
///
/// What a node's configuration says of it counts for the first node of a new cluster alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Grows by one with each decision. Zero: none was heard of yet.
    pub version: u64,
    pub kind: DistributedKind,
    pub canary: Option<Canary>,
}

/// A kind that carries a share of the topics beside the one that counts, to be compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    pub kind: DistributedKind,
    /// 0 to 100.
    pub percent: u8,
    /// The decision that began it: another share is the same canary, another kind is not.
    pub since: u64,
}

/// Why the cluster cannot decide what it is asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undecidable {
    #[error("there is no canary")]
    NoCanary,
    #[error("{0} is the bus of the cluster already")]
    SameKind(DistributedKind),
    #[error("must be from 0 to 100")]
    Percent,
}

impl Decision {
    pub fn first(kind: DistributedKind, canary: Option<(DistributedKind, u8)>) -> Self {
        let canary = canary.filter(|(candidate, percent)| *candidate != kind && *percent <= 100);
        Decision { version: 1, kind, canary: canary.map(|(kind, percent)| Canary { kind, percent, since: 1 }) }
    }

    /// A canary of `kind` with this share, be it new or another share of the present one.
    pub fn with_canary(self, kind: DistributedKind, percent: u8) -> Result<Self, Undecidable> {
        if kind == self.kind {
            return Err(Undecidable::SameKind(kind));
        }
        if percent > 100 {
            return Err(Undecidable::Percent);
        }
        let version = self.version + 1;
        let since = self.canary.filter(|canary| canary.kind == kind).map_or(version, |canary| canary.since);
        Ok(Decision { version, canary: Some(Canary { kind, percent, since }), ..self })
    }

    /// The candidate becomes the bus of the cluster.
    pub fn promoted(self) -> Result<Self, Undecidable> {
        let Canary { kind, .. } = self.canary.ok_or(Undecidable::NoCanary)?;
        Ok(Decision { version: self.version + 1, kind, canary: None })
    }

    /// The candidate goes.
    pub fn aborted(self) -> Result<Self, Undecidable> {
        self.canary.ok_or(Undecidable::NoCanary)?;
        Ok(Decision { version: self.version + 1, canary: None, ..self })
    }

    /// The canary, for a topic in its share.
    pub fn canary_for(&self, topic: &TopicName) -> Option<Canary> {
        self.canary.filter(|canary| is_in_share(topic.as_str(), canary.percent))
    }

    /// Whether a node that knows `known` has to follow this one. Of two that are equally late the one in Redis counts.
    pub fn replaces(&self, known: &Decision) -> bool {
        self.version >= known.version && self != known
    }

    pub fn encode(&self) -> String {
        let canary = self.canary.map(|Canary { kind, percent, since }| StoredCanary { kind: kind.to_string(), percent, since });
        let stored = Stored { version: self.version, kind: self.kind.to_string(), canary };
        serde_json::to_string(&stored).expect("strings and numbers are JSON")
    }

    /// `None`: of a version that knows kinds which this one does not, or no decision at all.
    pub fn parse(text: &str) -> Option<Self> {
        let Stored { version, kind, canary } = serde_json::from_str(text).ok()?;
        let canary = match canary {
            None => None,
            Some(StoredCanary { kind, percent, since }) => {
                Some(Canary { kind: kind.parse().ok()?, percent: percent.min(100), since })
            }
        };
        Some(Decision { version, kind: kind.parse().ok()?, canary })
    }
}

/// As it stands in Redis; a later version may add more.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    kind: String,
    #[serde(default)]
    canary: Option<StoredCanary>,
}

#[derive(Serialize, Deserialize)]
struct StoredCanary {
    kind: String,
    percent: u8,
    since: u64,
}

/// All nodes choose alike, and a topic is in a share as a whole. A topic in a share is in every larger one.
fn is_in_share(topic: &str, percent: u8) -> bool {
    xxhash_rust::xxh3::xxh3_64(topic.as_bytes()) % 100 < u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBSUB: DistributedKind = DistributedKind::PubSub;
    const HYBRID: DistributedKind = DistributedKind::Hybrid;
    const STREAMS: DistributedKind = DistributedKind::Streams;

    #[test]
    fn a_share_holds_as_many_topics_as_it_says_and_grows_without_losing_any() {
        let topics: Vec<String> = (0..10_000).map(|number| format!("plant/{}/sensor/{number}", number % 7)).collect();
        let mut before = Vec::new();
        for percent in [0, 1, 5, 25, 50, 90, 100] {
            let share: Vec<&String> = topics.iter().filter(|topic| is_in_share(topic, percent)).collect();
            let expected = topics.len() * usize::from(percent) / 100;
            assert!(share.len().abs_diff(expected) <= 200, "{percent} %: {} topics", share.len());
            assert!(before.iter().all(|topic| share.contains(topic)), "{percent} % holds all of the smaller share");
            before = share;
        }
        assert_eq!(before.len(), topics.len());
    }

    #[test]
    fn the_share_of_a_topic_is_the_same_on_every_node_and_in_every_version() {
        let least = |topic: &str| (0..=100).find(|percent| is_in_share(topic, *percent));
        let shares = ["plant/line-1/temperature", "a", "device/4711/up"].map(least);
        assert_eq!(shares, [Some(68), Some(20), Some(71)]);
    }

    #[test]
    fn decisions_follow_each_other() {
        let first = Decision::first(PUBSUB, None);
        assert_eq!(first.promoted(), Err(Undecidable::NoCanary));
        assert_eq!(first.aborted(), Err(Undecidable::NoCanary));
        assert_eq!(first.with_canary(PUBSUB, 5), Err(Undecidable::SameKind(PUBSUB)));
        assert_eq!(first.with_canary(HYBRID, 101), Err(Undecidable::Percent));

        let small = first.with_canary(HYBRID, 5).unwrap();
        assert_eq!(small, Decision { version: 2, kind: PUBSUB, canary: Some(Canary { kind: HYBRID, percent: 5, since: 2 }) });
        let large = small.with_canary(HYBRID, 100).unwrap();
        assert_eq!(large.canary.unwrap().since, 2, "another share is the same canary");
        assert_eq!(large.with_canary(STREAMS, 5).unwrap().canary.unwrap().since, 4, "another kind is another one");
        assert_eq!(large.promoted(), Ok(Decision { version: 4, kind: HYBRID, canary: None }));
        assert_eq!(large.aborted(), Ok(Decision { version: 4, kind: PUBSUB, canary: None }));
        assert!(large.replaces(&small) && !small.replaces(&large) && !large.replaces(&large));
        assert!(large.aborted().unwrap().replaces(&large.promoted().unwrap()), "what Redis says counts");
    }

    #[test]
    fn a_configured_canary_of_the_same_kind_is_none() {
        assert_eq!(Decision::first(HYBRID, Some((HYBRID, 50))).canary, None);
        assert_eq!(Decision::first(HYBRID, Some((STREAMS, 50))).canary, Some(Canary { kind: STREAMS, percent: 50, since: 1 }));
    }

    #[test]
    fn what_is_stored_is_read_and_more_may_follow() {
        for decision in [Decision::first(PUBSUB, None), Decision::first(PUBSUB, Some((HYBRID, 7)))] {
            assert_eq!(Decision::parse(&decision.encode()), Some(decision));
        }
        let later = r#"{"version":9,"kind":"streams","canary":{"kind":"hybrid","percent":3,"since":8,"zone":"eu"},"by":"ada"}"#;
        let canary = Some(Canary { kind: HYBRID, percent: 3, since: 8 });
        assert_eq!(Decision::parse(later), Some(Decision { version: 9, kind: STREAMS, canary }));
        for unknown in ["", "{}", r#"{"version":9,"kind":"quic"}"#, r#"{"version":"x","kind":"hybrid"}"#] {
            assert_eq!(Decision::parse(unknown), None, "{unknown}");
        }
    }
}
