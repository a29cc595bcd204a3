use std::collections::VecDeque;

use foldhash::HashSet;

use crate::bus::Append;
use crate::bus::distributed::lane_of;
use crate::receipt::ReceiptSender;
use crate::types::{EventId, NodeId, limits};

/// What a session that has come from other nodes must watch until these have passed on all that they still had for it. Pure.
///
/// Each lane by itself: events of one publisher that come directly wait until the nodes that had the session have passed on what they
/// got before; what comes both ways is taken once.
pub struct Hold {
    epoch: u64,
    lanes: Vec<Lane>,
    /// What came first cannot be told by who brings it. So what is passed on waits as well, and then all goes by the ids of the events,
    /// which grow in the order in which a node took them.
    by_id: bool,
    bytes: usize,
    count: usize,
    seen: Recent,
}

#[derive(Default)]
struct Lane {
    /// What other nodes send here was sent to the former nodes, too, and comes from these.
    covered: bool,
    /// Nodes that have not passed on all of it.
    awaited: Vec<NodeId>,
    /// Nobody waits for them any more, for what that means to the order.
    given_up: bool,
    held: VecDeque<Held>,
    /// Some that were held are just being handed to the store: what comes now goes behind them.
    releasing: bool,
}

/// An event that waits.
pub struct Held {
    pub append: Append,
    /// Another node has sent it here.
    pub from_elsewhere: bool,
    pub sender: ReceiptSender,
}

/// What becomes of an event that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coming {
    Take,
    Wait,
    /// It came already, or comes another way.
    Double,
}

impl Hold {
    /// `epoch` is that of the claim; `sources` have had the session before it. `covered`: what others send here now was sent to one of these,
    /// too. Not so where one of these leaves it to this very node, which had the session before.
    pub fn new(epoch: u64, lanes: usize, sources: &[NodeId], covered: bool) -> Self {
        let lane = || Lane { covered: covered && !sources.is_empty(), awaited: sources.to_vec(), ..Lane::default() };
        Hold {
            epoch,
            lanes: std::iter::repeat_with(lane).take(lanes.max(1)).collect(),
            // Not so after a second move before the first was over: what the first node has, it passes on in part to the second, which may
            // have died, and in part itself. Nor where it comes back to the first, which has kept some for itself meanwhile.
            by_id: sources.len() > 1 || !covered,
            bytes: 0,
            count: 0,
            seen: Recent::default(),
        }
    }

    /// What the hold before this one knew and kept. Answers what of it comes another way.
    pub fn succeed(&mut self, mut before: Hold) -> Vec<Held> {
        self.by_id |= before.by_id;
        let (held, mut doubles) = before.abandon();
        self.seen = before.seen;
        for held in held {
            let covered = held.from_elsewhere && self.lanes[self.lane_of(held.append.delivery.event.publisher.as_str())].covered;
            if covered { doubles.push(held) } else { self.keep(held) }
        }
        doubles
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    fn lane_of(&self, publisher: &str) -> usize {
        lane_of(publisher, self.lanes.len())
    }

    /// An event of this weight has come directly.
    pub fn direct(&mut self, id: EventId, publisher: &str, weight: usize, from_elsewhere: bool) -> Coming {
        let lane = &self.lanes[self.lane_of(publisher)];
        if (from_elsewhere && lane.covered) || self.seen.contains(id) {
            return Coming::Double;
        }
        if self.has_to_wait(lane, weight) {
            return Coming::Wait;
        }
        self.seen.insert(id);
        Coming::Take
    }

    fn has_to_wait(&self, lane: &Lane, weight: usize) -> bool {
        let full = self.count >= limits::HELD_EVENTS || self.bytes + weight > limits::HANDOVER_BYTES;
        // Once it has begun to wait, all behind it waits: also when there is no room for more.
        let passes = lane.is_free() || (lane.given_up && lane.held.is_empty() && !lane.releasing);
        !passes && (!full || !lane.held.is_empty())
    }

    /// An event of this weight was passed on by a node that had the session.
    pub fn passed_on(&mut self, id: EventId, publisher: &str, weight: usize) -> Coming {
        if self.seen.contains(id) {
            return Coming::Double;
        }
        if self.by_id && self.has_to_wait(&self.lanes[self.lane_of(publisher)], weight) {
            return Coming::Wait;
        }
        self.seen.insert(id);
        Coming::Take
    }

    /// It was taken and could not be kept: it goes where the session went, and is new should it come back. Answers the copies that wait
    /// here: one on its way is enough.
    pub fn forget(&mut self, id: EventId, publisher: &str) -> Vec<Held> {
        self.seen.remove(id);
        let lane = self.lane_of(publisher);
        let waiting = std::mem::take(&mut self.lanes[lane].held);
        let (doubles, others): (Vec<Held>, Vec<Held>) = waiting.into_iter().partition(|held| held.append.delivery.event.id == id);
        self.lanes[lane].held = others.into();
        self.count -= doubles.len();
        self.bytes -= doubles.iter().map(|held| held.append.delivery.event.weight()).sum::<usize>();
        doubles
    }

    /// After [`Coming::Wait`].
    pub fn keep(&mut self, held: Held) {
        let event = &held.append.delivery.event;
        self.bytes += event.weight();
        self.count += 1;
        let lane = self.lane_of(event.publisher.as_str());
        self.lanes[lane].held.push_back(held);
        if self.count > limits::HELD_EVENTS || self.bytes > limits::HANDOVER_BYTES {
            self.give_up();
        }
    }

    /// What other nodes send here from now on in this lane may come only here.
    pub fn uncover(&mut self, lane: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.covered = false;
        }
    }

