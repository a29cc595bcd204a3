use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use flux_core::bus::{Delivered, Handover, Subscriber};
use flux_core::types::{Delivery, DropReason, SubscriberId};

use crate::audit::ledger::Inbox;
use crate::audit::settle::{Outbox, Stream, settle};
use crate::engine::tally::{Tally, Window};
use crate::limits::{MAILBOX_FULL, MAILBOX_MARK};
use crate::wire::payload::Place;

use super::orders::{Received, Sent, Times, now};

/// The only stream of a subscriber.
pub const STREAM: u32 = 0;

/// Its reader looks at least so often whether it is to end.
const LOOK: Duration = Duration::from_millis(20);

/// How often it looks again before it sleeps: to wake it costs the publisher more than a message does.
const LOOKS: u32 = 64;

/// Reading ends when nothing has come for so long.
const QUIET: u64 = 2_000_000_000;

const SECOND: u64 = 1_000_000_000;

/// A subscriber of the bus, read by a thread of its own as a session's mailbox is.
pub struct Mailbox {
    id: SubscriberId,
    waiting: Mutex<Waiting>,
    /// There is something, for who looks without taking the lock.
    any: AtomicBool,
    came: Condvar,
}

#[derive(Default)]
struct Waiting {
    deliveries: Vec<Delivery>,
    publishers: Vec<Waker>,
    /// The reader has to be woken.
    asleep: bool,
    /// What was sent, told at the end.
    expected: Option<Sent>,
}

/// A mailbox with the thread that reads it.
pub struct Reading {
    pub mailbox: Arc<Mailbox>,
    reader: JoinHandle<Received>,
}

/// What a reader needs to know of the messages.
#[derive(Debug, Clone)]
pub struct Expecting {
    pub topic: &'static str,
    pub qos: u8,
    pub run: u32,
    pub place: Place,
    pub paced: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A reader that panicked takes the run down when it is joined.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come, exchanged for an empty list; waits a moment when nothing has.
    fn take(&self, emptied: Vec<Delivery>) -> (Vec<Delivery>, Option<Sent>) {
        for _ in 0..LOOKS {
            if self.any.load(Ordering::Relaxed) {
                break;
            }
            std::thread::yield_now();
        }
        let mut waiting = self.lock();
        if waiting.deliveries.is_empty() {
            waiting.asleep = true;
            waiting = self.came.wait_timeout(waiting, LOOK).unwrap_or_else(PoisonError::into_inner).0;
            waiting.asleep = false;
        }
        self.any.store(false, Ordering::Relaxed);
        waiting.publishers.drain(..).for_each(Waker::wake);
        (std::mem::replace(&mut waiting.deliveries, emptied), waiting.expected.clone().filter(|_| waiting.deliveries.is_empty()))
    }
}

impl Subscriber for Mailbox {
    fn id(&self) -> SubscriberId {
        self.id
    }

    fn client(&self) -> &str {
        "subscriber"
    }

    fn deliver(&self, delivery: Delivery, _: &mut Handover) -> Delivered {
        let mut waiting = self.lock();
        let length = waiting.deliveries.len();
        if length >= MAILBOX_FULL {
            return Delivered::Dropped(DropReason::SlowSubscriber);
        }
        waiting.deliveries.push(delivery);
        self.any.store(true, Ordering::Relaxed);
        let asleep = waiting.asleep;
        drop(waiting);
        if length == 0 && asleep {
            self.came.notify_one();
        }
        if length >= MAILBOX_MARK { Delivered::Pressed } else { Delivered::Accepted }
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        if waiting.deliveries.len() < MAILBOX_MARK {
            return Poll::Ready(());
        }
        if !waiting.publishers.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.publishers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Reading {
    /// Before anything is sent; `times` come when the run begins.
    pub fn start(expecting: Expecting, times: std::sync::mpsc::Receiver<Times>) -> std::io::Result<Self> {
        let mailbox =
            Mailbox { id: SubscriberId::unique(), waiting: Mutex::default(), any: AtomicBool::new(false), came: Condvar::new() };
        let mailbox = Arc::new(mailbox);
        let read = Arc::clone(&mailbox);
        let reader = std::thread::Builder::new().name("reader".to_owned()).spawn(move || match times.recv() {
            Ok(times) => Reader::new(expecting, times).read(&read),
            // Nobody begins any more.
            Err(_) => Received::default(),
        })?;
        Ok(Self { mailbox, reader })
    }

    /// Everything was sent; waits for the rest and returns what was found.
    pub fn finish(self, sent: Sent) -> Received {
        self.mailbox.lock().expected = Some(sent);
        self.reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct Reader {
    expecting: Expecting,
    times: Times,
    inbox: Inbox,
    tally: Tally,
    arrived: Vec<u64>,
    distinct: u64,
}

impl Reader {
    fn new(expecting: Expecting, times: Times) -> Self {
        let mut tally = Tally::default();
        tally.begin(times.start, Window { from: times.from, to: times.to }, expecting.paced);
        let inbox = Inbox::new("subscriber".to_owned(), [STREAM].into());
        Self { expecting, times, inbox, tally, arrived: vec![], distinct: 0 }
    }

    fn read(mut self, mailbox: &Mailbox) -> Received {
        let (mut batch, mut moved) = (vec![], now());
        loop {
            let (came, expected) = mailbox.take(batch);
            batch = came;
            if !batch.is_empty() {
                moved = now();
                self.tally.roll(moved);
            }
            for delivery in batch.drain(..) {
                self.record(&delivery.event.payload, moved);
            }
            if let Some(sent) = expected
                && (self.distinct >= sent.sent || now().saturating_sub(moved) > QUIET)
            {
                return self.settle(sent);
            }
        }
    }

    /// `taken`: when it was taken out of the mailbox, with all that waited there.
    fn record(&mut self, payload: &[u8], taken: u64) {
        let Some(stamp) = self.expecting.place.read(payload).filter(|stamp| stamp.run == self.expecting.run) else {
            return self.inbox.record_stranger(self.expecting.topic.as_bytes());
        };
        if self.inbox.record(stamp.stream, stamp.sequence) {
            self.distinct += 1;
            self.tally.deliver(stamp.intended, stamp.sent, taken);
            let second = (taken.saturating_sub(self.times.start) / SECOND) as usize;
            // Message after message of a run, so at most one second is new.
            if second >= self.arrived.len() {
                self.arrived.resize(second + 1, 0);
            }
            self.arrived[second] += 1;
        }
    }

    fn settle(mut self, sent: Sent) -> Received {
        self.tally.close();
        let outbox = Outbox { sent: sent.sent, unacknowledged: sent.unacknowledged };
        let stream = Stream { topic: self.expecting.topic, qos: self.expecting.qos, outbox };
        Received {
            audit: settle(&[stream], [&self.inbox]),
            response: self.tally.response.counts(),
            service: self.tally.service.counts(),
            delivered_in_window: self.tally.delivered_in_window,
            last: self.tally.last_delivery,
            arrived: self.arrived,
            seconds: self.tally.seconds.into_counts(),
        }
    }
}
