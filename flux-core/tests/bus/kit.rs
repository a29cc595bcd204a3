use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flux_core::bus::distributed::{Arrivals, DistributedBus, DistributedKind, DistributedSettings};
use flux_core::bus::{BusStats, EventBus, Guarantees, Handover, Route, Subscriber};
use flux_core::lifecycle::Tasks;
use flux_core::receipt::Receipt;
use flux_core::redis::{Keys, Redis, RedisSettings, Servers};
use flux_core::types::{Event, NodeId, SubscribeOptions, SubscriberId, Subscription, TopicName};
use tokio::runtime::Handle;

/// Nothing here takes so long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Stores nothing: there is nobody here whose queue outlives the process.
pub struct Taken;

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

/// A name that no other cluster in this process has.
pub fn cluster_name() -> String {
    static CLUSTERS: AtomicU64 = AtomicU64::new(0);
    format!("test-{}", CLUSTERS.fetch_add(1, Ordering::Relaxed))
}

pub async fn redis(urls: &str, cluster: &str, tasks: &Tasks) -> Redis {
    let servers = Servers::parse(urls).expect("valid URLs");
    let settings = RedisSettings { keys: Keys::new("flux", cluster), ..RedisSettings::new(servers) };
    Redis::connect(settings, tasks).await.expect("Redis runs")
}

pub fn settings(kind: DistributedKind, node: &str) -> DistributedSettings {
    DistributedSettings::new(kind, NodeId::new(node))
}

/// A member that receives.
pub async fn node(urls: &str, cluster: &str, settings: DistributedSettings) -> Arc<DistributedBus> {
    node_with(urls, cluster, settings, Arc::new(Taken)).await
}

pub async fn node_with(
    urls: &str,
    cluster: &str,
    settings: DistributedSettings,
    arrivals: Arc<dyn Arrivals>,
) -> Arc<DistributedBus> {
    let tasks = Tasks::default();
    let redis = redis(urls, cluster, &tasks).await;
    let bus = DistributedBus::join(settings, redis, &tasks).await.expect("it joins");
    bus.receive(arrivals, &[]).await.expect("it receives");
    Arc::new(bus)
}

/// For a suite that makes its buses without waiting. Needs a runtime with several threads.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| Handle::current().block_on(work))
}

pub async fn until(what: &str, mut yes: impl FnMut() -> bool) {
    let waiting = async {
        while !yes() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

/// Two nodes as one bus: all publishers are on the one, all subscribers on the other.
pub struct Apart {
    pub publishers: Arc<DistributedBus>,
    pub subscribers: Arc<DistributedBus>,
}

impl Apart {
    pub fn new(urls: &str, kind: DistributedKind) -> Self {
        Apart::with_canary(urls, kind, None)
    }

    /// With a candidate beside that carries so many percent of the topics. Ready once both nodes send doubles.
    pub fn with_canary(urls: &str, kind: DistributedKind, canary: Option<(DistributedKind, u8)>) -> Self {
        let cluster = cluster_name();
        let settings = |id| DistributedSettings { canary, ..settings(kind, id) };
        let (publishers, subscribers) =
            wait(async { tokio::join!(node(urls, &cluster, settings("n1")), node(urls, &cluster, settings("n2"))) });
        if canary.is_some() {
            wait(until("the publishers' node knows that the other one drops doubles", || {
                publishers.peers().iter().any(|peer| peer.decision > 0)
            }));
        }
        Apart { publishers, subscribers }
    }
}

impl EventBus for Apart {
    fn publish(&self, event: &Arc<Event>, route: &mut Route, handover: &mut Handover) -> Receipt {
        self.publishers.publish(event, route, handover)
    }

    fn subscribe(&self, subscription: &Subscription, options: SubscribeOptions, subscriber: Arc<dyn Subscriber>) -> Receipt {
        self.subscribers.subscribe(subscription, options, subscriber)
    }

    fn unsubscribe(&self, subscription: &Subscription, subscriber: SubscriberId) -> bool {
        self.subscribers.unsubscribe(subscription, subscriber)
    }

    fn publish_to_group(
        &self,
        subscription: &Subscription,
        event: &Arc<Event>,
        except: SubscriberId,
        handover: &mut Handover,
    ) -> bool {
        self.subscribers.publish_to_group(subscription, event, except, handover)
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees { local: false, ..self.publishers.guarantees() }
    }

    fn stats(&self) -> BusStats {
        self.subscribers.stats()
    }
}
