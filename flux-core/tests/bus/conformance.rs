//! The suite over the buses that cross nodes: on one node, with publishers and subscribers apart, within wrappers, and on a Redis Cluster.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flux_core::bus::distributed::DistributedKind;
use flux_core::bus::{EventBus, Faults, Faulty, Metered, conformance};
use flux_core::testing::redis::{TestCluster, TestRedis};

use crate::kit::{Apart, cluster_name, node, settings, wait};

/// One server for all tests of this process. It is killed with it.
fn url() -> String {
    static SERVER: OnceLock<TestRedis> = OnceLock::new();
    SERVER.get_or_init(TestRedis::start).url()
}

fn together(kind: DistributedKind) -> Arc<dyn EventBus> {
    wait(async { node(&url(), &cluster_name(), settings(kind, "n1")).await })
}

fn apart(kind: DistributedKind) -> Arc<dyn EventBus> {
    Arc::new(Apart::new(&url(), kind))
}

/// Some or all topics travel by a candidate as well: nobody may notice.
fn beside(kind: DistributedKind, candidate: DistributedKind, percent: u8) -> Arc<dyn EventBus> {
    Arc::new(Apart::with_canary(&url(), kind, Some((candidate, percent))))
}

fn wrapped() -> Arc<dyn EventBus> {
    let faults = Faults {
        refuse_publish: 0.1,
        lose_answer: 0.1,
        refuse_subscribe: 0.3,
        delay_receipt: 0.2,
        longest_delay: Duration::from_millis(3),
    };
    let bus = Arc::new(Apart::new(&url(), DistributedKind::Hybrid));
    Arc::new(Metered::new(Faulty::new(bus, faults)))
}

macro_rules! over {
    ($module:ident, $make:expr) => {
        mod $module {
            use super::*;

            flux_core::bus_conformance!($make);
        }
    };
}

over!(over_pubsub, || together(DistributedKind::PubSub));
over!(over_streams, || together(DistributedKind::Streams));
over!(over_hybrid, || together(DistributedKind::Hybrid));
over!(over_pubsub_between_nodes, || apart(DistributedKind::PubSub));
over!(over_streams_between_nodes, || apart(DistributedKind::Streams));
over!(over_hybrid_between_nodes, || apart(DistributedKind::Hybrid));
over!(over_metered_and_faulty_between_nodes, wrapped);
over!(over_pubsub_beside_hybrid, || beside(DistributedKind::PubSub, DistributedKind::Hybrid, 100));
over!(over_pubsub_half_beside_hybrid, || beside(DistributedKind::PubSub, DistributedKind::Hybrid, 50));
over!(over_hybrid_beside_streams, || beside(DistributedKind::Hybrid, DistributedKind::Streams, 100));
over!(over_streams_beside_pubsub, || beside(DistributedKind::Streams, DistributedKind::PubSub, 100));

/// Six processes are dear: each kind runs the whole suite on one Cluster.
async fn on_a_cluster(kind: DistributedKind) {
    let cluster = TestCluster::start();
    let urls = cluster.urls();
    conformance::every_clause(&|| -> Arc<dyn EventBus> { Arc::new(Apart::new(&urls, kind)) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pubsub_conforms_on_a_redis_cluster() {
    on_a_cluster(DistributedKind::PubSub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_conform_on_a_redis_cluster() {
    on_a_cluster(DistributedKind::Streams).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hybrid_conforms_on_a_redis_cluster() {
    on_a_cluster(DistributedKind::Hybrid).await;
}
