use std::collections::VecDeque;

use foldhash::HashSet;

use crate::bus::Append;
use crate::bus::distributed::lane_of;
use crate::receipt::ReceiptSender;
use crate::types::{Event, EventId, NodeId, limits};

/// What a session that has come from other nodes must watch until these have passed on all that they still had for it. Pure.
///
/// Each lane by itself: events wait until the nodes that had the session have passed on what they got before, and then go by their ids.
/// Those that are passed on do so as well: they may come by several ways, from a node and from who drains its inbox while it is away, or
/// by the inbox of one that died before they got further. What comes twice is taken once.
pub struct Hold {
    epoch: u64,
    lanes: Vec<Lane>,
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
            bytes: 0,
            count: 0,
            seen: Recent::default(),
        }
    }

    /// What the hold before this one knew and kept. Answers what of it comes another way.
    pub fn succeed(&mut self, mut before: Hold) -> Vec<Held> {
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

    /// An event has come directly. `from_elsewhere`: another node has sent it.
    pub fn direct(&mut self, event: &Event, from_elsewhere: bool) -> Coming {
        let covered = self.lanes[self.lane_of(event.publisher.as_str())].covered;
        if from_elsewhere && covered { Coming::Double } else { self.passed_on(event) }
    }

    /// An event was passed on by a node that had the session.
    pub fn passed_on(&mut self, event: &Event) -> Coming {
        if self.seen.contains(event.id) {
            return Coming::Double;
        }
        let lane = &self.lanes[self.lane_of(event.publisher.as_str())];
        let full = self.count >= limits::HELD_EVENTS || self.bytes + event.weight() > limits::HANDOVER_BYTES;
        // Once one has begun to wait, all behind it wait: also when there is no room for more.
        if lane.held.is_empty() && (lane.passes() || full) { Coming::Take } else { Coming::Wait }
    }

    /// It was taken and could not be kept: it goes where the session went, and is new should it come back. Answers the copies that wait
    /// here: one on its way is enough.
    pub fn forget(&mut self, event: &Event) -> Vec<Held> {
        let id = event.id;
        self.seen.remove(id);
        let lane = self.lane_of(event.publisher.as_str());
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
        self.lanes.iter().all(|lane| lane.awaited.is_empty() && lane.held.is_empty())
    }

    /// What waits no longer, in order, and whether it is new: not if it was passed on meanwhile.
    pub fn release(&mut self) -> Vec<(Held, bool)> {
        let mut released = Vec::new();
        for lane in self.lanes.iter_mut().filter(|lane| lane.passes()) {
            lane.put_in_order();
            released.extend(lane.held.drain(..));
        }
        self.count -= released.len();
        self.bytes -= released.iter().map(|held| held.append.delivery.event.weight()).sum::<usize>();
        let noted = released.into_iter().map(|held| {
            let is_new = self.seen.insert(held.append.delivery.event.id);
            (held, is_new)
        });
        noted.collect()
    }

    /// These are in the queue, or on their way there.
    pub fn note_stored(&mut self, ids: impl IntoIterator<Item = EventId>) {
        ids.into_iter().for_each(|id| _ = self.seen.insert(id));
    }

    /// Everything that waits: the session is on its way to yet another node. Second what was passed on meanwhile: it is there already.
    pub fn abandon(&mut self) -> (Vec<Held>, Vec<Held>) {
        (self.count, self.bytes) = (0, 0);
        self.lanes.iter_mut().for_each(Lane::put_in_order);
        let waiting = self.lanes.iter_mut().flat_map(|lane| lane.held.drain(..));
        waiting.partition(|held| !self.seen.contains(held.append.delivery.event.id))
    }
}

impl Lane {
    /// Ids grow in the order in which a node took its events.
    fn put_in_order(&mut self) {
        self.held.make_contiguous().sort_by_key(|held| held.append.delivery.event.id);
    }

