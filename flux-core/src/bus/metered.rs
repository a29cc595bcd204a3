use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::port::{BusStats, EventBus, Guarantees, Handover, Subscriber};
use super::route::Route;
use crate::receipt::Receipt;
use crate::types::{Event, SubscribeOptions, SubscriberId, Subscription};

/// More than the cores of most machines; threads beyond that share.
const CELLS: usize = 16;

/// Counts what goes through a bus.
///
/// Each thread counts in a cell of its own and `stats` adds them up: one counter for all would be the lock that publishers do not share.
pub struct Metered<B> {
    inner: B,
    cells: [Cell; CELLS],
}

/// As large as the two cache lines that processors fetch together.
#[derive(Default)]
#[repr(align(128))]
struct Cell {
    published: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
}

impl<B: EventBus> Metered<B> {
    pub fn new(inner: B) -> Self {
        Metered { inner, cells: Default::default() }
    }

    /// Counts what `hand_over` adds to `handover`.
    fn count<R>(&self, published: u64, handover: &mut Handover, hand_over: impl FnOnce(&mut Handover) -> R) -> R {
        let (accepted, dropped) = (handover.accepted, handover.dropped());
        let answer = hand_over(handover);
        let cell = &self.cells[cell_of_this_thread()];
        for (counter, amount) in [
            (&cell.published, published),
            (&cell.delivered, u64::from(handover.accepted - accepted)),
            (&cell.dropped, u64::from(handover.dropped() - dropped)),
        ] {
            if amount > 0 {
                counter.fetch_add(amount, Ordering::Relaxed);
            }
        }
        answer
    }

    fn sum(&self, counter: impl Fn(&Cell) -> &AtomicU64) -> u64 {
        self.cells.iter().map(|cell| counter(cell).load(Ordering::Relaxed)).sum()
    }
}

fn cell_of_this_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static CELL: usize = THREADS.fetch_add(1, Ordering::Relaxed) % CELLS);
    CELL.with(|cell| *cell)
}

impl<B: EventBus> EventBus for Metered<B> {
    fn publish(&self, event: &Arc<Event>, route: &mut Route, handover: &mut Handover) -> Receipt {
        self.count(1, handover, |handover| self.inner.publish(event, route, handover))
    }

    fn publish_to_group(
        &self,
        subscription: &Subscription,
        event: &Arc<Event>,
        except: SubscriberId,
        handover: &mut Handover,
    ) -> bool {
        self.count(0, handover, |handover| self.inner.publish_to_group(subscription, event, except, handover))
    }

    fn subscribe(&self, subscription: &Subscription, options: SubscribeOptions, subscriber: Arc<dyn Subscriber>) -> Receipt {
        self.inner.subscribe(subscription, options, subscriber)
    }

    fn unsubscribe(&self, subscription: &Subscription, subscriber: SubscriberId) -> bool {
        self.inner.unsubscribe(subscription, subscriber)
    }

    fn guarantees(&self) -> Guarantees {
        self.inner.guarantees()
    }

    fn stats(&self) -> BusStats {
        let inner = self.inner.stats();
        BusStats {
            published: self.sum(|cell| &cell.published),
            delivered: inner.delivered + self.sum(|cell| &cell.delivered),
            dropped: inner.dropped + self.sum(|cell| &cell.dropped),
            ..inner
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::harness::Harness;
    use super::super::memory::MemoryBus;
    use super::super::port::Delivered;
    use super::*;
    use crate::types::DropReason;

    #[tokio::test]
    async fn counts_what_every_thread_publishes_and_what_became_of_it() {
        let harness = Harness::new(&|| Arc::new(Metered::new(MemoryBus::new())));
        let (_one, slow) = (harness.subscriber("a").await, harness.subscriber("a").await);
        slow.answer(Delivered::Dropped(DropReason::SlowSubscriber));
        std::thread::scope(|scope| {
            for _ in 0..2 * CELLS {
                let mut publisher = harness.publisher("one", "a");
                let bus = &harness.bus;
                scope.spawn(move || {
                    let mut route = Route::default();
                    // One handover for both: what it held before is not counted again.
                    let mut handover = Handover::default();
                    for _ in 0..2 {
                        assert!(matches!(bus.publish(&publisher.event(), &mut route, &mut handover), Receipt::Ready(Ok(()))));
                    }
                });
            }
        });
        let stats = harness.bus.stats();
        let threads = 2 * CELLS as u64;
        assert_eq!((stats.published, stats.delivered, stats.dropped), (2 * threads, 2 * threads, 2 * threads));
        assert_eq!((stats.subscriptions, stats.subscribers), (2, 2));
    }
}
