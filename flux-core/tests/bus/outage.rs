//! Redis restarted, frozen, emptied: what was taken for safe arrives, and what cannot be is refused.

use std::sync::Arc;
use std::time::Duration;

use flux_core::bus::conformance::harness::Harness;
use flux_core::bus::distributed::{DistributedBus, DistributedKind, DistributedSettings};
use flux_core::bus::{EventBus, Handover, Route};
use flux_core::testing::redis::TestRedis;
use flux_core::types::Refusal;

use crate::kit::{cluster_name, node, settings, until};

async fn pair(redis: &TestRedis, patience: Duration) -> [(Arc<DistributedBus>, Arc<Harness>); 2] {
    let name = cluster_name();
    let start = async |id: &str| {
        let settings = DistributedSettings { patience, ..settings(DistributedKind::Hybrid, id) };
        let bus = node(&redis.url(), &name, settings).await;
        let shared: Arc<dyn EventBus> = Arc::new(bus.clone());
        (bus, Harness::new(&move || shared.clone()))
    };
    let nodes = [start("n1").await, start("n2").await];
    until("they meet", || nodes.iter().all(|(bus, _)| bus.peers().len() == 1)).await;
    nodes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_taken_is_lost_when_redis_is_killed_and_comes_back() {
    let mut redis = TestRedis::start();
    let [(one, at_one), (two, at_two)] = pair(&redis, Duration::from_secs(30)).await;
    let there = at_two.subscriber("a").await;
    let mut publisher = at_one.publisher("one", "a");
    for round in 0..3 {
        publisher.publish_times(100).await;
        redis.kill();
        // Under way while Redis is dead: answered when it is back.
        let late: Vec<_> =
            (0..50).map(|_| one.publish(&publisher.event(), &mut Route::default(), &mut Handover::default())).collect();
        redis.restart();
        for receipt in late {
            assert_eq!(receipt.await, Ok(()), "round {round}");
        }
        let wanted = (round + 1) * 150;
        at_two.wait_until(|| at_two.numbers(&there).len() >= wanted, || format!("{wanted} events")).await;
    }
    assert_eq!(at_two.numbers(&there), Vec::from_iter(0..450), "each once and in order");
    until("both are members again", || one.is_connected() && two.is_connected()).await;
    let late = at_one.subscriber("b").await;
    at_two.publisher("two", "b").publish().await;
    at_one.wait_for(1, &[&late]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_node_serves_its_own_and_takes_nothing_for_safe() {
    let mut redis = TestRedis::start();
    let [(one, at_one), _two] = pair(&redis, Duration::from_secs(1)).await;
    let here = at_one.subscriber("a").await;
    redis.kill();
    until("the node knows that it is alone", || !one.is_connected()).await;
    let mut publisher = at_one.publisher("one", "a");
    let receipt = one.publish(&publisher.event(), &mut Route::default(), &mut Handover::default());
    assert_eq!(at_one.received(&[&here]).len(), 1, "its own subscribers have it at once");
    assert_eq!(receipt.await, Err(Refusal::Unreachable), "after a bounded wait");
    let subscribed = one.subscribe(
        &flux_core::bus::conformance::harness::parse("new"),
        flux_core::bus::conformance::harness::PLAIN,
        at_one.collector("late"),
    );
    assert_eq!(subscribed.await, Err(Refusal::Unreachable));

    redis.restart();
    until("it is a member again", || one.is_connected()).await;
    publisher.publish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_given_up_joins_again_with_all_its_routes() {
    let redis = TestRedis::start();
    let [(one, at_one), (two, at_two)] = pair(&redis, Duration::from_secs(30)).await;
    let there = at_two.subscriber("a/#").await;
    // As if nothing had ever been: leases, routes and inboxes are gone.
    redis.cli(&["flushall"]);
    until("both have joined again", || [&one, &two].iter().all(|bus| bus.figures().joins.get() == 2 && bus.is_connected())).await;
    until("n1 knows the route", || one.routes(two.node()).len() == 1).await;
    at_one.publisher("one", "a/b").publish_times(10).await;
    at_two.wait_for(10, &[&there]).await;
    assert_eq!(at_two.numbers(&there), Vec::from_iter(0..10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_for_longer_than_a_lease_kills_nobody() {
    let redis = TestRedis::start();
    let [(one, at_one), (two, at_two)] = pair(&redis, Duration::from_secs(30)).await;
    let there = at_two.subscriber("a").await;
    let mut publisher = at_one.publisher("one", "a");
    publisher.publish().await;
    redis.freeze();
    until("both leases have run out", || !one.is_connected() && !two.is_connected()).await;
    let late = one.publish(&publisher.event(), &mut Route::default(), &mut Handover::default());
    redis.thaw();
    assert_eq!(late.await, Ok(()));
    at_two.wait_for(2, &[&there]).await;
    assert_eq!(at_two.numbers(&there), [0, 1]);
    assert_eq!((one.figures().joins.get(), two.figures().joins.get()), (1, 1), "nobody was given up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_away_for_longer_than_a_lease_kills_nobody() {
    let mut redis = TestRedis::start();
    let [(one, at_one), (two, at_two)] = pair(&redis, Duration::from_secs(30)).await;
    let there = at_two.subscriber("a").await;
    let mut publisher = at_one.publisher("one", "a");
    publisher.publish().await;
    redis.kill();
    // Long enough that each tries to connect only now and then.
    until("both have missed heartbeats", || [&one, &two].iter().all(|bus| bus.figures().heartbeats_missed.get() >= 2)).await;
    let late = one.publish(&publisher.event(), &mut Route::default(), &mut Handover::default());
    redis.restart();
    assert_eq!(late.await, Ok(()));
    at_two.wait_for(2, &[&there]).await;
    assert_eq!(at_two.numbers(&there), [0, 1]);
    until("both are members again", || one.is_connected() && two.is_connected()).await;
    assert_eq!((one.figures().joins.get(), two.figures().joins.get()), (1, 1), "nobody was given up");
}
