//! Events per second from one node to another through Redis: one process, two nodes, 256-byte payloads, as many under way as a window.
//!
//! `cargo run --release -p flux-core --features test-util --example bus_between_nodes`

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flux_core::bus::distributed::{Arrivals, DistributedBus, DistributedKind, DistributedSettings};
use flux_core::bus::{Delivered, EventBus, Handover, Route, Subscriber};
use flux_core::lifecycle::Tasks;
use flux_core::receipt::Receipt;
use flux_core::redis::{Keys, Redis, RedisSettings, Servers};
use flux_core::testing::redis::TestRedis;
use flux_core::types::{
    ClientId, Delivery, Event, EventIds, NodeId, NodeTag, Properties, QoS, SubscribeOptions, SubscriberId, Subscription,
    Timestamp, TopicName,
};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PUBLISHERS: u64 = 8;
const EVENTS: u64 = 100_000;
const WINDOW: usize = 1_024;

struct Taken;

impl Arrivals for Taken {
    fn complete(&self, _: &Arc<Event>, _: Handover) -> Receipt {
        Receipt::SAFE
    }

    fn retained(&self, _: &TopicName, _: Option<Arc<Event>>) {}

    fn retained_now(&self, _: &TopicName) -> Option<Arc<Event>> {
        None
    }

    fn retained_topics(&self) -> Vec<TopicName> {
        Vec::new()
    }
}

#[derive(Default)]
struct Counter {
    received: AtomicU64,
    news: Notify,
}

impl Subscriber for Counter {
    fn id(&self) -> SubscriberId {
        SubscriberId(1)
    }

    fn client(&self) -> &str {
        "subscriber"
    }

    fn deliver(&self, _: Delivery, _: &mut Handover) -> Delivered {
        self.received.fetch_add(1, Ordering::Relaxed);
        self.news.notify_one();
        Delivered::Accepted
    }
}

async fn node(url: &str, kind: DistributedKind, name: &str, tasks: &Tasks) -> Arc<DistributedBus> {
    let servers = Servers::parse(url).expect("a valid URL");
    let settings = RedisSettings { keys: Keys::new("flux", kind.as_str()), ..RedisSettings::new(servers) };
    let redis = Redis::connect(settings, tasks).await.expect("Redis runs");
    let bus = DistributedBus::join(DistributedSettings::new(kind, NodeId::new(name)), redis, tasks).await.expect("it joins");
    bus.receive(Arc::new(Taken), &[]).await.expect("it receives");
    Arc::new(bus)
}

/// Keeps a window of events under way; the time from publishing to the receipt of each.
async fn publish(bus: Arc<DistributedBus>, number: u64, qos: QoS, ids: Arc<EventIds>) -> Vec<Duration> {
    let (publisher, topic) = (ClientId::new(format!("publisher-{number}")), TopicName::parse("bench/topic").expect("valid"));
    let (mut route, mut under_way, mut times) = (Route::default(), VecDeque::new(), Vec::new());
    for _ in 0..EVENTS / PUBLISHERS {
        let time = Timestamp::now();
        let event = Arc::new(Event {
            id: ids.next(time),
            topic: topic.clone(),
            payload: [7; 256].into(),
            qos,
            retain: false,
            properties: Properties::NONE,
            expires_at: None,
            publisher: publisher.clone(),
            time,
        });
        let mut handover = Handover::default();
        under_way.push_back((Instant::now(), bus.publish(&event, &mut route, &mut handover)));
        if let Some(pressed) = handover.pressed {
            std::future::poll_fn(|context| pressed.poll_room(context)).await;
        }
        while under_way.len() >= WINDOW {
            settle(&mut under_way, &mut times).await;
        }
    }
    while !under_way.is_empty() {
        settle(&mut under_way, &mut times).await;
    }
    times
}

async fn settle(under_way: &mut VecDeque<(Instant, Receipt)>, times: &mut Vec<Duration>) {
    if let Some((begun, receipt)) = under_way.pop_front() {
        receipt.await.expect("it is taken");
        times.push(begun.elapsed());
    }
}

async fn run(url: &str, kind: DistributedKind, qos: QoS) {
    let tasks = Tasks::default();
    let (one, two) = tokio::join!(node(url, kind, "n1", &tasks), node(url, kind, "n2", &tasks));
    let counter = Arc::new(Counter::default());
    let options = SubscribeOptions { qos: QoS::ExactlyOnce, ..SubscribeOptions::default() };
    two.subscribe(&Subscription::parse("bench/+").expect("valid"), options, counter.clone()).await.expect("it subscribes");
    let (ids, begin, mut publishers) = (Arc::new(EventIds::new(NodeTag(1))), Instant::now(), JoinSet::new());
    (0..PUBLISHERS).for_each(|number| _ = publishers.spawn(publish(one.clone(), number, qos, ids.clone())));
    let mut times: Vec<Duration> = publishers.join_all().await.into_iter().flatten().collect();
    while counter.received.load(Ordering::Relaxed) < EVENTS && begin.elapsed() < Duration::from_secs(60) {
        let _ = tokio::time::timeout(Duration::from_secs(1), counter.news.notified()).await;
    }
    let (seconds, received) = (begin.elapsed().as_secs_f64(), counter.received.load(Ordering::Relaxed));
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    let figures = one.figures();
    println!(
        "{kind:8} QoS {} {:9.0} events/s   {received} of {EVENTS} arrived   receipt p50 {:?} p99 {:?}   {:.0} events a command",
        qos as u8,
        received as f64 / seconds,
        at(0.5),
        at(0.99),
        figures.messages_out.get() as f64 / figures.batches_out.get().max(1) as f64,
    );
    one.leave(Duration::from_secs(5)).await;
    two.leave(Duration::from_secs(5)).await;
}

#[tokio::main]
async fn main() {
    let redis = TestRedis::start();
    for (kind, qos) in [
        (DistributedKind::PubSub, QoS::AtMostOnce),
        (DistributedKind::Streams, QoS::AtLeastOnce),
        (DistributedKind::Hybrid, QoS::AtMostOnce),
        (DistributedKind::Hybrid, QoS::AtLeastOnce),
    ] {
        run(&redis.url(), kind, qos).await;
    }
}
