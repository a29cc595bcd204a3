use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::port::{Availability, Delivered, EventBus, Handover, Subscriber};
use super::super::route::Route;
use crate::types::{
    ClientId, Delivery, Event, EventId, EventIds, NodeTag, Properties, QoS, SubscribeOptions, SubscriberId, Subscription,
    Timestamp, TopicName,
};

/// Far longer than any bus needs: reached only when something is lost.
const DEADLINE: Duration = Duration::from_secs(20);
/// A bus that refuses so often in a row does not fail by chance.
const ATTEMPTS: usize = 200;

/// At QoS 1, nothing else asked for.
pub const PLAIN: SubscribeOptions =
    SubscribeOptions { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false, identifier: None };

pub fn parse(subscription: &str) -> Subscription {
    Subscription::parse(subscription).expect("valid subscription")
}

/// One bus under test.
pub struct Harness {
    pub bus: Arc<dyn EventBus>,
    ids: EventIds,
    /// Events that were published again because the first answer was a refusal: these may arrive twice.
    retried: Mutex<HashSet<EventId>>,
    /// Some subscriber got something.
    news: Arc<Notify>,
}

impl Harness {
    pub fn new(make: &impl Fn() -> Arc<dyn EventBus>) -> Arc<Self> {
        // Several may be nodes of one cluster: what two nodes name alike is taken for one event that came twice.
        static NODES: AtomicU32 = AtomicU32::new(1);
        let node = NodeTag(NODES.fetch_add(1, Ordering::Relaxed));
        Arc::new(Harness { bus: make(), ids: EventIds::new(node), retried: Mutex::default(), news: Arc::default() })
    }

    pub fn collector(&self, client: &str) -> Arc<Collector> {
        self.make_collector(client, false)
    }

    /// One that says that it outlives the process.
    pub fn durable(&self, client: &str) -> Arc<Collector> {
        self.make_collector(client, true)
    }

    fn make_collector(&self, client: &str, durable: bool) -> Arc<Collector> {
        static IDS: AtomicU64 = AtomicU64::new(1);
        Arc::new(Collector {
            id: SubscriberId(IDS.fetch_add(1, Ordering::Relaxed)),
            client: client.to_owned(),
            durable,
            answer: Mutex::new(Delivered::Accepted),
            availability: Mutex::new(Availability::Ready),
            full: AtomicBool::new(false),
            held_up: Mutex::default(),
            received: Mutex::default(),
            news: self.news.clone(),
        })
    }

    pub async fn subscribe(&self, subscription: &str, options: SubscribeOptions, subscriber: &Arc<Collector>) {
        let subscription = parse(subscription);
        for _ in 0..ATTEMPTS {
            if self.bus.subscribe(&subscription, options, subscriber.clone()).await.is_ok() {
                return;
            }
        }
        panic!("subscribing to {subscription} was refused {ATTEMPTS} times");
    }

    /// A new subscriber, of no particular client, with one subscription at QoS 1.
    pub async fn subscriber(&self, subscription: &str) -> Arc<Collector> {
        let collector = self.collector("some subscriber");
        self.subscribe(subscription, PLAIN, &collector).await;
        collector
    }

    pub fn unsubscribe(&self, subscription: &str, subscriber: &Collector) -> bool {
        self.bus.unsubscribe(&parse(subscription), subscriber.id)
    }

    pub fn publisher(self: &Arc<Self>, client: &str, topic: &str) -> Publisher {
        Publisher {
            harness: self.clone(),
            client: ClientId::new(client),
            topic: TopicName::parse(topic).expect("valid topic"),
            route: Route::default(),
            next: 0,
            qos: QoS::AtLeastOnce,
            retain: false,
        }
    }

    /// What the subscribers have among them, one after the other, without the doubles that are no fault of the bus.
    pub fn received(&self, subscribers: &[&Arc<Collector>]) -> Vec<Delivery> {
        let retried = self.retried.lock();
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        for subscriber in subscribers {
            let received = subscriber.received.lock();
            let fresh =
                received.iter().filter(|delivery| seen.insert(delivery.event.id) || !retried.contains(&delivery.event.id));
            all.extend(fresh.cloned());
        }
        all
    }

    /// The identifiers of the subscriptions by which the subscriber has got something, sorted, each once.
    pub fn identifiers(&self, subscriber: &Collector) -> Vec<u32> {
        let received = subscriber.received.lock();
        let identifiers: BTreeSet<u32> =
            received.iter().flat_map(|delivery| delivery.identifiers.as_deref().unwrap_or_default()).copied().collect();
        identifiers.into_iter().collect()
    }

