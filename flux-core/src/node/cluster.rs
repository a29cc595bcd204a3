//! This node as a member of its cluster: the bus that the configuration asks for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::settings;
use super::start::StartError;
use crate::bus::EventBus;
use crate::bus::MemoryBus;
use crate::bus::Metered;
use crate::bus::distributed::{DistributedBus, DistributedKind, DistributedSettings, JoinError};
use crate::config::BusKind;
use crate::config::Config;
use crate::lifecycle::Tasks;
use crate::redis::Redis;
use crate::types::NodeId;

/// The bus of this node, and its membership where it has one.
pub(super) struct Membership {
    pub bus: Arc<dyn EventBus>,
    pub member: Option<Arc<DistributedBus>>,
    /// Apart from the node's own: they end after the last connection has said what it had to say.
    tasks: Tasks,
}

fn kind(config: &Config) -> Option<DistributedKind> {
    match config.bus.kind {
        BusKind::Memory => None,
        BusKind::Pubsub => Some(DistributedKind::PubSub),
        BusKind::Streams => Some(DistributedKind::Streams),
        BusKind::Hybrid => Some(DistributedKind::Hybrid),
    }
}

impl Membership {
    /// Joins the cluster, if there is to be one. Nothing is received before the node says so.
    pub async fn begin(config: &Config, id: &NodeId, http: String, tasks: Tasks) -> Result<Self, StartError> {
        let Some(kind) = kind(config) else {
            return Ok(Membership { bus: Arc::new(Metered::new(MemoryBus::new())), member: None, tasks });
        };
        let redis = connect(config, id, &tasks).await?;
        let settings = DistributedSettings {
            http,
            patience: config.redis.command_timeout,
            grace: config.mqtt.slow_subscriber_grace,
            copies: settings::copies(config),
            ..DistributedSettings::new(kind, id.clone())
        };
        let bus = DistributedBus::join(settings, redis, &tasks).await;
        let bus = Arc::new(bus.map_err(StartError::from)?);
        Ok(Membership { bus: Arc::new(Metered::new(bus.clone())), member: Some(bus), tasks })
    }

    /// Leaves the cluster and ends what served the membership.
    pub async fn end(self, deadline: Duration) {
        let begun = Instant::now();
        let Some(member) = &self.member else { return };
        member.leave(deadline).await;
        member.redis().close();
        let rest = deadline.saturating_sub(begun.elapsed()).max(Duration::from_secs(1));
        if let Err(stuck) = self.tasks.join(rest).await {
            tracing::warn!(%stuck, "not everything of the bus stopped in time");
        }
    }
}

async fn connect(config: &Config, id: &NodeId, tasks: &Tasks) -> Result<Redis, StartError> {
    // The configuration was checked: a bus between nodes has an address.
    let Some(settings) = settings::redis(config, id)? else { return Err(StartError::Bus("redis.url is not set".to_owned())) };
    let shown = settings.servers.to_string();
    Redis::connect(settings, tasks).await.map_err(|problem| StartError::unreachable(&shown, &problem))
}

impl From<JoinError> for StartError {
    fn from(problem: JoinError) -> Self {
        StartError::Bus(problem.to_string())
    }
}
