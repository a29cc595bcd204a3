//! The last events that passed, for `GET /api/v1/events`: an onlooker on the bus that keeps a bounded memory.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::bus::{Delivered, EventBus, Handover, Subscriber};
use crate::types::{Delivery, Event, EventId, QoS, SubscribeOptions, SubscriberId, Subscription, TopicFilter};

/// More threads than this share rings: their locks are then hardly ever contended any more.
const MOST_RINGS: usize = 16;

/// Sees every event but those on `$`-topics. Costs each of them a lock that its thread has nearly for itself, and a reference.
pub(super) struct Recent {
    id: SubscriberId,
    most_events: usize,
    most_bytes_a_ring: usize,
    /// One for each thread that publishes: an event is freed by the thread that made it, and no publisher waits for another.
    rings: Box<[Mutex<Ring>]>,
}

/// Apart from its neighbours in memory, so that threads do not slow each other down.
#[derive(Default)]
#[repr(align(128))]
struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

/// Where this thread keeps its events.
fn place() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    PLACE.get().unwrap_or_else(|| {
        let place = THREADS.fetch_add(1, Ordering::Relaxed);
        PLACE.set(Some(place));
        place
    })
}

impl Recent {
    pub(super) fn new(most_events: usize, most_bytes: usize) -> Self {
        let rings = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_RINGS);
        Recent {
            id: SubscriberId::unique(),
            most_events,
            most_bytes_a_ring: most_bytes / rings,
            rings: (0..rings).map(|_| Mutex::default()).collect(),
        }
    }

    /// Begins to listen.
    pub(super) fn start(bus: &dyn EventBus, most_events: usize, most_bytes: usize) -> Arc<Self> {
        let recent = Arc::new(Recent::new(most_events, most_bytes));
        let options = SubscribeOptions { qos: QoS::ExactlyOnce, retain_as_published: true, ..SubscribeOptions::default() };
        // Not awaited: an event that passes before the subscription holds is older than this memory.
        drop(bus.subscribe(&all(), options, recent.clone()));
        recent
    }

    pub(super) fn stop(&self, bus: &dyn EventBus) {
        bus.unsubscribe(&all(), self.id);
        for ring in &self.rings {
            *ring.lock() = Ring::default();
        }
    }

    /// Up to `limit` events that match, newest first, beginning with the next older than `before`.
    pub(super) fn page(&self, filter: Option<&TopicFilter>, before: Option<EventId>, limit: usize) -> Vec<Arc<Event>> {
        let mut events: Vec<Arc<Event>> = Vec::new();
        for ring in &self.rings {
            events.extend(ring.lock().events.iter().cloned());
        }
        events.sort_unstable_by_key(|event| Reverse(event.id));
        // Each ring could hold all of them.
        events.truncate(self.most_events);
        let wanted = |event: &Arc<Event>| {
            before.is_none_or(|before| event.id < before) && filter.is_none_or(|filter| filter.matches(event.topic.as_str()))
        };
        events.into_iter().filter(wanted).take(limit).collect()
    }
}

fn all() -> Subscription {
    Subscription::parse("#").expect("'#' is a filter")
}

impl Subscriber for Recent {
    fn id(&self) -> SubscriberId {
        self.id
    }

    fn client(&self) -> &str {
        ""
    }

    /// A list of what happens here must not make every other node send everything.
    fn only_looks_on(&self) -> bool {
        true
    }

    fn deliver(&self, delivery: Delivery, _: &mut Handover) -> Delivered {
        let weight = delivery.event.weight();
        // Freed after the lock: each push makes room for itself, so this is one event nearly always.
        let mut old = smallvec::SmallVec::<[Arc<Event>; 2]>::new();
        let mut ring = self.rings[place() % self.rings.len()].lock();
        ring.bytes += weight;
        ring.events.push_back(delivery.event);
        while ring.events.len() > self.most_events || ring.bytes > self.most_bytes_a_ring {
            let Some(oldest) = ring.events.pop_front() else { break };
            ring.bytes -= oldest.weight();
            old.push(oldest);
        }
        drop(ring);
        drop(old);
        Delivered::Observed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ClientId, Properties, Timestamp};

    fn deliver(recent: &Recent, id: u128, topic: &str, payload: usize) {
        let event = Arc::new(Event {
            id: EventId(id),
            topic: topic.parse().expect("valid topic"),
            payload: vec![0; payload].into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::NONE,
            expires_at: None,
            publisher: ClientId::new("test"),
            time: Timestamp(0),
        });
        let delivery = Delivery { event, qos: QoS::AtMostOnce, retain: false, identifiers: None, shared: None };
        assert_eq!(recent.deliver(delivery, &mut Handover::default()), Delivered::Observed);
    }

    fn ids(events: &[Arc<Event>]) -> Vec<u128> {
        events.iter().map(|event| event.id.0).collect()
    }

    fn bytes(recent: &Recent) -> usize {
        recent.rings.iter().map(|ring| ring.lock().bytes).sum()
    }

    #[test]
    fn the_newest_come_first_and_pages_go_back_in_time() {
        let recent = Recent::new(3, usize::MAX);
        for (id, topic) in [(1, "a"), (3, "a"), (2, "b"), (4, "a")] {
            deliver(&recent, id, topic, 0);
        }
        assert_eq!(ids(&recent.page(None, None, 10)), [4, 3, 2]);
        assert_eq!(ids(&recent.page(None, Some(EventId(4)), 1)), [3]);
        assert_eq!(ids(&recent.page(Some(&"b".parse().expect("valid filter")), None, 10)), [2]);
    }

    #[test]
    fn what_several_threads_publish_is_one_memory() {
        let recent = Recent::new(5, usize::MAX);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let recent = &recent;
                scope.spawn(move || (0..10).for_each(|step| deliver(recent, step * 3 + thread, "a", 0)));
            }
        });
        assert_eq!(ids(&recent.page(None, None, 10)).len(), 5);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let recent = Recent::new(1_000, 40_000);
        for id in 0..100 {
            deliver(&recent, id, "a", 1_000);
        }
        assert!(bytes(&recent) <= 40_000);
        deliver(&recent, 100, "a", 50_000);
        assert_eq!(bytes(&recent), 0, "an event larger than the memory is not in it, nor is anything older");
    }
}
