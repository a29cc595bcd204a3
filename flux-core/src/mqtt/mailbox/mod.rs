//! What waits for one session: the bus puts deliveries in, the durable store announces stored ones, the connection takes them out.
//!
//! Bounded in messages and bytes. Above the high-water mark publishers wait (`poll_room`); when one has waited for the whole grace it gives up,
//! and from then on, until the mailbox is half empty again, QoS 0 is dropped and a session that is not durable is closed rather than lose QoS ≥ 1.

mod moving;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Weak;
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};

use super::handover::hold::{Held, Hold};
use super::settings::{MailboxLimits, QueueFull, QueueLimits};
use crate::bus::Answer;
use crate::bus::Append;
use crate::bus::Availability;
use crate::bus::Delivered;
use crate::bus::Handover;
use crate::bus::Stored;
use crate::bus::Subscriber;
use crate::receipt::Receipt;
use crate::telemetry::Metrics;
use crate::types::limits;
use crate::types::{ClientId, Delivery, DropReason, NodeId, QoS, QueueId, Refusal, Seq, SubscriberId};

/// Room for deliveries that an idle mailbox keeps.
const IDLE_ITEMS: usize = 64;

/// How far the front of a mailbox is searched for an entry that was displaced: the oldest is nearly always first.
const DISPLACED_AMONG: usize = 16;

/// One session's mailbox. It lives as long as the session: connections come and go.
pub struct Mailbox {
    id: SubscriberId,
    client: ClientId,
    limits: MailboxLimits,
    queue_limits: QueueLimits,
    metrics: Arc<Metrics>,
    elsewhere: Option<Weak<dyn Elsewhere>>,
    this: Weak<Mailbox>,
    state: Mutex<State>,
}

/// What other nodes have to do with a session.
pub trait Elsewhere: Send + Sync {
    /// Its durable queue is full, or has room again. Must return at once.
    fn room_changed(&self, client: &ClientId);

    /// Appends these to its durable queue, in order.
    fn store(&self, held: Vec<Held>);

    /// The same with one that nobody waits for yet.
    fn store_one(&self, append: Append) -> Receipt;

    /// The session is node `to`'s: gives it the event, and answers once it is safe.
    fn pass_on(&self, client: &ClientId, to: &NodeId, delivery: Delivery, answer: Answer);
}

/// What a connection is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Another connection with this client id has come (MQTT 5 §3.1.4).
    TakenOver,
    /// An operator closes the connection.
    Disconnect,
    /// An operator closes the connection and ends the session.
    Delete,
    /// What other nodes published while they had given this one up has not come.
    CutOff,
    ShutDown,
}

/// See [`Mailbox::poll_signal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Command(Command),
    /// A message that had to be delivered found no room, and there is no durable queue to hold it.
    Overflowed,
}

/// A delivery on its way to the connection.
#[derive(Debug)]
pub enum Item {
    /// Only in memory.
    Live(Delivery),
    /// An entry of the durable queue.
    Stored(Seq, Delivery),
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mailbox").field("id", &self.id).field("client", &self.client).finish_non_exhaustive()
    }
}

impl Item {
    pub fn delivery(&self) -> &Delivery {
        match self {
            Item::Live(delivery) | Item::Stored(_, delivery) => delivery,
        }
    }
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    connection: Option<Waker>,
    connected: bool,
    command: Option<Command>,
    /// Publishers that wait for room.
    waiting: Vec<Waker>,
    /// A publisher's grace has passed: nobody waits until there is room again.
    given_up: bool,
    /// A message that had to be delivered found no room, and there is no durable queue to hold it.
    overflowed: bool,
    queue: Option<Queue>,
    /// While the session comes from another node.
    hold: Option<Box<Hold>>,
    /// Somebody is just handing to the store what has come by way of `hold`: what comes now goes behind it.
    handing_over: bool,
    /// It came from another node, some time.
    came: bool,
    /// The queue is another node's now: what comes is passed on, and its limit is for that node to keep.
    left: bool,
    /// Stored all the same, with their weights: the session was claimed back, and has yet to be taken in as it was found then.
    early: Vec<(Seq, u64)>,
}

