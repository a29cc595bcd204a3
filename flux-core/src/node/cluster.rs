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
use crate::telemetry::{Figure, FigureKind};
use crate::types::NodeId;

/// The bus of this node, and its membership where it has one.
pub(super) struct Membership {
    pub bus: Arc<dyn EventBus>,
    pub member: Option<Arc<DistributedBus>>,
    /// Apart from the node's own: they end after the last connection has said what it had to say.
    tasks: Tasks,
}

fn distributed(kind: BusKind) -> Option<DistributedKind> {
    match kind {
        BusKind::Memory => None,
        BusKind::Pubsub => Some(DistributedKind::PubSub),
        BusKind::Streams => Some(DistributedKind::Streams),
        BusKind::Hybrid => Some(DistributedKind::Hybrid),
    }
}

impl Membership {
    /// Joins the cluster, if there is to be one. Nothing is received before the node says so.
    pub async fn begin(config: &Config, id: &NodeId, http: String, tasks: Tasks) -> Result<Self, StartError> {
        let Some(kind) = distributed(config.bus.kind) else {
            return Ok(Membership { bus: Arc::new(Metered::new(MemoryBus::new())), member: None, tasks });
        };
        let redis = connect(config, id, &tasks).await?;
        let settings = DistributedSettings {
            http,
            patience: config.redis.command_timeout,
            grace: config.mqtt.slow_subscriber_grace,
            copies: settings::copies(config),
            canary: config.bus.canary.kind.and_then(distributed).map(|kind| (kind, config.bus.canary.percent)),
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

/// What `/metrics` tells of the bus between the nodes.
pub(super) fn figures(member: &DistributedBus) -> Vec<Figure> {
    let told = member.figures();
    let figure = |name, help, kind, value| Figure { name, help, kind, value };
    let waiting: u64 = member.inboxes().iter().flat_map(|inbox| &inbox.lanes).sum();
    let (counter, gauge) = (FigureKind::Counter, FigureKind::Gauge);
    let mut figures = vec![
        figure("bus_connected", "1 while this node is a member of its cluster", gauge, u64::from(member.is_connected())),
        figure("bus_peers", "Other members of the cluster", gauge, member.peers().len() as u64),
        figure("bus_routes", "Routes of all nodes", gauge, member.route_count() as u64),
        figure("bus_inbox_batches", "Batches that wait in the inboxes of all nodes", gauge, waiting),
        figure("bus_held", "Messages whose publishers wait until this node is a member again", gauge, member.held() as u64),
        figure("bus_messages_out", "Messages sent to other nodes, one for each node", counter, told.messages_out.get()),
        figure("bus_batches_out", "Commands they took", counter, told.batches_out.get()),
        figure("bus_messages_in", "Messages that came from other nodes", counter, told.messages_in.get()),
        figure("bus_batches_in", "Batches they came in", counter, told.batches_in.get()),
        figure("bus_doubles", "Messages that came twice and were delivered once", counter, told.doubles.get()),
        figure("bus_changing", "Lanes to other nodes that wait for what went by the former bus", gauge, member.changing() as u64),
        figure("bus_damaged", "Messages that could not be read", counter, told.damaged.get()),
        figure("bus_dropped", "QoS 0 messages that had no room or no connection on their way out", counter, told.dropped.get()),
        figure("bus_handed_on", "Messages for a shared group handed on to another node", counter, told.handed_on.get()),
        figure("bus_heartbeats_missed", "Heartbeats that were not answered", counter, told.heartbeats_missed.get()),
        figure(
            "bus_joins",
            "Times this node has joined; each after the first, the others had given it up",
            counter,
            told.joins.get(),
        ),
    ];
    figures.extend(canary_figures(member));
    figures
}

/// What this node has counted of the canary, while there is one.
fn canary_figures(member: &DistributedBus) -> Vec<Figure> {
    let (Some(counted), Some(canary)) = (member.own_canary(), member.decision().canary) else { return Vec::new() };
    let counter = |name, help, value| Figure { name, help, kind: FigureKind::Counter, value };
    let percent = Figure {
        name: "bus_canary_percent",
        help: "Share of the topics that the candidate carries as well",
        kind: FigureKind::Gauge,
        value: canary.percent.into(),
    };
    let (current, candidate) = (counted.current, counted.candidate);
    vec![
        percent,
        counter("bus_canary_sent", "Messages that this node sent by both kinds of bus", current.sent),
        counter("bus_canary_spared", "Messages that the candidate had no room for", candidate.spared),
        counter("bus_canary_current_arrived", "Messages that came to this node by the bus of the cluster", current.arrived),
        counter("bus_canary_candidate_arrived", "Messages that came to this node by the candidate", candidate.arrived),
        counter("bus_canary_candidate_first", "Messages that the candidate brought first", candidate.first),
        counter("bus_canary_current_missing", "Messages that only the candidate brought", current.missing),
        counter("bus_canary_candidate_missing", "Messages that only the bus of the cluster brought", candidate.missing),
    ]
}
