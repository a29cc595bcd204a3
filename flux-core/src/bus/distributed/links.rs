use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::HashMap;
use parking_lot::RwLock;

use super::fences::Fences;
use super::figures::BusFigures;
use super::keys::BusKeys;
use super::kind::Transport;
use super::outbox::Outbox;
use crate::redis::{Copies, Redis};
use crate::types::{ClientId, NodeId};

/// The ways to one other node: for each lane one by each transport.
pub struct Link {
    pub node: NodeId,
    lanes: Box<[[Arc<Outbox>; 2]]>,
    /// It is a member that drops doubles and answers fences.
    compares: AtomicBool,
}

impl Link {
    pub fn outbox(&self, lane: usize, transport: Transport) -> &Arc<Outbox> {
        &self.lanes[lane % self.lanes.len()][transport as usize]
    }

    pub fn compares(&self) -> bool {
        self.compares.load(Ordering::Relaxed)
    }

    pub fn note_compares(&self, compares: bool) {
        self.compares.store(compares, Ordering::Relaxed);
    }

    /// From now on messages of this lane that went the one way go the other. Nothing may be sent meanwhile.
    pub fn change(&self, lane: usize, (from, to): (Transport, Transport), fences: &Fences, asker: &Arc<str>) {
        let asker = self.compares().then_some(asker);
        let (old, new) = (self.outbox(lane, from), self.outbox(lane, to));
        old.give_way_to(new, asker, || fences.before(&self.node, new));
    }

    pub fn outboxes(&self) -> impl Iterator<Item = &Arc<Outbox>> {
        self.lanes.iter().flatten()
    }

    pub fn inboxes(&self) -> impl Iterator<Item = &Arc<Outbox>> {
        self.outboxes().filter(|outbox| outbox.transport() == Transport::Inbox)
    }
}

/// The ways to all other nodes, made when they are first needed.
pub struct Links {
    redis: Redis,
    keys: BusKeys,
    lanes: usize,
    copies: Copies,
    figures: Arc<BusFigures>,
    links: RwLock<HashMap<NodeId, Arc<Link>>>,
}

impl Links {
    pub fn new(redis: Redis, keys: BusKeys, lanes: usize, copies: Copies, figures: Arc<BusFigures>) -> Self {
        Links { redis, keys, lanes, copies, figures, links: RwLock::default() }
    }

    pub fn to(&self, node: &NodeId) -> Arc<Link> {
        if let Some(link) = self.links.read().get(node) {
            return link.clone();
        }
        self.links.write().entry(node.clone()).or_insert_with(|| Arc::new(self.link(node))).clone()
    }

    fn link(&self, node: &NodeId) -> Link {
        let outbox = |transport, key| Outbox::new(transport, key, self.redis.clone(), self.copies, self.figures.clone());
        let lane =
            |lane| [outbox(Transport::PubSub, self.keys.events(node)), outbox(Transport::Inbox, self.keys.inbox(node, lane))];
        Link { node: node.clone(), lanes: (0..self.lanes).map(lane).collect(), compares: AtomicBool::new(false) }
    }

    pub fn all(&self) -> Vec<Arc<Link>> {
        self.links.read().values().cloned().collect()
    }

    /// Returns once all that was sent to inboxes before is there, or refused.
    pub async fn flushed(&self) {
        for link in self.all() {
            for outbox in link.inboxes().filter(|outbox| !outbox.is_idle()) {
                outbox.flushed().await;
            }
        }
    }

    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Events of one publisher keep their order: they share a lane.
    pub fn lane_of(&self, publisher: &ClientId) -> usize {
        lane_of(publisher.as_str(), self.lanes)
    }
}

/// The lane of a publisher's events, of so many.
pub fn lane_of(publisher: &str, lanes: usize) -> usize {
    (xxhash_rust::xxh3::xxh3_64(publisher.as_bytes()) % lanes as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::lane_of;

    #[test]
    fn publishers_are_spread_over_the_lanes_and_each_stays_in_its_own() {
        let mut counts = [0; 4];
        for number in 0..1_000 {
            let publisher = format!("sensor-{number}");
            let lane = lane_of(&publisher, counts.len());
            assert_eq!(lane, lane_of(&publisher, counts.len()));
            counts[lane] += 1;
        }
        assert!(counts.iter().all(|count| *count > 150), "{counts:?}");
    }
}
