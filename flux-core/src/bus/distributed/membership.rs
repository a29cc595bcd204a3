use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::canary::CanaryReading;
use crate::types::NodeId;

/// Tells one life of a node from the next: a node that was thought dead and comes back is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub u64);

/// A place in the change feed: the id of a stream entry, which grows with every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version {
    pub millis: u64,
    pub number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// Reads the routes; serves nobody yet.
    Joining,
    Ready,
    /// Serves who it has and takes nobody new.
    Draining,
}

/// Another node, as its last heartbeat described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub id: NodeId,
    pub generation: Generation,
    pub state: PeerState,
    /// The program's version.
    pub version: String,
    /// Where its HTTP API is, as others reach it; empty when it has none.
    pub http: String,
    /// How far it has read the change feed.
    pub applied: Version,
    /// The version of the decision on the bus that it follows. Zero: it is too old to know of any, and knows neither doubles nor fences.
    pub decision: u64,
    /// What it has counted of the canary.
    pub canary: Option<CanaryReading>,
    /// What it tells about itself: not for the bus to understand.
    pub about: serde_json::Value,
}

/// What a heartbeat is answered with: who has a lease now, by Redis' clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roll {
    pub peers: Vec<Peer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Joined(NodeId),
    /// The same node in a new life: what was known of the old one is void.
    Returned(NodeId),
    /// Its lease has ended, or it has left.
    Gone(NodeId),
}

/// Who belongs to the cluster, as this node knows it, and whether it may act as a member itself.
#[derive(Debug)]
pub struct Membership {
    own: NodeId,
    lease: Duration,
    peers: BTreeMap<NodeId, Peer>,
    /// When the last heartbeat that was answered was sent: the lease runs from then at the earliest.
    renewed: Option<Instant>,
}

impl Membership {
    pub fn new(own: NodeId, lease: Duration) -> Self {
        Membership { own, lease, peers: BTreeMap::new(), renewed: None }
    }

    /// A heartbeat that was sent at `sent` has been answered.
    pub fn heard(&mut self, sent: Instant, roll: Roll) -> Vec<Change> {
        self.renewed = self.renewed.max(Some(sent));
        let now: BTreeMap<NodeId, Peer> =
            roll.peers.into_iter().filter(|peer| peer.id != self.own).map(|peer| (peer.id.clone(), peer)).collect();
        let gone = self.peers.keys().filter(|id| !now.contains_key(*id)).map(|id| Change::Gone(id.clone()));
        let mut changes: Vec<Change> = gone.collect();
        for (id, peer) in &now {
            match self.peers.get(id) {
                None => changes.push(Change::Joined(id.clone())),
                Some(before) if before.generation != peer.generation => changes.push(Change::Returned(id.clone())),
                Some(_) => {}
            }
        }
        let before = std::mem::replace(&mut self.peers, now);
        // What a peer told directly may be newer than what its heartbeat said.
        for (id, peer) in &mut self.peers {
            if let Some(known) = before.get(id).filter(|known| known.generation == peer.generation) {
                peer.applied = peer.applied.max(known.applied);
            }
        }
        changes
    }

    /// A peer says how far it has read the change feed. `true` when that is news.
    pub fn applied(&mut self, id: &NodeId, generation: Generation, version: Version) -> bool {
        let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.generation == generation) else { return false };
        let news = version > peer.applied;
        peer.applied = peer.applied.max(version);
        news
    }

    /// Whether each of `awaited`, the members at `told`, has read the change feed up to `version` or is not what it was any more.
    pub fn all_have_read(&self, awaited: &[(NodeId, Generation)], version: Version, told: Instant) -> bool {
        // Who is missing may be new: only a later roll call can say that it is gone.
        let up_to_date = self.renewed.is_some_and(|renewed| renewed >= told);
        awaited.iter().filter(|(id, _)| *id != self.own).all(|(id, generation)| match self.peers.get(id) {
            Some(peer) if peer.generation == *generation => peer.applied >= version,
            // A later life has read everything anew.
            Some(peer) => peer.generation > *generation,
            None => up_to_date,
        })
    }

    /// Until when this node may act as a member: others may think it dead a moment after. Before the lease ends in Redis.
    pub fn lease_ends(&self) -> Option<Instant> {
        // The margin is for clocks that do not run equally fast.
        self.renewed.map(|sent| sent + self.lease - self.lease / 10)
    }

    /// Redis does not know this node (any more): it has to join again.
    pub fn lost(&mut self) {
        self.renewed = None;
    }

    pub fn peers(&self) -> impl ExactSizeIterator<Item = &Peer> {
        self.peers.values()
    }

    pub fn peer(&self, id: &NodeId) -> Option<&Peer> {
        self.peers.get(id)
    }
}

impl PeerState {
    pub fn as_str(self) -> &'static str {
        match self {
            PeerState::Joining => "joining",
            PeerState::Ready => "ready",
            PeerState::Draining => "draining",
        }
    }

    /// A word of a later version is that of a member that serves.
    pub fn parse(text: &str) -> Self {
        match text {
            "joining" => PeerState::Joining,
            "draining" => PeerState::Draining,
            _ => PeerState::Ready,
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.millis, self.number)
    }
}

