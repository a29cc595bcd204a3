use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::port::{Delivered, Handover, Subscriber};
use super::super::wire::{Audience, Double, EncodedEvent, Role, put_fence, put_message};
use super::fences::Fence;
use super::figures::BusFigures;
use super::kind::Transport;
use super::share::Share;
use crate::redis::{Command, Copies, Redis, RedisError, Reply};
use crate::types::{Delivery, DropReason, Refusal, SubscriberId, limits};

/// What one lane of publishers has for one other node, by one transport.
///
/// One batch is under way at a time and takes all that has come meanwhile: the order is kept whatever happens to a batch, an idle lane
/// waits for nothing, and a busy one pays a command per hundreds of events. No task: whoever adds to an idle lane sends, and the
/// answer sends what waits.
pub struct Outbox {
    id: SubscriberId,
    transport: Transport,
    /// The stream or the channel.
    key: String,
    redis: Redis,
    /// Replicas that have to confirm what goes into an inbox.
    copies: Copies,
    figures: Arc<BusFigures>,
    state: Mutex<State>,
    /// The inbox holds as much as it may: nobody takes its messages.
    full: AtomicBool,
    depth: AtomicU64,
    /// Told with every answer.
    progress: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    bytes: usize,
    under_way: bool,
    /// Ever taken and ever answered.
    taken: u64,
    answered: u64,
    /// Publishers that wait for room.
    wakers: Vec<Waker>,
}

enum Waiting {
    Message(Message),
    /// Goes to the other node, which answers it; `None` where it would not know what to answer.
    Fence(Arc<Fence>, Option<Arc<str>>),
    /// What is behind it waits for a fence in another outbox.
    Hold(Arc<Fence>),
}

struct Message {
    event: Arc<EncodedEvent>,
    audience: Audience,
    double: Option<Double>,
    share: Option<Share>,
}

impl Waiting {
    fn weight(&self) -> usize {
        // An event that goes to several nodes is counted in each queue: it may have to wait for the slowest.
        let event = self.event().map_or(0, |event| event.as_bytes().len());
        size_of::<Waiting>() + event
    }

    fn event(&self) -> Option<&EncodedEvent> {
        match self {
            Waiting::Message(message) => Some(&message.event),
            _ => None,
        }
    }
}

impl Outbox {
    pub fn new(transport: Transport, key: String, redis: Redis, copies: Copies, figures: Arc<BusFigures>) -> Arc<Self> {
        Arc::new(Outbox {
            id: SubscriberId::unique(),
            transport,
            key,
            redis,
            copies,
            figures,
            state: Mutex::default(),
            full: AtomicBool::new(false),
            depth: AtomicU64::new(0),
            progress: Notify::new(),
        })
    }

    /// Takes a message for the other node. With a `share` it is answered once Redis has it, without one it may be lost.
    pub fn send(
        self: &Arc<Self>,
        event: &Arc<EncodedEvent>,
        audience: Audience,
        double: Option<Double>,
        share: Option<&Share>,
        handover: &mut Handover,
    ) {
        if self.full.load(Ordering::Relaxed) {
            return self.refuse(share, Refusal::QuotaExceeded, handover);
        }
        let message = Waiting::Message(Message { event: event.clone(), audience, double, share: share.cloned() });
        let mut state = self.state.lock();
        if !state.has_room(message.weight(), limits::OUTBOX_BYTES) {
            drop(state);
            return self.refuse(share, Refusal::QuotaExceeded, handover);
        }
        state.push(message);
        if state.bytes > limits::OUTBOX_HIGH_BYTES && handover.pressed.is_none() {
            handover.pressed = Some(self.clone());
        }
        self.start(state);
    }

    /// Takes a copy that nobody is owed. `false` where it would be in the way of others.
    pub fn send_candidate(self: &Arc<Self>, event: &Arc<EncodedEvent>, audience: Audience, double: Double) -> bool {
        if self.full.load(Ordering::Relaxed) {
            return false;
        }
        let message = Waiting::Message(Message { event: event.clone(), audience, double: Some(double), share: None });
        let mut state = self.state.lock();
        if !state.has_room(message.weight(), limits::OUTBOX_HIGH_BYTES) {
            return false;
        }
        state.push(message);
        self.start(state);
        true
    }

    /// Puts a fence behind all that was sent, for `new` to wait for. Nothing may be sent meanwhile. `asker` is this node, where the
    /// other one knows fences.
    pub fn give_way_to(self: &Arc<Self>, new: &Arc<Outbox>, asker: Option<&Arc<str>>, fence: impl FnOnce() -> Arc<Fence>) {
        let mut state = self.state.lock();
        if state.taken == 0 {
            return;
        }
        let fence = fence();
        let mut held = new.state.lock();
        held.push(Waiting::Hold(fence.clone()));
        drop(held);
        state.push(Waiting::Fence(fence, asker.cloned()));
        self.start(state);
    }

    /// What was waited for is there.
    pub fn go_on(self: &Arc<Self>) {
        self.start(self.state.lock());
    }

    fn refuse(&self, share: Option<&Share>, refusal: Refusal, handover: &mut Handover) {
        match share {
            Some(share) => share.answer(Err(refusal)),
            None => {
                self.figures.dropped.add(1);
                handover.note_drop(DropReason::SlowSubscriber);
            }
        }
    }

    /// Sends what waits unless something is under way.
    fn start(self: &Arc<Self>, mut state: parking_lot::MutexGuard<'_, State>) {
        if state.under_way {
            return;
        }
        let batch = state.take_batch();
        if batch.is_empty() {
            return;
        }
        state.under_way = true;
        drop(state);
        self.put(batch);
    }

