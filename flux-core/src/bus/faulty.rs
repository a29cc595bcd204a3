use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Handle;

use super::port::{BusStats, EventBus, Guarantees, Handover, Subscriber};
use super::route::Route;
use crate::receipt::Receipt;
use crate::types::{Event, Refusal, SubscribeOptions, SubscriberId, Subscription};

/// How often a [`Faulty`] bus fails: probabilities from 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Publishing is refused and nobody gets the event.
    pub refuse_publish: f64,
    /// Publishing is refused although the event was handed over: the publisher that tries again makes a double.
    pub lose_answer: f64,
    /// Subscribing is refused; half of the time the subscription is there nonetheless.
    pub refuse_subscribe: f64,
    /// A receipt resolves later, by up to `longest_delay`.
    pub delay_receipt: f64,
    pub longest_delay: Duration,
}

impl Faults {
    pub const NONE: Faults = Faults {
        refuse_publish: 0.0,
        lose_answer: 0.0,
        refuse_subscribe: 0.0,
        delay_receipt: 0.0,
        longest_delay: Duration::ZERO,
    };
}

/// A bus that fails on purpose, the same way again for the same seed and the same order of calls.
pub struct Faulty<B> {
    inner: B,
    faults: Faults,
    random: Mutex<StdRng>,
    /// Where delayed receipts wait.
    runtime: Handle,
}

impl<B: EventBus> Faulty<B> {
    /// Prints the seed; `FLUX_TEST_SEED` sets it. Must be called inside of a tokio runtime.
    pub fn new(inner: B, faults: Faults) -> Self {
        Faulty { inner, faults, random: Mutex::new(StdRng::seed_from_u64(seed())), runtime: Handle::current() }
    }

    fn happens(&self, probability: f64) -> bool {
        probability > 0.0 && self.random.lock().random_bool(probability)
    }

    fn late(&self, receipt: Receipt) -> Receipt {
        if !self.happens(self.faults.delay_receipt) {
            return receipt;
        }
        let delay = self.faults.longest_delay.mul_f64(self.random.lock().random());
        let (sender, late) = Receipt::pending();
        self.runtime.spawn(async move {
            tokio::time::sleep(delay).await;
            // Nobody waits for it any more: then nobody is owed an answer.
            _ = sender.send(receipt.await);
        });
        late
    }
}

/// The seed of a randomized test: from `FLUX_TEST_SEED`, or a new one. Printed, so that a failure can be had again.
pub fn seed() -> u64 {
    let seed = std::env::var("FLUX_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("FLUX_TEST_SEED={seed}");
    seed
}

impl<B: EventBus> EventBus for Faulty<B> {
    fn publish(&self, event: &Arc<Event>, route: &mut Route, handover: &mut Handover) -> Receipt {
        if self.happens(self.faults.refuse_publish) {
            return self.late(Receipt::refused(Refusal::QuotaExceeded));
        }
        let receipt = self.inner.publish(event, route, handover);
        if self.happens(self.faults.lose_answer) {
            return self.late(Receipt::refused(Refusal::QuotaExceeded));
        }
        self.late(receipt)
    }

    fn publish_to_group(
        &self,
        subscription: &Subscription,
        event: &Arc<Event>,
        except: SubscriberId,
        handover: &mut Handover,
    ) -> bool {
        self.inner.publish_to_group(subscription, event, except, handover)
    }

    fn subscribe(&self, subscription: &Subscription, options: SubscribeOptions, subscriber: Arc<dyn Subscriber>) -> Receipt {
        let refused = self.happens(self.faults.refuse_subscribe);
        if refused && self.happens(0.5) {
            return self.late(Receipt::refused(Refusal::QuotaExceeded));
        }
        let receipt = self.inner.subscribe(subscription, options, subscriber);
        self.late(if refused { Receipt::refused(Refusal::QuotaExceeded) } else { receipt })
    }

    fn unsubscribe(&self, subscription: &Subscription, subscriber: SubscriberId) -> bool {
        self.inner.unsubscribe(subscription, subscriber)
    }

    fn guarantees(&self) -> Guarantees {
        self.inner.guarantees()
    }

    fn stats(&self) -> BusStats {
        self.inner.stats()
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::harness::Harness;
    use super::super::memory::MemoryBus;
    use super::*;

    fn only(faults: Faults) -> Arc<Harness> {
        Harness::new(&move || Arc::new(Faulty::new(MemoryBus::new(), faults)))
    }

    #[tokio::test]
    async fn a_refused_event_reaches_nobody_and_one_with_a_lost_answer_does() {
        for (faults, received) in
            [(Faults { refuse_publish: 1.0, ..Faults::NONE }, 0), (Faults { lose_answer: 1.0, ..Faults::NONE }, 1)]
        {
            let harness = only(faults);
            let subscriber = harness.subscriber("a").await;
            assert!(!harness.publisher("one", "a").try_publish().await);
            assert_eq!(harness.received(&[&subscriber]).len(), received, "{faults:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_receipt_comes_within_its_delay() {
        let longest_delay = Duration::from_secs(3_600);
        let harness = only(Faults { delay_receipt: 1.0, longest_delay, ..Faults::NONE });
        let begin = tokio::time::Instant::now();
        assert!(harness.publisher("one", "a").try_publish().await);
        let waited = begin.elapsed();
        assert!(waited > Duration::ZERO && waited <= longest_delay + Duration::from_secs(1), "{waited:?}");
    }
}
