//! The port: what every bus does, whatever carries it.

use std::sync::Arc;
use std::task::{Context, Poll};

use smallvec::SmallVec;

use super::route::Route;
use crate::receipt::Receipt;
use crate::types::{Delivery, DropReason, Event, NodeId, QueueId, Refusal, Seq, SubscribeOptions, SubscriberId, Subscription};

/// Carries events from publishers to the subscribers whose filters match.
///
/// Order: events of one publisher on one topic reach each subscriber in the order of the `publish` calls.
pub trait EventBus: Send + Sync + 'static {
    /// Hands `event` to every matching subscriber. Never waits: what is still to be awaited is in the receipt (transport) and
    /// in `handover` (durable queues, pressure), which the caller owns and completes.
    ///
    /// `route` is the caller's memory of where this topic leads: pass the same one for the same topic and nothing is looked up twice.
    fn publish(&self, event: &Arc<Event>, route: &mut Route, handover: &mut Handover) -> Receipt;

    /// Adds or replaces the subscriber's subscription to this filter (and group). When the receipt resolves, no later event is missed.
    fn subscribe(&self, subscription: &Subscription, options: SubscribeOptions, subscriber: Arc<dyn Subscriber>) -> Receipt;

    /// `false` when there was no such subscription. Events handed over before may still arrive.
    fn unsubscribe(&self, subscription: &Subscription, subscriber: SubscriberId) -> bool;

    /// Gives an event that a leaving member of a shared group has not acknowledged to another member, never to `except`
    /// (MQTT 5 §4.8.2). `true` when one took it; `false` also when there is nobody else, or `subscription` names no group.
    fn publish_to_group(
        &self,
        subscription: &Subscription,
        event: &Arc<Event>,
        except: SubscriberId,
        handover: &mut Handover,
    ) -> bool;

    fn guarantees(&self) -> Guarantees;

    fn stats(&self) -> BusStats;
}

/// So that a wrapper can stand around a bus that somebody else has too.
impl<B: EventBus> EventBus for Arc<B> {
    fn publish(&self, event: &Arc<Event>, route: &mut Route, handover: &mut Handover) -> Receipt {
        (**self).publish(event, route, handover)
    }

    fn subscribe(&self, subscription: &Subscription, options: SubscribeOptions, subscriber: Arc<dyn Subscriber>) -> Receipt {
        (**self).subscribe(subscription, options, subscriber)
    }

    fn unsubscribe(&self, subscription: &Subscription, subscriber: SubscriberId) -> bool {
        (**self).unsubscribe(subscription, subscriber)
    }

    fn publish_to_group(
        &self,
        subscription: &Subscription,
        event: &Arc<Event>,
        except: SubscriberId,
        handover: &mut Handover,
    ) -> bool {
        (**self).publish_to_group(subscription, event, except, handover)
    }

    fn guarantees(&self) -> Guarantees {
        (**self).guarantees()
    }

    fn stats(&self) -> BusStats {
        (**self).stats()
    }
}

/// Anything with a mailbox: an MQTT session, the rule engine, a live tail.
pub trait Subscriber: Send + Sync + 'static {
    fn id(&self) -> SubscriberId;

    /// The client whose own events a no-local subscription leaves out.
    fn client(&self) -> &str;

    /// Takes one event, at once and without waiting. A durable subscriber adds to `handover.appends` instead of keeping it itself.
    fn deliver(&self, delivery: Delivery, handover: &mut Handover) -> Delivered;

    /// Ready when the mailbox is below its mark again (or nobody should wait for it any longer). Wakes the task otherwise.
    fn poll_room(&self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// A publisher waited for room as long as it may and goes on: from now on this subscriber loses what it has no room for.
    fn give_up(&self) {}

    /// Whether it keeps QoS ≥ 1 beyond the life of this process: others send to it also while the process is gone.
    fn is_durable(&self) -> bool {
        false
    }

    /// Whether its durable queue is full and refuses what it is owed: other nodes then refuse it for it.
    fn is_full(&self) -> bool {
        false
    }

    /// Whether it wants to hear only of events that pass through this node anyway: nobody sends any for its sake.
    fn only_looks_on(&self) -> bool {
        false
    }

    /// How well this subscriber serves as the member of a shared group that gets the next event.
    fn availability(&self) -> Availability {
        Availability::Ready
    }
}

/// Best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Availability {
    Ready,
    /// Connected, but behind.
    Busy,
    /// Has a durable queue and nobody who reads it.
    Offline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    Accepted,
    /// Accepted, and the mailbox is now above its high-water mark: the publisher should wait for room.
    Pressed,
    Dropped(DropReason),
    /// Seen by somebody who only looks on (recent events): nothing is owed, nothing is counted.
    Observed,
    /// The subscriber is owed this event and cannot take it: the publisher must not be told that it is safe.
    Refused(Refusal),
}