/// The durable queue behind the mailbox, as far as it must be known to take and to deliver.
#[derive(Debug, Clone, Copy)]
struct Queue {
    id: QueueId,
    /// Entries that are stored or about to be, acknowledged ones not.
    entries: u64,
    bytes: u64,
    /// As other nodes are told: it has been full, and has not much room again.
    full: bool,
    /// The last entry announced.
    tail: Seq,
    /// The first entry that is on disk only: `items` holds none from here on.
    spilled_from: Option<Seq>,
    cached: usize,
    cached_bytes: usize,
}

/// A durable queue as it was found.
#[derive(Debug, Clone, Copy)]
pub struct QueueStart {
    pub id: QueueId,
    pub entries: u64,
    pub bytes: u64,
    pub first: Seq,
    pub next: Seq,
}

/// Depths, for the admin API and the ledger.
#[derive(Debug, Clone, Copy, Default)]
pub struct Depth {
    pub mailbox_messages: u64,
    pub mailbox_bytes: u64,
    pub queue_entries: u64,
    pub queue_bytes: u64,
    /// Copies only in memory.
    pub live: u64,
}

impl Mailbox {
    pub fn new(
        id: SubscriberId,
        client: ClientId,
        limits: MailboxLimits,
        queue_limits: QueueLimits,
        metrics: Arc<Metrics>,
        elsewhere: Option<Weak<dyn Elsewhere>>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Mailbox {
            id,
            client,
            limits,
            queue_limits,
            metrics,
            elsewhere,
            this: this.clone(),
            state: Mutex::new(State::default()),
        })
    }

    /// Who it is on the bus.
    pub fn subscriber(&self) -> SubscriberId {
        self.id
    }

    /// From now on QoS ≥ 1 goes through this durable queue.
    pub fn set_queue(&self, start: QueueStart) {
        let mut state = self.state.lock();
        state.left = false;
        let mut queue = Queue {
            id: start.id,
            entries: start.entries,
            bytes: start.bytes,
            full: false,
            tail: Seq(start.next.0 - 1),
            spilled_from: (start.entries > 0).then_some(start.first),
            cached: 0,
            cached_bytes: 0,
        };
        for (seq, weight) in std::mem::take(&mut state.early) {
            // What was stored before it was found is among what was found.
            if seq > queue.tail {
                queue.entries += 1;
                queue.bytes += weight;
                queue.tail = seq;
                queue.spilled_from.get_or_insert(seq);
            }
        }
        state.queue = Some(queue);
        self.look_at_room(&mut state);
    }

    /// The queue is another node's from now on. `true`: it was full, as far as others know.
    pub fn leave(&self) -> bool {
        let mut state = self.state.lock();
        state.left = true;
        state.early.clear();
        state.queue.as_mut().is_some_and(|queue| std::mem::take(&mut queue.full))
    }

    /// Nodes that publish for it hear when the queue is full, and when it has some room again: not with every message.
    fn look_at_room(&self, state: &mut State) {
        let (Some(queue), Some(elsewhere), false) = (&mut state.queue, &self.elsewhere, state.left) else { return };
        let QueueLimits { messages, bytes, full } = self.queue_limits;
        let is_full = match queue.full {
            true => queue.entries > relieved(messages) || queue.bytes > relieved(bytes),
            false => full == QueueFull::Refuse && (queue.entries >= messages || queue.bytes >= bytes),
        };
        if is_full != queue.full {
            queue.full = is_full;
            if let Some(elsewhere) = elsewhere.upgrade() {
                elsewhere.room_changed(&self.client);
            }
        }
    }

    /// Deliveries are kept for a connection from now on. `resume_at` is the first durable entry to send again.
    pub fn connect(&self, resume_at: Option<Seq>) {
        let mut state = self.state.lock();
        state.connected = true;
        state.given_up = false;
        state.overflowed = false;
        state.command = None;
        state.connection = None;
        state.items.clear();
        state.bytes = 0;
        if let (Some(queue), Some(resume_at)) = (&mut state.queue, resume_at) {
            queue.cached = 0;
            queue.cached_bytes = 0;
            queue.spilled_from = (resume_at <= queue.tail).then_some(resume_at);
        }
    }

    /// The connection is gone. Gives back what was only in memory; durable entries stay where they are.
    pub fn disconnect(&self) -> Vec<Delivery> {
        let mut state = self.state.lock();
        state.connected = false;
        state.connection = None;
        state.bytes = 0;
        if let Some(queue) = &mut state.queue {
            queue.cached = 0;
            queue.cached_bytes = 0;
        }
        let lost = std::mem::take(&mut state.items)
            .into_iter()
            .filter_map(|item| match item {
                Item::Live(delivery) => Some(delivery),
                Item::Stored(..) => None,
            })
            .collect();
        state.wake_publishers();
        lost
    }

    pub fn command(&self, command: Command) {
        let mut state = self.state.lock();
        // A takeover is the stronger: it decides who owns the session.
        if state.command != Some(Command::TakenOver) {
            state.command = Some(command);
        }
        state.wake_connection();
    }

    /// What the connection has to react to before deliveries. Wakes the task when more comes.
    pub fn poll_signal(&self, context: &mut Context<'_>) -> Option<Signal> {
        let mut state = self.state.lock();
        if !state.connection.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.connection = Some(context.waker().clone());
        }
        let command = state.command.take().map(Signal::Command);
        command.or(state.overflowed.then_some(Signal::Overflowed))
    }

    /// Moves deliveries to `into` while `admit` says so.
    pub fn take(&self, into: &mut Vec<Item>, mut admit: impl FnMut(&Item) -> bool) {
        let mut state = self.state.lock();
        let state = &mut *state;
        while state.items.front().is_some_and(&mut admit) {
            let Some(item) = state.items.pop_front() else { break };
            let weight = item.delivery().event.weight();
            match (&item, &mut state.queue) {
                (Item::Stored(..), Some(queue)) => {
                    queue.cached -= 1;
                    queue.cached_bytes -= weight;
                }
                _ => state.bytes -= weight,
            }
            into.push(item);
        }
        if state.items.is_empty() && state.items.capacity() > IDLE_ITEMS {
            // An idle connection keeps no memory for the burst it once had.
            state.items = VecDeque::new();
        }
        let limits = &self.limits;
        let relieved = !state.above(limits.high_messages / 2 + 1, limits.high_bytes / 2 + 1);
        if relieved && (state.given_up || !state.waiting.is_empty()) {
            state.given_up = false;
            state.wake_publishers();
        }
    }

    /// The durable entries to read from disk next (queue, first, last): there once everything that was announced before has been taken.
    /// What is stored behind the last is not announced yet: it comes by itself.
    pub fn next_on_disk(&self) -> Option<(QueueId, Seq, Seq)> {
        let state = self.state.lock();
        let queue = state.queue.as_ref()?;
        if queue.cached > 0 { None } else { queue.spilled_from.map(|from| (queue.id, from, queue.tail)) }
    }

    /// Everything before `next` has been read.
    pub fn read_up_to(&self, next: Seq) {
        if let Some(queue) = &mut self.state.lock().queue {
            queue.spilled_from = (next <= queue.tail).then_some(next);
        }
    }

    /// The durable queue behind it.
    pub fn queue(&self) -> Option<QueueId> {
        self.state.lock().queue.map(|queue| queue.id)
    }

    /// An entry left the durable queue: acknowledged, expired or dropped.
    pub fn entry_gone(&self, weight: u64) {
        let mut state = self.state.lock();
        state.entry_gone(weight);
        self.look_at_room(&mut state);
    }

    pub fn depth(&self) -> Depth {
        let state = self.state.lock();
        let queue = state.queue.as_ref();
        Depth {
            mailbox_messages: state.items.len() as u64,
            mailbox_bytes: (state.bytes + queue.map_or(0, |queue| queue.cached_bytes)) as u64,
            queue_entries: queue.map_or(0, |queue| queue.entries),
            queue_bytes: queue.map_or(0, |queue| queue.bytes),
            live: state.live() as u64,
        }
    }

    fn take_in(&self, mut state: MutexGuard<'_, State>, delivery: Delivery, handover: &mut Handover) -> Delivered {
        if delivery.qos >= QoS::AtLeastOnce && state.queue.is_some() {
            return self.count_in(&mut state, delivery, handover);
        }
        if !state.connected {
            return Delivered::Dropped(DropReason::Offline);
        }
        self.keep(&mut state, delivery, handover.may_be_lost)
    }

    /// Makes an entry for the durable queue of a delivery.
    fn count_in(&self, state: &mut State, delivery: Delivery, handover: &mut Handover) -> Delivered {
        let Some(queue) = &mut state.queue else { return Delivered::Dropped(DropReason::SessionEnded) };
        let weight = delivery.event.weight() as u64;
        let QueueLimits { messages, bytes, full } = self.queue_limits;
        let exceeds = |messages: u64, bytes: u64| queue.entries >= messages || queue.bytes + weight > bytes;
        let is_full = exceeds(messages, bytes);
        let in_reserve =
            handover.into_reserve && !exceeds(messages + limits::QUEUE_RESERVE_MESSAGES, bytes + limits::QUEUE_RESERVE_BYTES);
        if is_full && full == QueueFull::Refuse && !in_reserve && !state.left {
            return Delivered::Refused(Refusal::QueueFull);
        }
        let Some(owner) = self.this.upgrade() else { return Delivered::Dropped(DropReason::SessionEnded) };
        queue.entries += 1;
        queue.bytes += weight;
        let displaces = is_full && full == QueueFull::DropOldest && !state.left;
        let owed = handover.is_owed();
        handover.appends.push(Append { queue: queue.id, delivery, displaces, owed, owner });
        self.look_at_room(state);
        Delivered::Accepted
    }

    /// Keeps a delivery in memory until the connection takes it.
    fn keep(&self, state: &mut State, delivery: Delivery, may_be_lost: bool) -> Delivered {
        let weight = delivery.event.weight();
        let high = state.above(self.limits.high_messages, self.limits.high_bytes);
        let full = state.above(self.limits.messages, self.limits.bytes.saturating_sub(weight));
        if full || (high && state.given_up) {
            // Of QoS 0 one may be skipped, of what came by Pub/Sub too, and a shared group has other members. Who was owed this one ends
            // visibly rather than miss it.
            if delivery.qos >= QoS::AtLeastOnce && delivery.shared.is_none() && !may_be_lost {
                state.overflowed = true;
                state.wake_connection();
            }
            return Delivered::Dropped(DropReason::SlowSubscriber);
        }
        state.bytes += weight;
        state.items.push_back(Item::Live(delivery));
        state.wake_connection();
        if high && !state.given_up { Delivered::Pressed } else { Delivered::Accepted }
    }
}