    /// `source` has passed on all that it had in this lane.
    pub fn finished(&mut self, source: &NodeId, lane: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.awaited.retain(|awaited| awaited != source);
        }
    }

    /// Nothing waits any longer: what comes late is still taken once, but behind.
    pub fn give_up(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.given_up = true);
    }

    /// Whether all nodes have passed on everything.
    pub fn is_over(&self) -> bool {
        self.lanes.iter().all(Lane::is_free)
    }

    /// What waits no longer, in order. Call it until it answers nothing: what comes meanwhile waits behind what was answered.
    pub fn release(&mut self) -> Vec<Held> {
        let mut released = Vec::new();
        for lane in &mut self.lanes {
            lane.releasing = false;
            if lane.awaited.is_empty() || lane.given_up {
                lane.releasing = !lane.held.is_empty();
                lane.put_in_order(self.by_id);
                released.extend(lane.held.drain(..));
            }
        }
        self.count -= released.len();
        self.bytes -= released.iter().map(|held| held.append.delivery.event.weight()).sum::<usize>();
        released
    }

    /// The former node has stored these.
    pub fn note_stored(&mut self, ids: impl IntoIterator<Item = EventId>) {
        ids.into_iter().for_each(|id| _ = self.seen.insert(id));
    }

    /// Whether a released event has to be taken: not if it was passed on meanwhile.
    pub fn is_new(&mut self, id: EventId) -> bool {
        self.seen.insert(id)
    }

    /// Everything that waits: the session is on its way to yet another node. Second what was passed on meanwhile: it is there already.
    pub fn abandon(&mut self) -> (Vec<Held>, Vec<Held>) {
        (self.count, self.bytes) = (0, 0);
        self.lanes.iter_mut().for_each(|lane| lane.put_in_order(self.by_id));
        let waiting = self.lanes.iter_mut().flat_map(|lane| lane.held.drain(..));
        waiting.partition(|held| !self.seen.contains(held.append.delivery.event.id))
    }
}

impl Lane {
    fn put_in_order(&mut self, by_id: bool) {
        if by_id {
            self.held.make_contiguous().sort_by_key(|held| held.append.delivery.event.id);
        }
    }

    fn is_free(&self) -> bool {
        self.awaited.is_empty() && self.held.is_empty() && !self.releasing
    }
}

/// The last events, at least so many as [`limits::HANDOVER_SEEN`].
#[derive(Default)]
struct Recent {
    recent: HashSet<u128>,
    before: HashSet<u128>,
}

impl Recent {
    fn contains(&self, id: EventId) -> bool {
        self.recent.contains(&id.0) || self.before.contains(&id.0)
    }

    fn remove(&mut self, id: EventId) {
        self.recent.remove(&id.0);
        self.before.remove(&id.0);
    }

    fn insert(&mut self, id: EventId) -> bool {
        if self.before.contains(&id.0) || !self.recent.insert(id.0) {
            return false;
        }
        if self.recent.len() >= limits::HANDOVER_SEEN {
            self.before = std::mem::take(&mut self.recent);
        }
        true
    }
}
