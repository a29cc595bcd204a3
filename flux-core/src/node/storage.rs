//! Where durable sessions are kept, and the connection to Redis that this may need.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::settings;
use super::start::{StartError, store_folder};
use crate::api::Severity;
use crate::config::{BusKind, Config, StoreKind};
use crate::durable::{DiskStore, DurableStore, Options, RedisStore};
use crate::lifecycle::Tasks;
use crate::redis::{Inspected, Redis, Risk};
use crate::telemetry::{Alarms, Cause, Figure, FigureKind, Metrics};
use crate::types::{AckLevel, NodeId};

/// Redis for what is kept there, beside the connection of the bus: a write that waits for a replica must not hold up events. Its tasks are its own: it is needed until the last of the others has ended.
pub(super) struct Connected {
    pub redis: Redis,
    tasks: Tasks,
}

impl Connected {
    /// Connects if the configuration gives an address, tells what is wrong with how the servers are set up, and watches them.
    pub(super) async fn open(config: &Config, node: &NodeId, alarms: &Arc<Alarms>) -> Result<Option<Self>, StartError> {
        let Some(settings) = settings::redis(config, node)? else { return Ok(None) };
        let tasks = Tasks::default();
        let servers = settings.servers.to_string();
        let connected = Redis::connect(settings, &tasks).await;
        let redis = connected.map_err(|problem| match config.bus.kind {
            BusKind::Memory => StartError::Redis { servers, problem },
            _ => StartError::unreachable(&servers, &problem),
        })?;
        tell_settings(&redis.inspect(settings::copies(config)).await, alarms);
        tasks.spawn("redis watch", watch(redis.clone(), alarms.clone()));
        Ok(Some(Connected { redis, tasks }))
    }

    /// Sends what waits and disconnects.
    pub(super) async fn close(self, deadline: Duration) {
        self.tasks.shutdown().request();
        self.redis.close();
        if let Err(stuck) = self.tasks.join(deadline).await {
            tracing::warn!(%stuck, "the connection to Redis did not end in time");
        }
    }
}

/// Says in the log and by an alarm what is wrong with how the servers are set up.
fn tell_settings(inspected: &[Inspected], alarms: &Alarms) {
    let mut serious = Vec::new();
    for Inspected { server, answer } in inspected {
        match answer {
            Ok(facts) => {
                for finding in &facts.findings {
                    tracing::warn!(server, problem = finding.problem, fix = finding.fix, "check how Redis is set up");
                }
                let harmful = facts.findings.iter().filter(|finding| finding.risk != Risk::Small);
                serious.extend(harmful.map(ToString::to_string));
            }
            Err(error) => tracing::warn!(server, %error, "how Redis is set up could not be looked at"),
        }
    }
    if !serious.is_empty() {
        alarms.raise(Cause::RedisSettings, Severity::Warning, serious.join("\n"));
    }
}

/// Says by an alarm since when Redis does not answer.
async fn watch(redis: Redis, alarms: Arc<Alarms>) {
    let mut state = redis.state();
    let closed = redis.closed();
    tokio::pin!(closed);
    loop {
        let error = state.borrow_and_update().error.clone();
        match error {
            Some(error) => alarms.raise(Cause::RedisUnreachable, Severity::Critical, &*error),
            None => _ = alarms.clear(Cause::RedisUnreachable),
        }
        tokio::select! {
            () = &mut closed => return,
            changed = state.changed() => if changed.is_err() { return },
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "awaited right here")]
pub(super) async fn open_store(
    config: &Config,
    node: &NodeId,
    connected: Option<&Connected>,
    metrics: Arc<Metrics>,
) -> Result<Arc<dyn DurableStore>, StartError> {
    let shared = match config.durability.store {
        StoreKind::Redis => true,
        StoreKind::Disk => false,
        StoreKind::Auto => config.bus.kind != BusKind::Memory,
    };
    if let (true, Some(connected)) = (shared, connected) {
        let folder = store_folder(&config.node.data_dir);
        if folder.exists() {
            tracing::warn!(
                folder = %folder.display(),
                "durable sessions are in Redis now, where all nodes have them; those that this folder has stay there \
                 (durability.store = disk goes on with them)"
            );
        }
        return Ok(Arc::new(RedisStore::new(connected.redis.clone(), node.clone(), settings::copies(config))));
    }
    let path = store_folder(&config.node.data_dir);
    let options = Options { ack: config.durability.ack.level().unwrap_or(AckLevel::Stored), metrics, ..Options::default() };
    // Reads files for as long as there is something to read.
    let opened = tokio::task::spawn_blocking(move || DiskStore::open(&path, options)).await;
    match opened {
        Ok(store) => Ok(Arc::new(store?)),
        Err(panic) => Err(StartError::Runtime(io::Error::other(panic))),
    }
}

/// What `/metrics` tells of Redis.
pub(super) fn figures(redis: &Redis) -> Vec<Figure> {
    let told = redis.figures();
    let figure = |name, help, kind, value| Figure { name, help, kind, value };
    let latency = |quantile| {
        told.round_trip.read().quantile(quantile).map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    };
    vec![
        figure(
            "redis_connected",
            "1 while every primary of Redis answers",
            FigureKind::Gauge,
            u64::from(redis.state().borrow().is_connected()),
        ),
        figure("redis_commands", "Commands that Redis answered", FigureKind::Counter, told.commands.get()),
        figure("redis_batches", "Round trips they took", FigureKind::Counter, told.batches.get()),
        figure("redis_refused", "Commands that Redis refused", FigureKind::Counter, told.refused.get()),
        figure("redis_failed", "Commands without an answer in time", FigureKind::Counter, told.failed.get()),
        figure("redis_full", "Commands not sent because too many waited", FigureKind::Counter, told.full.get()),
        figure(
            "redis_repeated",
            "Commands sent again (moved slots, failovers, broken connections)",
            FigureKind::Counter,
            told.repeated.get(),
        ),
        figure("redis_disconnects", "Connections that broke", FigureKind::Counter, told.disconnected.get()),
        figure("redis_sent_bytes", "Bytes sent to Redis", FigureKind::Counter, told.bytes_out.get()),
        figure("redis_waiting", "Commands that wait for an answer", FigureKind::Gauge, told.waiting.get()),
        figure("redis_waiting_bytes", "Their bytes", FigureKind::Gauge, told.waiting_bytes.get()),
        figure("redis_latency_p50_micros", "Half of all commands were answered within this", FigureKind::Gauge, latency(0.5)),
        figure("redis_latency_p99_micros", "99 of 100 commands were answered within this", FigureKind::Gauge, latency(0.99)),
    ]
}
