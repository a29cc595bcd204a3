use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::port::EventBus;
use super::harness::{Collector, Harness, number};

const PUBLISHERS: usize = 4;

/// The numbers that a subscriber has of each publisher.
fn by_publisher(harness: &Harness, subscriber: &Arc<Collector>) -> BTreeMap<String, Vec<u64>> {
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for delivery in harness.received(&[subscriber]) {
        numbers.entry(delivery.event.publisher.to_string()).or_default().push(number(&delivery));
    }
    numbers
}

/// Subscribers come and go while publishers publish: whoever has its receipt gets all that is published from then on.
pub async fn nothing_is_missed_after_subscribing(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let pace: Arc<Pace> = Arc::default();
    let (mut publishers, mut subscribers) = (JoinSet::new(), JoinSet::new());
    for index in 0..PUBLISHERS {
        let pace = pace.clone();
        let mut publisher = harness.publisher(&index.to_string(), "busy/topic");
        publishers.spawn(async move {
            while let Ok(permit) = pace.wanted[index].acquire().await {
                permit.forget();
                pace.begun[index].store(publisher.next + 1, Ordering::SeqCst);
                publisher.publish().await;
            }
        });
    }
    for task in 0..8 {
        let (harness, pace) = (harness.clone(), pace.clone());
        subscribers.spawn(async move {
            for round in 0..12 {
                come_and_go(&harness, &pace, ["busy/topic", "busy/+", "#"][(task + round) % 3]).await;
            }
        });
    }
    subscribers.join_all().await;
    pace.wanted.iter().for_each(Semaphore::close);
    publishers.join_all().await;
}

/// What keeps publishers from running away from subscribers: they publish what is asked for.
struct Pace {
    wanted: [Semaphore; PUBLISHERS],
    /// How many events each has begun to publish.
    begun: [AtomicU64; PUBLISHERS],
}

impl Default for Pace {
    fn default() -> Self {
        Pace { wanted: std::array::from_fn(|_| Semaphore::new(0)), begun: Default::default() }
    }
}

impl Pace {
    fn ask_for(&self, events: usize) {
        self.wanted.iter().for_each(|wanted| wanted.add_permits(events));
    }
}

async fn come_and_go(harness: &Arc<Harness>, pace: &Pace, filter: &str) {
    // Some that may come before, while and after it subscribes; three that are begun after.
    pace.ask_for(5);
    let subscriber = harness.subscriber(filter).await;
    let owed_from: Vec<u64> = pace.begun.iter().map(|begun| begun.load(Ordering::SeqCst)).collect();
    pace.ask_for(3);
    let has_some_of_all = || {
        let numbers = by_publisher(harness, &subscriber);
        numbers.len() == PUBLISHERS && numbers.values().all(|numbers| numbers.len() >= 3)
    };
    harness.wait_until(has_some_of_all, || format!("three events of every publisher on {filter}")).await;
    assert!(harness.unsubscribe(filter, &subscriber));
    for (publisher, numbers) in by_publisher(harness, &subscriber) {
        let owed = owed_from[publisher.parse::<usize>().expect("publishers are numbered")];
        assert!(numbers[0] <= owed, "{filter}: the first from {publisher} is {}, owed from {owed} on", numbers[0]);
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{filter}: {numbers:?} from {publisher}");
    }
}

pub async fn concurrent_publishers_lose_nothing(make: &impl Fn() -> Arc<dyn EventBus>) {
    const EVENTS: u64 = 200;
    const MANY: usize = 16;
    let harness = Harness::new(make);
    let everything = harness.subscriber("#").await;
    let group = [harness.subscriber("$share/g/load/+").await, harness.subscriber("$share/g/load/+").await];
    let mut publishers = JoinSet::new();
    for index in 0..MANY {
        let mut publisher = harness.publisher(&index.to_string(), &format!("load/{}", index % 5));
        publishers.spawn(async move { publisher.publish_times(EVENTS).await });
    }
    publishers.join_all().await;
    let total = MANY * EVENTS as usize;
    harness.wait_for(total, &[&everything]).await;
    harness.wait_for(total, &[&group[0], &group[1]]).await;
    assert_eq!(harness.received(&[&group[0], &group[1]]).len(), total, "the group has each event once");
    let numbers = by_publisher(&harness, &everything);
    assert_eq!(numbers.len(), MANY);
    for (publisher, numbers) in numbers {
        assert_eq!(numbers, Vec::from_iter(0..EVENTS), "from {publisher}");
    }
}
