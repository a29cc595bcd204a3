use std::sync::Arc;

use flux_core::bus::EventBus;
use flux_core::bus::conformance::harness::Harness;
use flux_core::bus::distributed::{DistributedBus, DistributedKind, DistributedSettings, PeerState};
use flux_core::testing::redis::{TestCluster, TestRedis};

use crate::kit::{cluster_name, node, settings, until};

/// A cluster of nodes in this process, each with a harness to ask it questions.
pub struct Cluster<R = TestRedis> {
    pub redis: R,
    urls: String,
    pub name: String,
    nodes: Vec<(Arc<DistributedBus>, Arc<Harness>)>,
}

impl Cluster {
    /// Hybrid.
    pub async fn of(names: &[&str]) -> Self {
        Cluster::of_kind(DistributedKind::Hybrid, names).await
    }

    pub async fn of_kind(kind: DistributedKind, names: &[&str]) -> Self {
        Cluster::empty().with(kind, names).await
    }

    pub fn empty() -> Self {
        let redis = TestRedis::start();
        Cluster { urls: redis.url(), redis, name: cluster_name(), nodes: Vec::new() }
    }
}

impl Cluster<TestCluster> {
    pub async fn on_a_redis_cluster(kind: DistributedKind, names: &[&str]) -> Self {
        let redis = TestCluster::start();
        Cluster { urls: redis.urls(), redis, name: cluster_name(), nodes: Vec::new() }.with(kind, names).await
    }
}

impl<R> Cluster<R> {
    async fn with(mut self, kind: DistributedKind, names: &[&str]) -> Self {
        for name in names {
            self.start(settings(kind, name)).await;
        }
        self.all_meet().await;
        self
    }

    pub async fn start(&mut self, settings: DistributedSettings) -> usize {
        let bus = node(&self.urls, &self.name, settings).await;
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