    /// Whether nothing goes before what waits here.
    fn passes(&self) -> bool {
        self.awaited.is_empty() || self.given_up
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::durable::conformance::{Owner, delivery};
    use crate::receipt::Receipt;
    use crate::types::QueueId;

    const EPOCH: u64 = 7;

    fn former() -> NodeId {
        NodeId::new("former")
    }

    /// One lane, one node that had the session.
    fn hold(covered: bool) -> Hold {
        Hold::new(EPOCH, 1, &[former()], covered)
    }

    fn event(id: u128) -> Arc<Event> {
        delivery(id, 10).event
    }

    fn keep(hold: &mut Hold, id: u128) {
        let (sender, _) = Receipt::pending();
        let append = Append {
            queue: QueueId(1),
            delivery: delivery(id, 10),
            displaces: false,
            owed: true,
            owner: Arc::new(Owner::default()),
        };
        hold.keep(Held { append, from_elsewhere: true, sender });
    }

    fn ids(held: &[Held]) -> Vec<u128> {
        held.iter().map(|held| held.append.delivery.event.id.0).collect()
    }

    /// What goes on, and which of it is new.
    fn released(hold: &mut Hold) -> Vec<(u128, bool)> {
        hold.release().iter().map(|(held, is_new)| (held.append.delivery.event.id.0, *is_new)).collect()
    }

    #[test]
    fn what_comes_waits_for_the_former_node_and_goes_by_its_id() {
        let mut hold = hold(false);
        for id in [3, 1, 2] {
            assert_eq!(hold.direct(&event(id), true), Coming::Wait);
            keep(&mut hold, id);
        }
        assert_eq!(released(&mut hold), []);
        hold.finished(&former(), 0);
        assert!(!hold.is_over(), "they are not stored yet");
        assert_eq!(released(&mut hold), [(1, true), (2, true), (3, true)]);
        assert!(hold.is_over());
        assert_eq!(hold.direct(&event(4), true), Coming::Take);
    }

    #[test]
    fn what_comes_twice_is_taken_once() {
        let mut hold = hold(false);
        keep(&mut hold, 1);
        keep(&mut hold, 1);
        hold.finished(&former(), 0);
        assert_eq!(released(&mut hold), [(1, true), (1, false)]);
        assert_eq!(hold.passed_on(&event(1)), Coming::Double);
        hold.note_stored([EventId(2)]);
        assert_eq!(hold.direct(&event(2), true), Coming::Double);
    }

    #[test]
    fn what_others_send_is_left_to_the_former_node_until_all_know_where_the_session_is() {
        let mut hold = hold(true);
        assert_eq!(hold.direct(&event(1), true), Coming::Double);
        assert_eq!(hold.direct(&event(1), false), Coming::Wait, "what is published here has gone nowhere else");
        assert_eq!(hold.passed_on(&event(1)), Coming::Wait);
        hold.uncover(0);
        assert_eq!(hold.direct(&event(1), true), Coming::Wait);
    }

    #[test]
    fn what_could_not_be_kept_is_no_double_when_it_comes_again() {
        let mut hold = hold(false);
        hold.note_stored([EventId(1)]);
        keep(&mut hold, 1);
        keep(&mut hold, 2);
        assert_eq!(ids(&hold.forget(&event(1))), [1], "one copy on its way is enough");
        assert_eq!(hold.passed_on(&event(1)), Coming::Wait);
        hold.finished(&former(), 0);
        assert_eq!(released(&mut hold), [(2, true)]);
    }

    #[test]
    fn whoever_waits_for_too_much_waits_for_nothing() {
        let mut hold = hold(false);
        for id in 0..=limits::HELD_EVENTS as u128 {
            keep(&mut hold, id);
        }
        assert_eq!(hold.release().len(), limits::HELD_EVENTS + 1);
        assert_eq!(hold.passed_on(&event(limits::HELD_EVENTS as u128)), Coming::Double, "it is taken once, still");
        assert_eq!(hold.passed_on(&event(1_000_000)), Coming::Take);
        assert!(!hold.is_over(), "the former node may still have some");
    }

    #[test]
    fn a_later_claim_keeps_what_waits_and_what_is_known() {
        let mut before = hold(false);
        before.note_stored([EventId(1)]);
        keep(&mut before, 1);
        keep(&mut before, 2);
        let mut covered = hold(true);
        assert_eq!(ids(&covered.succeed(before)), [1, 2], "the former node has them, too");

        let mut before = hold(false);
        before.note_stored([EventId(1)]);
        keep(&mut before, 2);
        let mut later = hold(false);
        assert_eq!(ids(&later.succeed(before)), []);
        assert_eq!(later.passed_on(&event(1)), Coming::Double);
        assert_eq!(ids(&later.abandon().0), [2]);
    }
}