/// Text that is no id of a stream entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a stream entry")]
pub struct NotAVersion;

impl std::str::FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let (millis, number) = text.split_once('-').ok_or(NotAVersion)?;
        let part = |text: &str| text.parse().map_err(|_| NotAVersion);
        Ok(Version { millis: part(millis)?, number: part(number)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(2);

    fn id(name: &'static str) -> NodeId {
        NodeId::new(name)
    }

    fn version(millis: u64) -> Version {
        Version { millis, number: 0 }
    }

    fn peer(name: &'static str, generation: u64, applied: u64) -> Peer {
        Peer {
            id: id(name),
            generation: Generation(generation),
            state: PeerState::Ready,
            version: "0.1.0".to_owned(),
            http: String::new(),
            applied: version(applied),
            decision: 1,
            canary: None,
            about: serde_json::Value::Null,
        }
    }

    fn heard(membership: &mut Membership, peers: Vec<Peer>) -> Vec<Change> {
        membership.heard(Instant::now(), Roll { peers })
    }

    #[tokio::test(start_paused = true)]
    async fn peers_come_go_and_return_as_others() {
        let mut one = Membership::new(id("n1"), LEASE);
        let changes = heard(&mut one, vec![peer("n1", 1, 0), peer("n2", 1, 0), peer("n3", 1, 0)]);
        assert_eq!(changes, [Change::Joined(id("n2")), Change::Joined(id("n3"))], "a node is no peer of its own");
        assert_eq!(heard(&mut one, vec![peer("n2", 1, 0), peer("n3", 2, 0)]), [Change::Returned(id("n3"))]);
        assert_eq!(heard(&mut one, vec![peer("n3", 2, 0)]), [Change::Gone(id("n2"))]);
        assert_eq!(heard(&mut one, vec![peer("n3", 2, 0)]), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_stops_acting_before_others_think_it_dead() {
        let mut one = Membership::new(id("n1"), LEASE);
        assert_eq!(one.lease_ends(), None, "not before Redis has said so");
        let sent = Instant::now();
        // The answer came late: the lease counts from when the question was sent.
        tokio::time::advance(Duration::from_millis(900)).await;
        one.heard(sent, Roll::default());
        let after = |millis| Some(sent + Duration::from_millis(millis));
        assert_eq!(one.lease_ends(), after(1_800));
        one.heard(sent + Duration::from_millis(500), Roll::default());
        one.heard(sent, Roll::default());
        assert_eq!(one.lease_ends(), after(2_300), "an older answer takes nothing away");
        one.lost();
        assert_eq!(one.lease_ends(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_barrier_waits_for_all_that_were_there_and_still_are() {
        let mut one = Membership::new(id("n1"), LEASE);
        heard(&mut one, vec![peer("n2", 1, 5), peer("n3", 1, 9)]);
        let awaited = [(id("n1"), Generation(1)), (id("n2"), Generation(1)), (id("n3"), Generation(1))];
        let told = Instant::now();
        let read = |one: &Membership, millis| one.all_have_read(&awaited, version(millis), told);
        assert!(read(&one, 5) && !read(&one, 7));

        assert!(one.applied(&id("n2"), Generation(1), version(7)));
        assert!(!one.applied(&id("n2"), Generation(1), version(6)), "old news");
        assert!(!one.applied(&id("n2"), Generation(9), version(99)), "of another life");
        assert!(read(&one, 7));
        heard(&mut one, vec![peer("n2", 1, 6), peer("n3", 1, 9)]);
        assert!(read(&one, 7), "a heartbeat that was under way says less, and that does not count");

        assert!(!read(&one, 20));
        heard(&mut one, vec![peer("n2", 1, 20)]);
        assert!(read(&one, 20), "nobody waits for the dead");
        heard(&mut one, vec![peer("n2", 2, 0)]);
        assert!(read(&one, 20), "nor for who has read everything anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_not_known_yet_is_not_taken_for_dead() {
        let mut one = Membership::new(id("n1"), LEASE);
        heard(&mut one, vec![peer("n2", 1, 50)]);
        tokio::time::advance(Duration::from_millis(100)).await;
        let told = Instant::now();
        let awaited = [(id("n2"), Generation(2)), (id("n9"), Generation(1))];
        assert!(!one.all_have_read(&awaited, version(5), told), "neither the new node nor the new life of the old one was met");
        heard(&mut one, vec![peer("n2", 2, 5), peer("n9", 1, 0)]);
        assert!(!one.all_have_read(&awaited, version(5), told));
        heard(&mut one, vec![peer("n2", 2, 5)]);
        assert!(one.all_have_read(&awaited, version(5), told));
    }

    #[test]
    fn versions_are_ids_of_stream_entries() {
        assert_eq!("1526919030474-55".parse(), Ok(Version { millis: 1_526_919_030_474, number: 55 }));
        assert_eq!(Version { millis: 7, number: 1 }.to_string(), "7-1");
        for wrong in ["", "7", "a-b", "7-"] {
            assert_eq!(wrong.parse::<Version>(), Err(NotAVersion), "{wrong}");
        }
        assert!(version(8) > Version { millis: 7, number: 99 });
    }
}
