use std::sync::Arc;

use flux_core::bus::EventBus;
use flux_core::bus::conformance::harness::Harness;
use flux_core::bus::distributed::{DistributedBus, DistributedKind, DistributedSettings, PeerState};
use flux_core::testing::redis::TestRedis;

use crate::kit::{cluster_name, node, settings, until};

/// A cluster of nodes in this process, each with a harness to ask it questions.
pub struct Cluster {
    pub redis: TestRedis,
    pub name: String,
    nodes: Vec<(Arc<DistributedBus>, Arc<Harness>)>,
}

impl Cluster {
    /// Hybrid.
    pub async fn of(names: &[&str]) -> Self {
        Cluster::of_kind(DistributedKind::Hybrid, names).await
    }

    pub async fn of_kind(kind: DistributedKind, names: &[&str]) -> Self {
        let mut cluster = Cluster::empty();
        for name in names {
            cluster.start(settings(kind, name)).await;
        }
        cluster.all_meet().await;
        cluster
    }

    pub fn empty() -> Self {
        Cluster { redis: TestRedis::start(), name: cluster_name(), nodes: Vec::new() }
    }

    pub async fn start(&mut self, settings: DistributedSettings) -> usize {
        let bus = node(&self.redis.url(), &self.name, settings).await;
        let shared: Arc<dyn EventBus> = Arc::new(bus.clone());
        self.nodes.push((bus, Harness::new(&move || shared.clone())));
        self.nodes.len() - 1
    }

    pub async fn all_meet(&self) {
        let others = self.nodes.len() - 1;
        until("all nodes know each other as ready", || {
            self.nodes.iter().all(|(bus, _)| bus.peers().iter().filter(|peer| peer.state == PeerState::Ready).count() == others)
        })
        .await;
    }

    pub fn buses(&self) -> impl Iterator<Item = &Arc<DistributedBus>> {
        self.nodes.iter().map(|(bus, _)| bus)
    }

    pub fn bus(&self, index: usize) -> &Arc<DistributedBus> {
        &self.nodes[index].0
    }

    pub fn at(&self, index: usize) -> &Arc<Harness> {
        &self.nodes[index].1
    }

    /// As a process that is killed: its tasks end, nobody is told. Its lease runs out.
    pub fn kill(&mut self, index: usize) {
        drop(self.nodes.remove(index));
    }
}
