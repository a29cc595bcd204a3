use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::receipt::{Receipt, ReceiptSender};
use crate::types::{Event, Refusal, Subscription, limits};

/// Keeps events back while this node cannot know where they lead: its lease has run out, so others may have subscribed without its hearing.
///
/// They were given to this node's own subscribers already; what waits is the answer to their publisher, and the rest of the cluster.
pub struct Gate {
    base: Instant,
    /// Until when the node holds its lease, in microseconds since `base`.
    open_until: AtomicU64,
    /// Something is kept: what comes later has to wait behind it.
    holding: AtomicBool,
    held: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Held>,
    bytes: usize,
}

pub struct Held {
    pub event: Arc<Event>,
    /// Groups that a member here has had it for.
    pub served: Vec<Arc<Subscription>>,
    pub sender: ReceiptSender,
    since: Instant,
}

impl Gate {
    pub fn new(now: Instant) -> Self {
        Gate { base: now, open_until: AtomicU64::new(0), holding: AtomicBool::new(false), held: Mutex::default() }
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_micros()).unwrap_or(u64::MAX)
    }

    /// The node may act as a member until then.
    pub fn open_until(&self, end: Instant) {
        self.open_until.fetch_max(self.micros(end), Ordering::Release);
    }

    pub fn close(&self) {
        self.open_until.store(0, Ordering::Release);
    }

    pub fn is_open(&self, now: Instant) -> bool {
        self.micros(now) < self.open_until.load(Ordering::Acquire)
    }

    /// Whether an event may pass now, and nothing is kept that has to go before it.
    pub fn lets_pass(&self, now: Instant) -> bool {
        self.is_open(now) && !self.holding.load(Ordering::Acquire)
    }

    pub fn hold(&self, event: &Arc<Event>, served: Vec<Arc<Subscription>>, now: Instant) -> Receipt {
        let mut queue = self.held.lock();
        if queue.bytes + event.weight() > limits::HELD_BYTES {
            return Receipt::refused(Refusal::Unreachable);
        }
        let (sender, receipt) = Receipt::pending();
        queue.bytes += event.weight();
        queue.events.push_back(Held { event: event.clone(), served, sender, since: now });
        self.holding.store(true, Ordering::Release);
        receipt
    }

    /// Lets out what is kept, in order; what comes meanwhile waits its turn.
    pub fn let_out(&self, now: Instant, mut send: impl FnMut(Held)) {
        if !self.holding.load(Ordering::Acquire) {
            return;
        }
        let mut queue = self.held.lock();
        while self.is_open(now) {
            let Some(held) = queue.events.pop_front() else { break };
            queue.bytes -= held.event.weight();
            // Under the lock: an event that finds the gate open must find the ones before it sent.
            send(held);
        }
        self.holding.store(!queue.events.is_empty(), Ordering::Release);
    }

    /// Refuses what has waited for longer than `patience`.
    pub fn refuse_overdue(&self, now: Instant, patience: Duration) {
        let mut overdue = Vec::new();
        {
            let mut queue = self.held.lock();
            while queue.events.front().is_some_and(|held| held.since + patience <= now) {
                let Some(held) = queue.events.pop_front() else { break };
                queue.bytes -= held.event.weight();
                overdue.push(held);
            }
            self.holding.store(!queue.events.is_empty(), Ordering::Release);
        }
        for held in overdue {
            // Whoever does not wait any more needs no answer.
            _ = held.sender.send(Err(Refusal::Unreachable));
        }
    }

    pub fn held(&self) -> usize {
        self.held.lock().events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::conformance::harness::Harness;
    use super::super::super::memory::MemoryBus;
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn events(count: usize) -> Vec<Arc<Event>> {
        let harness = Harness::new(&|| Arc::new(MemoryBus::new()));
        let mut publisher = harness.publisher("one", "a");
        (0..count).map(|_| publisher.event()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_kept_goes_first_and_in_order() {
        let gate = Gate::new(Instant::now());
        let events = events(3);
        assert!(!gate.lets_pass(Instant::now()), "closed until there is a lease");
        let receipts: Vec<Receipt> = events.iter().map(|event| gate.hold(event, Vec::new(), Instant::now())).collect();
        gate.let_out(Instant::now(), |_| panic!("it is closed"));

        gate.open_until(Instant::now() + Duration::from_secs(2));
        assert!(!gate.lets_pass(Instant::now()), "the ones that wait go first");
        let mut sent = Vec::new();
        gate.let_out(Instant::now(), |held| {
            sent.push(held.event.id);
            _ = held.sender.send(Ok(()));
        });
        assert_eq!(sent, events.iter().map(|event| event.id).collect::<Vec<_>>());
        for receipt in receipts {
            assert_eq!(receipt.await, Ok(()));
        }
        assert!(gate.lets_pass(Instant::now()));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!gate.lets_pass(Instant::now()), "the lease has ended, though nobody has said so");
    }

    #[tokio::test(start_paused = true)]
    async fn patience_has_an_end() {
        let gate = Gate::new(Instant::now());
        let events = events(2);
        let early = gate.hold(&events[0], Vec::new(), Instant::now());
        tokio::time::advance(PATIENCE / 2).await;
        let _late = gate.hold(&events[1], Vec::new(), Instant::now());
        tokio::time::advance(PATIENCE / 2).await;
        gate.refuse_overdue(Instant::now(), PATIENCE);
        assert_eq!(early.await, Err(Refusal::Unreachable));
        assert_eq!(gate.held(), 1);
    }
}
