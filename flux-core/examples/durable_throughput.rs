//! What the durable store can take: producers with a window of unacknowledged appends each, and removals a little later.
//!
//! `cargo run --release --example durable_throughput --features test-util -- [FOLDER|REDIS_URL] [stored|replicated] [QUEUES OF EACH PRODUCER]`
//! In Redis it ends after the first part, and removes nothing: give it one of its own.

// It measures real time, and its tasks end with it.
#![allow(clippy::disallowed_methods)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flux_core::bus::{Append, Stored};
use flux_core::durable::conformance::{Owner, append, delivery, transaction, wait};
use flux_core::durable::{DiskStore, DurableStore, Operation, Options, RedisStore, Transaction};
use flux_core::lifecycle::Tasks;
use flux_core::receipt::Receipt;
use flux_core::redis::{Copies, Redis, RedisSettings, Servers};
use flux_core::types::{AckLevel, ClientId, Delivery, NodeId, QueueId, Seq};
use parking_lot::Mutex;

const PRODUCERS: u64 = 10;
const WINDOW: usize = 64;
const PAYLOAD: usize = 256;
/// Unless told otherwise.
const QUEUES_EACH: u64 = 100;
/// Entries of a queue that stay before the oldest is removed.
const KEPT: usize = 20;
const RUN: Duration = Duration::from_secs(10);

/// A session: removes what was stored a little earlier.
struct Session {
    store: Arc<dyn DurableStore>,
    queue: QueueId,
    stored: Mutex<VecDeque<Seq>>,
    removed: Arc<AtomicU64>,
}

impl Stored for Session {
    fn stored(&self, seq: Seq, _delivery: Delivery) {
        let mut stored = self.stored.lock();
        stored.push_back(seq);
        if stored.len() >= 2 * KEPT {
            let queue = self.queue;
            let operations = stored.drain(..KEPT).map(|seq| Operation::Remove { queue, seq }).collect();
            self.removed.fetch_add(KEPT as u64, Ordering::Relaxed);
            drop(self.store.commit(Transaction { operations }));
        }
    }
}

/// Seconds of processor time, system time included.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

async fn produce(
    store: Arc<dyn DurableStore>,
    number: u64,
    queues: u64,
    removed: Arc<AtomicU64>,
    until: Instant,
) -> Vec<Duration> {
    let sessions: Vec<_> = (0..queues)
        .map(|_| {
            let queue = store.new_queue();
            let operations = [Operation::PutSession {
                queue,
                client: ClientId::new(format!("client {queue:?}")),
                record: b"session".as_slice().into(),
            }]
            .into_iter()
            .collect();
            drop(store.commit(Transaction { operations }));
            Arc::new(Session { store: store.clone(), queue, stored: Mutex::default(), removed: removed.clone() })
        })
        .collect();
    let event = delivery(u128::from(number), PAYLOAD);
    let mut window: VecDeque<(Instant, Receipt)> = VecDeque::new();
    let mut times = Vec::new();
    for turn in 0.. {
        if Instant::now() >= until {
            break;
        }
        std::future::poll_fn(|context| store.poll_room(context)).await;
        let session = &sessions[(turn * 7 % queues) as usize];
        let append =
            Append { queue: session.queue, delivery: event.clone(), displaces: false, owed: false, owner: session.clone() };
        let operations = [Operation::Append(append)].into_iter().collect();
        window.push_back((Instant::now(), store.commit(Transaction { operations })));
        if window.len() == WINDOW
            && let Some((since, receipt)) = window.pop_front()
        {
            receipt.await.expect("the store writes");
            times.push(since.elapsed());
        }
    }
    for (since, receipt) in window {
        receipt.await.expect("the store writes");
        times.push(since.elapsed());
    }
    times
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("durable-throughput"), Into::into);
    let ack = arguments.next().map_or_else(Default::default, |word| word.parse().expect("stored or replicated"));
    let queues = arguments.next().map_or(QUEUES_EACH, |number| number.parse().expect("a number of queues"));
    let urls = folder.to_str().filter(|text| text.contains("://")).map(str::to_owned);
    let store: Arc<dyn DurableStore> = match &urls {
        Some(urls) => in_redis(urls, ack).await,
        None => Arc::new(DiskStore::open(&folder, Options { ack, ..Options::default() }).expect("the store opens")),
    };
    let (begin, used) = (Instant::now(), processor_seconds());
    let removed = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> =
        (0..PRODUCERS).map(|number| tokio::spawn(produce(store.clone(), number, queues, removed.clone(), begin + RUN))).collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("a producer ends"));
    }
    let (elapsed, used) = (begin.elapsed().as_secs_f64(), processor_seconds() - used);
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let stats = store.stats();
    println!(
        "{} appends in {elapsed:.1} s: {:.0}/s ({ack}), removed {}",
        times.len(),
        times.len() as f64 / elapsed,
        removed.load(Ordering::Relaxed)
    );
    println!("receipt p50 {:?} p99 {:?} p99.9 {:?} max {:?}", at(0.5), at(0.99), at(0.999), at(1.0));
    println!(
        "{:.1} transactions a commit, {:.2} us of processor an append",
        stats.transactions as f64 / stats.commits as f64,
        used * 1e6 / times.len() as f64
    );
    println!("on disk {} MB, pending {} entries", stats.disk_bytes >> 20, stats.queued_entries);
    if urls.is_some() {
        return;
    }
    let begin = Instant::now();
    let filled = store.clone();
    tokio::task::spawn_blocking(move || offline(&filled, PRODUCERS * queues)).await.expect("it ends");
    println!("appended {OFFLINE} more in {:?}", begin.elapsed());
    let begin = Instant::now();
    store.close();
    println!("closed in {:?}", begin.elapsed());
    drop(store);
    let begin = Instant::now();
    let store = DiskStore::open(&folder, Options::default()).expect("the store opens");
    let recovered = wait(store.recover()).expect("the store is readable");
    let entries: u64 = recovered.sessions.iter().map(|session| session.entries).sum();
    println!("opened {} sessions with {entries} entries again in {:?}", recovered.sessions.len(), begin.elapsed());
    drop(store);
    let _ = std::fs::remove_dir_all(folder);
}

async fn in_redis(urls: &str, ack: AckLevel) -> Arc<dyn DurableStore> {
    let settings = RedisSettings::new(Servers::parse(urls).expect("a URL of Redis"));
    let redis = Redis::connect(settings, &Tasks::default()).await.expect("Redis answers");
    let copies = if ack == AckLevel::Replicated { Copies::Always(1) } else { Copies::None };
    Arc::new(RedisStore::new(redis, NodeId::new("throughput"), copies))
}

/// Entries that nobody removes: what a start has to read.
const OFFLINE: u64 = 1_000_000;

fn offline(store: &Arc<dyn DurableStore>, queues: u64) {
    let owner = Arc::new(Owner::default());
    let delivery = delivery(1, PAYLOAD);
    let mut receipts = VecDeque::new();
    for number in 0..OFFLINE {
        let queue = QueueId(1 + number % queues);
        receipts.push_back(store.commit(transaction([append(queue, delivery.clone(), &owner)])));
        if receipts.len() > 10_000 {
            assert_eq!(receipts.pop_front().map(wait), Some(Ok(())));
        }
    }
    assert!(receipts.into_iter().all(|receipt| wait(receipt) == Ok(())));
}