/// What publishing one event leaves to do.
#[derive(Default)]
pub struct Handover {
    /// Durable queues that are owed the event: to be stored, together, before it is acknowledged.
    pub appends: SmallVec<[Append; 1]>,
    /// A subscriber that is behind: wait for its room before publishing more.
    pub pressed: Option<Arc<dyn Subscriber>>,
    /// Subscribers that took it.
    pub accepted: u32,
    /// Other nodes that it was sent to.
    pub forwarded: u32,
    /// Subscribers that did not get it in the end, by [`DropReason`]; a group counts once, and only when no member took it.
    pub drops: [u32; DropReason::ALL.len()],
    pub refused: Option<Refusal>,
    /// Subscribers that took it and have still to make it safe.
    pub waits: SmallVec<[Receipt; 0]>,
    /// It comes from another node, which has answered its publisher.
    pub from_elsewhere: bool,
    /// What is owed it goes into a durable queue that is full, too, as far as the reserve reaches: it was acknowledged before.
    pub into_reserve: bool,
    /// It came by a way on which it might have been lost: nobody is owed it, whatever its QoS.
    pub may_be_lost: bool,
}

impl Handover {
    /// Safe once all who took it and were not done have made it safe.
    pub fn awaited(&mut self) -> Receipt {
        self.waits.drain(..).fold(Receipt::SAFE, Receipt::and)
    }

    pub fn dropped(&self) -> u32 {
        self.drops.iter().sum()
    }

    pub fn note_drop(&mut self, reason: DropReason) {
        self.drops[reason as usize] += 1;
    }

    /// What it is about was acknowledged to its publisher, as far as this node knows.
    pub fn is_owed(&self) -> bool {
        self.from_elsewhere && !self.may_be_lost
    }

    /// An empty one about the same event.
    pub fn another(&self) -> Handover {
        let Handover { from_elsewhere, into_reserve, may_be_lost, .. } = *self;
        Handover { from_elsewhere, into_reserve, may_be_lost, ..Handover::default() }
    }

    /// Adds what another handover holds.
    pub fn absorb(&mut self, other: Handover) {
        self.appends.extend(other.appends);
        self.pressed = self.pressed.take().or(other.pressed);
        self.accepted += other.accepted;
        self.forwarded += other.forwarded;
        for (sum, drops) in self.drops.iter_mut().zip(other.drops) {
            *sum += drops;
        }
        self.refused = self.refused.or(other.refused);
        self.waits.extend(other.waits);
    }

    /// Counts one subscriber's answer.
    pub fn note(&mut self, delivered: Delivered, subscriber: &Arc<dyn Subscriber>) {
        match delivered {
            Delivered::Accepted => self.accepted += 1,
            Delivered::Pressed => {
                self.accepted += 1;
                self.pressed.get_or_insert_with(|| subscriber.clone());
            }
            Delivered::Dropped(reason) => self.note_drop(reason),
            Delivered::Observed => {}
            Delivered::Refused(refusal) => _ = self.refused.get_or_insert(refusal),
        }
    }
}

/// One entry for one durable queue.
pub struct Append {
    pub queue: QueueId,
    pub delivery: Delivery,
    /// The queue is full and configured to lose its oldest entry for a new one.
    pub displaces: bool,
    /// Its publisher was told that it is safe: a store that may fail for a while tries until it is, before it stores what comes later.
    pub owed: bool,
    /// Told when the entry is stored, in the order of the queue.
    pub owner: Arc<dyn Stored>,
}

/// Hears that an entry of its durable queue is stored. Called on the store's own thread: must return at once.
pub trait Stored: Send + Sync {
    fn stored(&self, seq: Seq, delivery: Delivery);

    /// An entry that was appended could not be stored: it is not in the queue.
    fn unstored(&self, _delivery: &Delivery) {}

    /// What was appended had come already, from another node. `weight` is its [`Event::weight`].
    fn doubled(&self, _weight: u64) {}

    /// The oldest entry went to make room for a new one. `weight` is its [`Event::weight`].
    fn displaced(&self, _seq: Seq, _weight: u64) {}

    /// The queue is node `to`'s now: whoever had it sees to it that the delivery gets there, and answers once it is safe. Called in the
    /// order of the appends.
    fn moved(&self, _to: &NodeId, delivery: Delivery, answer: Answer) {
        self.unstored(&delivery);
        answer(Err(Refusal::Moved));
    }
}

/// Tells whether something is safe, once.
pub type Answer = Box<dyn FnOnce(Result<(), Refusal>) + Send>;

/// What a bus promises; conformance skips the clauses it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarantees {
    /// Nothing of QoS ≥ 1 is lost between publisher and mailbox once the receipt has resolved.
    pub at_least_once: bool,
    /// Reaches subscribers in other processes.
    pub crosses_nodes: bool,
    /// Publishers and subscribers share a process: a publisher hears when a subscriber refuses or is behind, and what a process says
    /// about itself (`$SYS`) reaches them. Between nodes an event is safe in an inbox before it is delivered.
    pub local: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BusStats {
    /// Since start. Where the bus is not wrapped in `Metered`, only what comes from other nodes is counted.
    pub published: u64,
    pub delivered: u64,
    pub dropped: u64,
    /// Now.
    pub subscriptions: u64,
    pub subscribers: u64,
    pub shared_groups: u64,
}