    fn put(self: &Arc<Self>, batch: Vec<Waiting>) {
        let bytes: usize = batch.iter().map(|waiting| waiting.event().map_or(32, |event| event.as_bytes().len()) + 16).sum();
        let mut payload = Vec::with_capacity(bytes);
        let mut messages = 0;
        for waiting in &batch {
            match waiting {
                Waiting::Message(Message { event, audience, double, .. }) => {
                    put_message(event, audience, *double, &mut payload);
                    messages += 1;
                }
                Waiting::Fence(fence, Some(asker)) => put_fence(fence.number, asker, &mut payload),
                Waiting::Fence(_, None) | Waiting::Hold(_) => {}
            }
        }
        if payload.is_empty() {
            return self.answered(batch, Ok(()));
        }
        let command = match self.transport {
            Transport::PubSub => self.redis.publish(&self.key, &payload),
            Transport::Inbox => {
                let command = Command::new("XADD").key(&self.key).arg("MAXLEN").arg("~").arg(limits::INBOX_FUSE_ENTRIES);
                command.arg("*").arg("m").bytes(&payload).repeatable().copies(self.copies)
            }
        };
        self.figures.batches_out.add(1);
        self.figures.messages_out.add(messages);
        let outbox = self.clone();
        self.redis.send(command, Reply::call(move |answer| outbox.answered(batch, answer.map(drop))));
    }

    fn answered(self: &Arc<Self>, batch: Vec<Waiting>, answer: Result<(), RedisError>) {
        let mut failed = Vec::new();
        let answer = answer.map_err(|error| refusal(&error));
        let mut state = self.state.lock();
        state.bytes -= batch.iter().map(Waiting::weight).sum::<usize>();
        if answer.is_err() {
            // They have waited as long as the one that failed: nobody waits for the same silence twice.
            failed = state.take_failed();
        }
        state.under_way = false;
        state.answered += (batch.len() + failed.len()) as u64;
        self.progress.notify_waiters();
        if state.bytes < limits::OUTBOX_HIGH_BYTES / 2 {
            state.wakers.drain(..).for_each(Waker::wake);
        }
        self.start(state);
        for waiting in batch.iter().chain(&failed) {
            match waiting {
                Waiting::Message(Message { share: Some(share), .. }) => share.answer(answer),
                Waiting::Message(Message { double: Some(Double { role: Role::Candidate, .. }), .. }) => {}
                Waiting::Message(_) => self.figures.dropped.add(u64::from(answer.is_err())),
                // Lost, or nobody will answer: what was before it is where it ends up.
                Waiting::Fence(fence, asker) if answer.is_err() || asker.is_none() => fence.pass(),
                Waiting::Fence(..) | Waiting::Hold(_) => {}
            }
        }
    }

    /// Returns once all that was taken before is answered: in the inbox, or refused.
    pub async fn flushed(&self) {
        let until = self.state.lock().taken;
        loop {
            let mut progress = std::pin::pin!(self.progress.notified());
            progress.as_mut().enable();
            if self.state.lock().answered >= until {
                return;
            }
            progress.await;
        }
    }

    /// How many entries the inbox holds, as Redis says.
    pub fn note_depth(&self, entries: u64) {
        self.depth.store(entries, Ordering::Relaxed);
        self.full.store(entries >= limits::INBOX_ENTRIES, Ordering::Relaxed);
    }

    pub fn depth(&self) -> u64 {
        self.depth.load(Ordering::Relaxed)
    }

    pub fn transport(&self) -> Transport {
        self.transport
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.waiting.is_empty() && !state.under_way
    }
}

impl State {
    fn has_room(&self, weight: usize, most: usize) -> bool {
        self.bytes + weight <= most || self.waiting.is_empty()
    }

    fn push(&mut self, waiting: Waiting) {
        self.taken += 1;
        self.bytes += waiting.weight();
        self.waiting.push(waiting);
    }

    /// The next ones that may go: none while they have to wait for a fence.
    fn take_batch(&mut self) -> Vec<Waiting> {
        let mut bytes = 0;
        let mut count = 0;
        for waiting in self.waiting.iter().take(limits::BATCH_MESSAGES) {
            if matches!(waiting, Waiting::Hold(fence) if !fence.is_passed()) {
                break;
            }
            bytes += waiting.event().map_or(0, |event| event.as_bytes().len());
            // At least one: a single event may be larger than a batch should be.
            if count > 0 && bytes > limits::BATCH_BYTES {
                break;
            }
            count += 1;
        }
        if count >= self.waiting.len() {
            return std::mem::take(&mut self.waiting);
        }
        let rest = self.waiting.split_off(count);
        std::mem::replace(&mut self.waiting, rest)
    }

    /// All but what others still have to wait for.
    fn take_failed(&mut self) -> Vec<Waiting> {
        let (kept, failed) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| matches!(waiting, Waiting::Hold(fence) if !fence.is_passed()));
        self.waiting = kept;
        self.bytes = self.waiting.iter().map(Waiting::weight).sum();
        failed
    }
}

fn refusal(error: &RedisError) -> Refusal {
    match error {
        RedisError::Full { .. } => Refusal::QuotaExceeded,
        RedisError::Closed => Refusal::ShuttingDown,
        RedisError::Refused { code, .. } if &**code == "OOM" => Refusal::QuotaExceeded,
        _ => Refusal::Unreachable,
    }
}

/// Not one that gets events: it is what a publisher waits for that is faster than the way to another node.
impl Subscriber for Outbox {
    fn id(&self) -> SubscriberId {
        self.id
    }

    fn client(&self) -> &str {
        ""
    }

    fn deliver(&self, _: Delivery, _: &mut Handover) -> Delivered {
        Delivered::Observed
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.bytes < limits::OUTBOX_HIGH_BYTES {
            return Poll::Ready(());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}