    /// The numbers of the events that the subscriber has, as they came.
    pub fn numbers(&self, subscriber: &Arc<Collector>) -> Vec<u64> {
        self.received(&[subscriber]).iter().map(number).collect()
    }

    /// Waits until the subscribers have `wanted` events among them.
    pub async fn wait_for(&self, wanted: usize, subscribers: &[&Arc<Collector>]) {
        self.wait_until(
            || self.received(subscribers).len() >= wanted,
            || format!("{wanted} events, of which came {:?}", self.received(subscribers).iter().map(number).collect::<Vec<_>>()),
        )
        .await;
    }

    pub async fn wait_until(&self, arrived: impl Fn() -> bool, what: impl Fn() -> String) {
        let waiting = async {
            loop {
                let news = self.news.notified();
                if arrived() {
                    return;
                }
                news.await;
            }
        };
        if tokio::time::timeout(DEADLINE, waiting).await.is_err() {
            panic!("waited {DEADLINE:?} in vain for {}", what());
        }
    }
}

/// Publishes numbered events to one topic.
pub struct Publisher {
    harness: Arc<Harness>,
    pub client: ClientId,
    topic: TopicName,
    route: Route,
    /// The number of the next event.
    pub next: u64,
    pub qos: QoS,
    pub retain: bool,
}

impl Publisher {
    /// Publishes until the bus says that the event is safe.
    pub async fn publish(&mut self) -> Handover {
        let event = self.event();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                self.harness.retried.lock().insert(event.id);
            }
            let mut handover = Handover::default();
            if self.harness.bus.publish(&event, &mut self.route, &mut handover).await.is_ok() {
                return handover;
            }
        }
        panic!("publishing to {} was refused {ATTEMPTS} times", self.topic);
    }

    pub async fn publish_times(&mut self, count: u64) {
        for _ in 0..count {
            self.publish().await;
        }
    }

    /// Publishes once. `false` when the publisher must not take the event for safe.
    pub async fn try_publish(&mut self) -> bool {
        let mut handover = Handover::default();
        let event = self.event();
        self.harness.bus.publish(&event, &mut self.route, &mut handover).await.is_ok() && handover.refused.is_none()
    }

    pub fn event(&mut self) -> Arc<Event> {
        let number = self.next;
        self.next += 1;
        let time = Timestamp(1);
        Arc::new(Event {
            id: self.harness.ids.next(time),
            topic: self.topic.clone(),
            payload: number.to_be_bytes().into(),
            qos: self.qos,
            retain: self.retain,
            properties: Properties::NONE,
            expires_at: None,
            publisher: self.client.clone(),
            time,
        })
    }
}

pub fn number(delivery: &Delivery) -> u64 {
    u64::from_be_bytes(delivery.event.payload[..].try_into().expect("the publisher wrote eight bytes"))
}

/// A subscriber that keeps what it gets and answers as it is told.
pub struct Collector {
    pub id: SubscriberId,
    client: String,
    durable: bool,
    answer: Mutex<Delivered>,
    availability: Mutex<Availability>,
    full: AtomicBool,
    /// Those that wait for room; `None` while there is some.
    held_up: Mutex<Option<Vec<Waker>>>,
    received: Mutex<Vec<Delivery>>,
    news: Arc<Notify>,
}

impl Collector {
    pub fn answer(&self, answer: Delivered) {
        *self.answer.lock() = answer;
    }

    pub fn be(&self, availability: Availability) {
        *self.availability.lock() = availability;
    }

    /// What it says of its durable queue. A bus that has to tell others hears of it with the next subscription.
    pub fn be_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// Whoever is told that it is pressed waits until there is room again.
    pub fn has_room(&self, room: bool) {
        let waiting = std::mem::replace(&mut *self.held_up.lock(), (!room).then(Vec::new));
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Subscriber for Collector {
    fn id(&self) -> SubscriberId {
        self.id
    }

    fn client(&self) -> &str {
        &self.client
    }

    fn deliver(&self, delivery: Delivery, _handover: &mut Handover) -> Delivered {
        let answer = *self.answer.lock();
        if matches!(answer, Delivered::Accepted | Delivered::Pressed) {
            self.received.lock().push(delivery);
            self.news.notify_waiters();
        }
        answer
    }

    fn is_durable(&self) -> bool {
        self.durable
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn availability(&self) -> Availability {
        *self.availability.lock()
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut held_up = self.held_up.lock();
        let Some(waiting) = &mut *held_up else { return Poll::Ready(()) };
        waiting.push(context.waker().clone());
        Poll::Pending
    }
}
