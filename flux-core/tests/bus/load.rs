use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flux_core::bus::conformance::harness::{Collector, Harness, number};
use flux_core::bus::distributed::DistributedBus;
use flux_core::bus::{EventBus, Handover, Route};
use flux_core::types::QoS;
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::kit::until;

/// Topics under `load/`, each with a publisher of its own: some in a share, some not, in all lanes.
const TOPICS: usize = 24;
/// Events of one publisher that are under way at a time.
const UNDER_WAY: usize = 64;

/// Publishers that go on until they are told to stop, each with many events under way. A refusal is a failure.
pub struct Load {
    stop: Arc<AtomicBool>,
    safe: Arc<AtomicU64>,
    publishers: JoinSet<(String, u64)>,
}

impl Load {
    /// At QoS 1.
    pub fn start<R>(cluster: &Cluster<R>, node: usize) -> Self {
        Load::at(QoS::AtLeastOnce, cluster, node)
    }

    pub fn at<R>(qos: QoS, cluster: &Cluster<R>, node: usize) -> Self {
        let mut load = Load { stop: Arc::default(), safe: Arc::default(), publishers: JoinSet::new() };
        for topic in 0..TOPICS {
            let (bus, harness) = (cluster.bus(node).clone(), cluster.at(node).clone());
            let (stop, safe) = (load.stop.clone(), load.safe.clone());
            load.publishers.spawn(async move {
                let topic = format!("load/{topic}");
                let count = publish(&bus, &harness, qos, &topic, &stop, &safe).await;
                (topic, count)
            });
        }
        load
    }

    /// Goes on for at least so many events that are safe.
    pub async fn pass(&self, events: u64) {
        let wanted = self.safe.load(Ordering::Relaxed) + events;
        until("the load goes on", || self.safe.load(Ordering::Relaxed) >= wanted).await;
    }

    /// How many events each topic has had.
    pub async fn stop(mut self) -> BTreeMap<String, u64> {
        self.stop.store(true, Ordering::Relaxed);
        let mut published = BTreeMap::new();
        while let Some(publisher) = self.publishers.join_next().await {
            published.extend([publisher.expect("no publisher fails")]);
        }
        published
    }
}

async fn publish(
    bus: &DistributedBus,
    harness: &Arc<Harness>,
    qos: QoS,
    topic: &str,
    stop: &AtomicBool,
    safe: &AtomicU64,
) -> u64 {
    let mut publisher = harness.publisher(&format!("publisher of {topic}"), topic);
    publisher.qos = qos;
    let (mut route, mut under_way) = (Route::default(), VecDeque::new());
    while !stop.load(Ordering::Relaxed) {
        let mut handover = Handover::default();
        under_way.push_back(bus.publish(&publisher.event(), &mut route, &mut handover));
        if under_way.len() == UNDER_WAY
            && let Some(receipt) = under_way.pop_front()
        {
            assert_eq!(receipt.await, Ok(()), "{topic}");
            safe.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(slow) = handover.pressed {
            std::future::poll_fn(|context| slow.poll_room(context)).await;
        }
        // Without anything to wait for, others have to have their turn all the same.
        tokio::task::yield_now().await;
    }
    for receipt in under_way {
        assert_eq!(receipt.await, Ok(()), "{topic}");
    }
    publisher.next
}

/// Waits until the subscriber has every event of every topic, and looks whether each came once and in order.
pub async fn has_all_in_order(harness: &Harness, subscriber: &Arc<Collector>, published: &BTreeMap<String, u64>) {
    let total: u64 = published.values().sum();
    let came = || harness.received(&[subscriber]).len() as u64;
    harness.wait_until(|| came() >= total, || format!("{total} events, of which came {}", came())).await;
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for delivery in harness.received(&[subscriber]) {
        numbers.entry(delivery.event.topic.to_string()).or_default().push(number(&delivery));
    }
    for (topic, count) in published {
        let came = numbers.remove(topic).unwrap_or_default();
        let wrong = came.iter().zip(0..).position(|(came, expected)| *came != expected).unwrap_or(came.len());
        let around = &came[wrong.saturating_sub(3)..came.len().min(wrong + 5)];
        assert!(wrong as u64 == *count && came.len() == wrong, "{topic}, of {count}: once and in order until {around:?}");
    }
    assert_eq!(numbers, BTreeMap::new(), "and nothing else");
}
