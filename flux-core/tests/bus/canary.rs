//! A second kind of bus beside the first: compared, taken up, given up, while events go on.

use std::sync::Arc;

use flux_core::bus::EventBus;
use flux_core::bus::conformance::harness::{Harness, PLAIN};
use flux_core::bus::distributed::{
    CanaryReading, Decision, DistributedBus, DistributedKind, DistributedSettings, SteerError, Undecidable, WayReading,
};
use flux_core::lifecycle::Tasks;
use flux_core::types::NodeId;

use crate::cluster::Cluster;
use crate::kit::{Taken, redis, settings, until};
use crate::load::{Load, has_all_in_order};

const PUBSUB: DistributedKind = DistributedKind::PubSub;
const HYBRID: DistributedKind = DistributedKind::Hybrid;
const STREAMS: DistributedKind = DistributedKind::Streams;

/// What is counted once all that was sent twice has come twice.
async fn compared(cluster: &Cluster) -> CanaryReading {
    let mut read = CanaryReading::default();
    until("every double has come", || {
        let (counted, nodes) = cluster.bus(0).canary().expect("there is a canary");
        read = counted;
        let all = |way: &WayReading| way.sent > 0 && way.sent == way.arrived;
        nodes == cluster.buses().count() && all(&read.current) && all(&read.candidate)
    })
    .await;
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_changes_under_load_and_nobody_notices() {
    let cluster = Cluster::of_kind(PUBSUB, &["n1", "n2", "n3"]).await;
    let plain = cluster.at(1).subscriber("load/+").await;
    let durable = cluster.at(2).durable("device");
    cluster.at(2).subscribe("load/#", PLAIN, &durable).await;
    let load = Load::start(&cluster, 0);
    for (asked, percent) in [(1, 30), (0, 100), (2, 0), (1, 60), (0, 5), (2, 50)] {
        let decided = cluster.bus(asked).set_canary(HYBRID, percent).await.expect("all follow");
        assert!(cluster.buses().all(|bus| bus.decision() == decided), "before anybody hears that it is decided");
        load.pass(2_000).await;
    }
    let published = load.stop().await;
    has_all_in_order(cluster.at(1), &plain, &published).await;
    has_all_in_order(cluster.at(2), &durable, &published).await;

    let counted = compared(&cluster).await;
    let total: u64 = 2 * published.values().sum::<u64>();
    assert!((1..total).contains(&counted.current.sent), "a share of {total}: {counted:?}");
    assert_eq!((counted.current.missing, counted.candidate.missing), (0, 0));
    assert_eq!(counted.current.first + counted.candidate.first, counted.candidate.sent + counted.candidate.spared);
    assert!(counted.current.latency(0.99) >= counted.current.latency(0.5) && counted.candidate.latency(0.5).is_some());
    let doubles: u64 = cluster.buses().map(|bus| bus.figures().doubles.get()).sum();
    assert_eq!(doubles, counted.candidate.arrived, "each candidate's copy was dropped, and nothing else");
}

/// From each kind to each other, asked at every node in turn.
async fn take_over_again_and_again<R>(cluster: &Cluster<R>) {
    let plain = cluster.at(1).subscriber("load/+").await;
    let durable = cluster.at(2).durable("device");
    cluster.at(2).subscribe("load/#", PLAIN, &durable).await;
    let load = Load::start(cluster, 0);
    for (asked, kind) in [HYBRID, STREAMS, HYBRID, PUBSUB, STREAMS, PUBSUB, HYBRID].into_iter().enumerate() {
        load.pass(500).await;
        let bus = cluster.bus(asked % 3);
        bus.set_canary(kind, 25).await.expect("all follow");
        load.pass(500).await;
        let decided = bus.promote_canary().await.expect("all follow");
        assert_eq!((decided.kind, decided.canary), (kind, None));
        assert!(cluster.buses().all(|bus| bus.kind() == kind));
    }
    load.pass(500).await;
    let published = load.stop().await;
    has_all_in_order(cluster.at(1), &plain, &published).await;
    has_all_in_order(cluster.at(2), &durable, &published).await;
    until("nobody waits for the former bus", || cluster.buses().all(|bus| bus.changing() == 0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_takes_over_under_load_and_nothing_is_lost_or_overtaken() {
    take_over_again_and_again(&Cluster::of_kind(PUBSUB, &["n1", "n2", "n3"]).await).await;
}

/// The two ways to a node lead over different servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_takes_over_on_a_redis_cluster() {
    take_over_again_and_again(&Cluster::on_a_redis_cluster(PUBSUB, &["n1", "n2", "n3"]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_dead_node_to_have_all_of_the_former_bus() {
    let mut cluster = Cluster::of_kind(PUBSUB, &["n1", "n2"]).await;
    let durable = cluster.at(1).durable("device");
    cluster.at(1).subscribe("orders/+", PLAIN, &durable).await;
    let mut publisher = cluster.at(0).publisher("one", "orders/1");
    publisher.publish_times(10).await;
    cluster.at(1).wait_for(10, &[&durable]).await;
    cluster.bus(0).set_canary(HYBRID, 100).await.expect("all follow");
    // Its lease has not run out yet: it is asked for an answer that will not come.
    cluster.kill(1);
    cluster.bus(0).promote_canary().await.expect("all that live follow");
    publisher.publish_times(10).await;
    until("nobody is waited for", || cluster.bus(0).changing() == 0).await;

    // What was acknowledged since is in its inbox.
    let tasks = Tasks::default();
    let redis = redis(&cluster.redis.url(), &cluster.name, &tasks).await;
    let bus = Arc::new(DistributedBus::join(settings(PUBSUB, "n2"), redis, &tasks).await.expect("it joins"));
    let shared: Arc<dyn EventBus> = Arc::new(bus.clone());
    let harness = Harness::new(&move || shared.clone());
    let back = harness.durable("device");
    harness.subscribe("orders/+", PLAIN, &back).await;
    bus.receive(Arc::new(Taken), &[]).await.expect("it receives");
    harness.wait_for(10, &[&back]).await;
    assert_eq!(harness.numbers(&back), Vec::from_iter(10..20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_that_redis_did_not_answer_leaves_all_nodes_of_one_mind() {
    let mut cluster = Cluster::of_kind(PUBSUB, &["n1", "n2"]).await;
    let there = cluster.at(1).subscriber("a").await;
    let mut publisher = cluster.at(0).publisher("one", "a");
    for round in 0..4 {
        let kind = if cluster.bus(0).kind() == HYBRID { STREAMS } else { HYBRID };
        cluster.bus(0).set_canary(kind, 100).await.expect("all follow");
        publisher.publish_times(20).await;
        // Under way when Redis dies: nobody can say whether it was decided.
        let asked = cluster.bus(0).clone();
        let (answer, ()) = tokio::join!(async move { asked.promote_canary().await }, async {
            cluster.redis.kill();
            cluster.redis.restart();
        });
        until("both are members", || cluster.buses().all(|bus| bus.is_connected())).await;
        until("both are of one mind", || cluster.bus(0).decision() == cluster.bus(1).decision()).await;
        let decided = cluster.bus(0).decision();
        if answer.is_ok() {
            assert_eq!((decided.kind, decided.canary), (kind, None), "round {round}");
        } else if decided.canary.is_some() {
            cluster.bus(1).promote_canary().await.expect("now it can be decided");
        }
        publisher.publish_times(20).await;
        let wanted = (round + 1) * 40;
        cluster.at(1).wait_until(|| cluster.at(1).numbers(&there).len() >= wanted, || format!("{wanted} events")).await;
    }
    assert_eq!(cluster.at(1).numbers(&there), Vec::from_iter(0..160));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quality_of_service_0_changes_over_in_order_as_well() {
    let cluster = Cluster::of_kind(HYBRID, &["n1", "n2"]).await;
    let there = cluster.at(1).subscriber("load/+").await;
    let load = Load::at(flux_core::types::QoS::AtMostOnce, &cluster, 0);
    for kind in [STREAMS, PUBSUB, STREAMS] {
        load.pass(500).await;
        cluster.bus(0).set_canary(kind, 50).await.expect("all follow");
        load.pass(500).await;
        cluster.bus(0).promote_canary().await.expect("all follow");
    }
    load.pass(500).await;
    let published = load.stop().await;
    has_all_in_order(cluster.at(1), &there, &published).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_is_aborted_under_load_and_nothing_is_lost() {
    let cluster = Cluster::of_kind(STREAMS, &["n1", "n2"]).await;
    let there = cluster.at(1).subscriber("load/+").await;
    let load = Load::start(&cluster, 0);
    for _ in 0..5 {
        cluster.bus(1).set_canary(PUBSUB, 100).await.expect("all follow");
        load.pass(500).await;
        let decided = cluster.bus(0).abort_canary().await.expect("all follow");
        assert_eq!((decided.kind, decided.canary, cluster.bus(1).canary()), (STREAMS, None, None));
        load.pass(500).await;
    }
    let published = load.stop().await;
    has_all_in_order(cluster.at(1), &there, &published).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bus_loses_is_seen_before_it_is_relied_on() {
    let cluster = Cluster::of_kind(STREAMS, &["n1", "n2"]).await;
    let there = cluster.at(1).subscriber("load/+").await;
    cluster.bus(0).set_canary(PUBSUB, 100).await.expect("all follow");
    let load = Load::start(&cluster, 0);
    let missing = || cluster.bus(0).canary().expect("there is a canary").0.candidate.missing;
    // What is published while a node connects anew is lost by Pub/Sub.
    while missing() == 0 {
        cluster.redis.cli(&["client", "kill", "type", "pubsub"]);
        load.pass(500).await;
    }
    let published = load.stop().await;
    has_all_in_order(cluster.at(1), &there, &published).await;
    let (counted, _) = cluster.bus(0).canary().expect("there is a canary");
    assert_eq!(counted.current.missing, 0, "{counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_later_follows_whatever_its_configuration_says() {
    let mut cluster = Cluster::of_kind(PUBSUB, &["n1", "n2"]).await;
    let decided = cluster.bus(0).set_canary(HYBRID, 40).await.expect("all follow");
    let third = cluster.start(DistributedSettings { canary: Some((HYBRID, 90)), ..settings(STREAMS, "n3") }).await;
    assert_eq!(cluster.bus(third).decision(), decided);
    cluster.all_meet().await;
    cluster.bus(third).promote_canary().await.expect("all follow");
    assert!(cluster.buses().all(|bus| bus.kind() == HYBRID));
    // Back with what its command line has always said.
    cluster.kill(1);
    until("n2 is gone", || cluster.bus(0).peers().len() == 1).await;
    let again = cluster.start(settings(PUBSUB, "n2")).await;
    assert_eq!(cluster.bus(again).kind(), HYBRID);
    let there = cluster.at(again).subscriber("a").await;
    cluster.at(0).publisher("one", "a").publish_times(20).await;
    cluster.at(again).wait_for(20, &[&there]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_node_of_a_cluster_begins_with_the_configured_canary() {
    let mut cluster = Cluster::empty();
    let first = cluster.start(DistributedSettings { canary: Some((STREAMS, 10)), ..settings(HYBRID, "n1") }).await;
    assert_eq!(cluster.bus(first).decision(), Decision::first(HYBRID, Some((STREAMS, 10))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_decided_is_refused() {
    let cluster = Cluster::of_kind(HYBRID, &["n1", "n2"]).await;
    let bus = cluster.bus(0);
    let because = |problem: Undecidable| Err(SteerError::Undecidable(problem));
    assert_eq!(bus.promote_canary().await, because(Undecidable::NoCanary));
    assert_eq!(bus.abort_canary().await, because(Undecidable::NoCanary));
    assert_eq!(bus.set_canary(HYBRID, 5).await, because(Undecidable::SameKind(HYBRID)));
    assert_eq!(bus.set_canary(STREAMS, 101).await, because(Undecidable::Percent));
    assert!(cluster.buses().all(|bus| bus.decision() == Decision::first(HYBRID, None)));
    // At the same time at two nodes: one decides, the other hears of it.
    let (one, two) = tokio::join!(cluster.bus(0).set_canary(STREAMS, 5), cluster.bus(1).set_canary(PUBSUB, 5));
    let decided = [one.clone(), two.clone()].into_iter().flatten().max_by_key(|decision| decision.version).expect("one decides");
    until("both follow the last", || cluster.buses().all(|bus| bus.decision() == decided)).await;
    assert!(one.is_ok() != two.is_ok() || decided.version == 3, "{one:?} {two:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_has_forgotten_is_told_again() {
    let cluster = Cluster::of_kind(PUBSUB, &["n1", "n2"]).await;
    cluster.bus(0).set_canary(STREAMS, 100).await.expect("all follow");
    let decided = cluster.bus(0).promote_canary().await.expect("all follow");
    let key = format!("flux:{}:{{bus}}:decision", cluster.name);
    assert_eq!(cluster.redis.cli(&["hget", &key, "version"]), "3");
    // As after a failover to a replica that was behind.
    cluster.redis.cli(&["hset", &key, "version", "1", "decision", &Decision::first(PUBSUB, None).encode()]);
    until("it knows again", || cluster.redis.cli(&["hget", &key, "decision"]) == decided.encode()).await;
    assert!(cluster.buses().all(|bus| bus.decision() == decided));
}

/// A member that writes no decision into its heartbeat is of a version that drops no doubles.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_node_is_sent_no_doubles() {
    let mut cluster = Cluster::empty();
    let key = |name: &str| format!("flux:{}:{{bus}}:{name}", cluster.name);
    let redis = &cluster.redis;
    redis.cli(&["zadd", &key("leases"), "9999999999999", "old"]);
    redis.cli(&["hset", &key("members"), "old", r#"{"state":"ready","version":"0.0.9","http":"","applied":"0-0"}"#]);
    redis.cli(&["hset", &key("generations"), "old", "1", "/", "1"]);
    redis.cli(&["sadd", &key("nodes"), "old"]);
    redis.cli(&["sadd", &key("nodes:old"), "1"]);
    redis.cli(&["hset", &key("nodes:old:1:live"), "a", "qos1 live 1"]);
    let new = cluster.start(DistributedSettings { canary: Some((STREAMS, 100)), ..settings(PUBSUB, "new") }).await;
    until("they meet", || cluster.bus(new).peers().len() == 1).await;
    assert_eq!(cluster.bus(new).routes(&NodeId::new("old")).len(), 1);
    cluster.at(new).publisher("one", "a").publish_times(20).await;
    assert_eq!(cluster.bus(new).figures().messages_out.get(), 20);
    let (counted, _) = cluster.bus(new).canary().expect("there is a canary");
    assert_eq!((counted.current.sent, counted.candidate.sent, counted.alike), (0, 0, 0));
}