/// Where a queue that was full has room again.
fn relieved(limit: u64) -> u64 {
    limit - (limit / 8).max(1).min(limit)
}

impl State {
    fn entry_gone(&mut self, weight: u64) {
        if let Some(queue) = &mut self.queue {
            queue.entries = queue.entries.saturating_sub(1);
            queue.bytes = queue.bytes.saturating_sub(weight);
        }
    }

    fn live(&self) -> usize {
        self.items.len() - self.queue.as_ref().map_or(0, |queue| queue.cached)
    }

    fn above(&self, messages: usize, bytes: usize) -> bool {
        self.live() >= messages || self.bytes >= bytes
    }

    fn wake_connection(&mut self) {
        // The waker stays out until the connection polls again: a burst wakes it once.
        if let Some(waker) = self.connection.take() {
            waker.wake();
        }
    }

    fn wake_publishers(&mut self) {
        for waker in std::mem::take(&mut self.waiting) {
            waker.wake();
        }
    }
}

impl Subscriber for Mailbox {
    fn id(&self) -> SubscriberId {
        self.id
    }

    fn client(&self) -> &str {
        self.client.as_str()
    }

    fn deliver(&self, delivery: Delivery, handover: &mut Handover) -> Delivered {
        let state = self.state.lock();
        if delivery.qos == QoS::AtMostOnce || state.hold.is_none() || state.queue.is_none() {
            return self.take_in(state, delivery, handover);
        }
        let direct = handover.from_elsewhere;
        self.take_in_turn(state, delivery, handover, direct, |hold, event| hold.direct(event, direct))
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if !state.above(self.limits.high_messages, self.limits.high_bytes) || state.given_up || !state.connected {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            state.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    fn give_up(&self) {
        let mut state = self.state.lock();
        state.given_up = true;
        state.wake_publishers();
    }

    fn is_durable(&self) -> bool {
        self.state.lock().queue.is_some()
    }

    fn is_full(&self) -> bool {
        self.state.lock().queue.is_some_and(|queue| queue.full)
    }

    fn availability(&self) -> Availability {
        let state = self.state.lock();
        if !state.connected {
            Availability::Offline
        } else if state.above(self.limits.high_messages, self.limits.high_bytes) {
            Availability::Busy
        } else {
            Availability::Ready
        }
    }
}

impl Stored for Mailbox {
    fn unstored(&self, delivery: &Delivery) {
        self.metrics.dropped.of(DropReason::NotStored).add(1);
        self.not_kept(&delivery.event);
    }

    fn doubled(&self, weight: u64) {
        self.entry_gone(weight);
        self.metrics.handed_over.add(1);
    }

    fn moved(&self, to: &NodeId, delivery: Delivery, answer: Answer) {
        self.not_kept(&delivery.event);
        self.metrics.handed_over.add(1);
        match self.elsewhere.as_ref().and_then(Weak::upgrade) {
            Some(elsewhere) => elsewhere.pass_on(&self.client, to, delivery, answer),
            None => answer(Err(Refusal::Moved)),
        }
    }

    fn displaced(&self, seq: Seq, weight: u64) {
        self.metrics.dropped.of(DropReason::QueueFull).add(1);
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(queue) = &mut state.queue else { return };
        queue.entries = queue.entries.saturating_sub(1);
        queue.bytes = queue.bytes.saturating_sub(weight);
        // What is gone from the disk and not yet sent is not sent any more; live deliveries may stand before it.
        let place =
            state.items.iter().take(DISPLACED_AMONG).position(|item| matches!(item, Item::Stored(found, _) if *found == seq));
        if let Some(item) = place.and_then(|place| state.items.remove(place)) {
            queue.cached -= 1;
            queue.cached_bytes -= item.delivery().event.weight();
        }
    }

    fn stored(&self, seq: Seq, delivery: Delivery) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.left {
            return state.early.push((seq, delivery.event.weight() as u64));
        }
        let Some(queue) = &mut state.queue else { return };
        queue.tail = seq;
        if !state.connected || queue.spilled_from.is_some() {
            queue.spilled_from.get_or_insert(seq);
        } else {
            let weight = delivery.event.weight();
            if queue.cached >= limits::QUEUE_CACHE_MESSAGES || queue.cached_bytes + weight > limits::QUEUE_CACHE_BYTES {
                queue.spilled_from = Some(seq);
            } else {
                queue.cached += 1;
                queue.cached_bytes += weight;
                state.items.push_back(Item::Stored(seq, delivery));
            }
        }
        state.wake_connection();
    }
}
