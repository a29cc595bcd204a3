//! Events per second through the memory bus: publishing threads, one reading thread, bounded mailboxes, 256-byte payloads.
//!
//! `cargo run --release -p flux-core --example bus_throughput`

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flux_core::bus::{Delivered, EventBus, Handover, MemoryBus, Metered, Route, Subscriber};
use flux_core::types::{
    ClientId, Delivery, Event, EventIds, NodeTag, Properties, QoS, SubscribeOptions, SubscriberId, Subscription, Timestamp,
    TopicName,
};
use parking_lot::{Condvar, Mutex};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MAILBOX: usize = 8_192;
const PAYLOAD: [u8; 256] = [7; 256];

struct Mailbox {
    id: SubscriberId,
    waiting: Mutex<Vec<Delivery>>,
    room: Condvar,
}

/// Reads all mailboxes until each has given `events`. One thread for all of them, as a server's thread serves many sessions.
fn read(mailboxes: &[Arc<Mailbox>], events: u64) {
    let (mut owed, mut batch) = (events * mailboxes.len() as u64, Vec::new());
    while owed > 0 {
        let before = owed;
        for mailbox in mailboxes {
            std::mem::swap(&mut *mailbox.waiting.lock(), &mut batch);
            mailbox.room.notify_all();
            owed -= batch.drain(..).filter(|delivery| delivery.event.payload[0] == PAYLOAD[0]).count() as u64;
        }
        if owed == before {
            thread::park_timeout(Duration::from_micros(50));
        }
    }
}

impl Mailbox {
    fn new(id: u64) -> Arc<Self> {
        Arc::new(Mailbox { id: SubscriberId(id), waiting: Mutex::default(), room: Condvar::new() })
    }

    fn wait_for_room(&self) {
        self.room.wait_while(&mut self.waiting.lock(), |waiting| waiting.len() >= MAILBOX);
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
        let mut waiting = self.waiting.lock();
        waiting.push(delivery);
        if waiting.len() >= MAILBOX { Delivered::Pressed } else { Delivered::Accepted }
    }
}

fn subscribe(bus: &dyn EventBus, filter: &str, mailbox: &Arc<Mailbox>) {
    let filter = Subscription::parse(filter).expect("valid filter");
    drop(bus.subscribe(&filter, SubscribeOptions::default(), mailbox.clone()));
}

/// `publishers` threads send `events` each, round robin over `topics`; each of `subscribers` gets all of them.
fn run(name: &str, bus: &dyn EventBus, publishers: usize, topics: usize, subscribers: usize, events: u64) {
    let mailboxes: Vec<Arc<Mailbox>> = (0..subscribers as u64).map(Mailbox::new).collect();
    mailboxes.iter().for_each(|mailbox| subscribe(bus, "bench/+", mailbox));
    let ids = EventIds::new(NodeTag(1));
    let total = events * publishers as u64;
    let begin = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| read(&mailboxes, total));
        for _ in 0..publishers {
            scope.spawn(|| publish(bus, &mailboxes, &ids, topics, events));
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    let (published, delivered) = (total as f64 / seconds / 1e6, (total * subscribers as u64) as f64 / seconds / 1e6);
    println!("{name:44} {published:8.2} M events/s {delivered:8.2} M deliveries/s");
    let filter = Subscription::parse("bench/+").expect("valid filter");
    mailboxes.iter().for_each(|mailbox| assert!(bus.unsubscribe(&filter, mailbox.id)));
}

fn publish(bus: &dyn EventBus, mailboxes: &[Arc<Mailbox>], ids: &EventIds, topics: usize, events: u64) {
    let publisher = ClientId::new("publisher");
    let mut routes: Vec<(TopicName, Route)> =
        (0..topics).map(|topic| (TopicName::parse(&format!("bench/{topic}")).expect("valid topic"), Route::default())).collect();
    for number in 0..events as usize {
        let (topic, route) = &mut routes[number % topics];
        let time = Timestamp(1);
        let event = Arc::new(Event {
            id: ids.next(time),
            topic: topic.clone(),
            payload: PAYLOAD.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::NONE,
            expires_at: None,
            publisher: publisher.clone(),
            time,
        });
        let mut handover = Handover::default();
        drop(bus.publish(&event, route, &mut handover));
        if handover.pressed.is_some() {
            mailboxes.iter().for_each(|mailbox| mailbox.wait_for_room());
        }
    }
}

fn main() {
    let bus = MemoryBus::new();
    run("1 publisher, 1 topic, 1 subscriber", &bus, 1, 1, 1, 6_000_000);
    run("the same, metered", &Metered::new(MemoryBus::new()), 1, 1, 1, 6_000_000);
    run("1 publisher, 8 topics, 1 subscriber", &bus, 1, 8, 1, 6_000_000);
    run("2 publishers, 8 topics, 1 subscriber", &bus, 2, 8, 1, 3_000_000);
    run("1 publisher, 1 topic, 50 subscribers", &bus, 1, 1, 50, 200_000);

    let (unrelated, begin) = (Mailbox::new(u64::MAX), Instant::now());
    (0..100_000).for_each(|device| subscribe(&bus, &format!("bench/device-{device}"), &unrelated));
    println!("100,000 exact filters under one parent: subscribed in {:?}", begin.elapsed());
    run("1 publisher, 1 subscriber, 100,000 others", &bus, 1, 1, 1, 6_000_000);

    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                subscribe(&bus, "bench/device-1", &unrelated);
                thread::sleep(Duration::from_micros(100));
            }
        });
        run("the same, a subscription every 100 µs", &bus, 1, 1, 1, 6_000_000);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
