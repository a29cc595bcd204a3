use std::sync::Arc;
use std::time::Duration;

use flux_core::bus::distributed::{Arrivals, DistributedBus, DistributedKind, DistributedSettings};
use flux_core::bus::{EventBus, Handover, MemoryBus, Subscriber};
use flux_core::lifecycle::Tasks;
use flux_core::receipt::Receipt;
use flux_core::redis::{Keys, Redis, RedisSettings, Servers};
use flux_core::types::{Event, NodeId, QoS, SubscribeOptions, Subscription, TopicName};

use crate::limits::CHILD_PATIENCE;

use super::orders::{Orders, Role};

/// The topics of the two subscribers; each is a stream of its own.
pub const FAR: &str = "bench/far";
pub const NEAR: &str = "bench/near";

/// How often it is looked whether the other process has told its route.
const LOOK: Duration = Duration::from_millis(5);

/// A bus of this process, whatever it is.
pub enum Bus {
    Memory(MemoryBus),
    Distributed(Box<DistributedBus>),
}

/// Nothing is durable here, so an event has arrived once it is in the mailbox.
struct InMailbox;

impl Arrivals for InMailbox {
    fn complete(&self, _: &Arc<Event>, _: Handover) -> Receipt {
        Receipt::SAFE
    }

    /// Nothing is retained in a run.
    fn retained(&self, _: &TopicName, _: Option<Arc<Event>>) {}

    fn retained_now(&self, _: &TopicName) -> Option<Arc<Event>> {
        None
    }

    fn retained_topics(&self) -> Vec<TopicName> {
        vec![]
    }
}

impl Bus {
    pub async fn join(orders: &Orders, tasks: &Tasks) -> Result<Self, String> {
        if orders.bus == "memory" {
            return Ok(Bus::Memory(MemoryBus::new()));
        }
        let kind: DistributedKind = orders.bus.parse().map_err(|error| format!("{}: {error}", orders.bus))?;
        let servers = Servers::parse(&orders.redis_url).map_err(|error| error.to_string())?;
        let mut settings = RedisSettings::new(servers);
        settings.keys = Keys::new("flux", &orders.cluster);
        let redis = Redis::connect(settings, tasks).await.map_err(|error| error.to_string())?;
        let settings = DistributedSettings::new(kind, node(orders.role));
        let bus = DistributedBus::join(settings, redis, tasks).await.map_err(|error| error.to_string())?;
        Ok(Bus::Distributed(Box::new(bus)))
    }

    pub fn port(&self) -> &dyn EventBus {
        match self {
            Bus::Memory(bus) => bus,
            Bus::Distributed(bus) => &**bus,
        }
    }

    pub async fn subscribe(&self, topic: &str, qos: QoS, subscriber: Arc<dyn Subscriber>) -> Result<(), String> {
        let filter = Subscription::parse(topic).map_err(|error| error.to_string())?;
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
        self.port()
            .subscribe(&filter, options, subscriber)
            .await
            .map_err(|refusal| format!("subscribing was refused: {refusal:?}"))
    }

    pub async fn receive(&self) -> Result<(), String> {
        match self {
            Bus::Memory(_) => Ok(()),
            Bus::Distributed(bus) => bus.receive(Arc::new(InMailbox), &[]).await.map_err(|error| error.to_string()),
        }
    }

    /// Until the subscriber's route is known here.
    pub async fn wait_for_subscriber(&self) -> Result<(), String> {
        let Bus::Distributed(bus) = self else { return Ok(()) };
        let subscriber = node(Role::Subscriber);
        let known = async {
            while bus.routes(&subscriber).is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(CHILD_PATIENCE, known).await.map_err(|_| "the subscriber's route did not become known".to_owned())
    }

    pub async fn leave(&self) {
        if let Bus::Distributed(bus) = self {
            bus.leave(Duration::from_secs(1)).await;
        }
    }
}

fn node(role: Role) -> NodeId {
    NodeId::new(match role {
        Role::Publisher => "publisher",
        Role::Subscriber => "subscriber",
    })
}
