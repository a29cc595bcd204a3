//! What several nodes do together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flux_core::bus::conformance::harness::{Collector, Harness, PLAIN, parse};
use flux_core::bus::distributed::{DistributedBus, DistributedKind, DistributedSettings, Peer};
use flux_core::bus::{Delivered, EventBus, Handover, Route};
use flux_core::types::{ClientId, NodeId, QoS, Refusal};

use crate::cluster::Cluster;
use crate::kit::{PATIENCE, settings, until};

const HYBRID: DistributedKind = DistributedKind::Hybrid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_reaches_the_nodes_that_want_it_and_no_others() {
    let cluster = Cluster::of(&["n1", "n2", "n3"]).await;
    let (here, there) = (cluster.at(0).subscriber("a/+").await, cluster.at(1).subscriber("a/#").await);
    let _elsewhere = cluster.at(2).subscriber("b").await;
    cluster.at(0).publisher("one", "a/b").publish_times(50).await;
    cluster.at(0).wait_for(50, &[&here]).await;
    cluster.at(1).wait_for(50, &[&there]).await;
    assert_eq!(cluster.at(0).numbers(&here), Vec::from_iter(0..50), "each once: nothing comes back");
    assert_eq!(cluster.at(1).numbers(&there), Vec::from_iter(0..50));
    let came = |index: usize| cluster.bus(index).figures().messages_in.get();
    assert_eq!((came(0), came(1), came(2)), (0, 50, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_stay_on_their_node_cost_redis_nothing() {
    let cluster = Cluster::of(&["n1", "n2"]).await;
    let here = cluster.at(0).subscriber("a").await;
    cluster.at(0).publisher("one", "a").publish_times(1_000).await;
    assert_eq!(cluster.at(0).received(&[&here]).len(), 1_000);
    assert_eq!(cluster.bus(0).figures().messages_out.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quality_of_service_decides_the_way() {
    let cluster = Cluster::of(&["n1", "n2"]).await;
    let there = cluster.at(1).subscriber("a").await;
    let mut publisher = cluster.at(0).publisher("one", "a");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.qos = qos;
        publisher.publish().await;
    }
    cluster.at(1).wait_for(3, &[&there]).await;
    let published = cluster.redis.cli(&["info", "commandstats"]);
    let calls = |command: &str| {
        let line = published.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:"))).unwrap_or_default();
        line.split(['=', ',']).nth(1).and_then(|calls| calls.parse::<u64>().ok()).unwrap_or_default()
    };
    assert_eq!(calls("xadd"), 2 + feed_entries(&cluster), "two in the inbox, the rest is the change feed");
    until("what was delivered has left the inbox", || inbox_entries(&cluster, "n2") == 0).await;
}

fn feed_entries(cluster: &Cluster) -> u64 {
    cluster.redis.cli(&["xlen", &format!("flux:{}:{{bus}}:feed", cluster.name)]).parse().expect("a number")
}

fn inbox_entries(cluster: &Cluster, node: &str) -> u64 {
    let lane = |lane: u64| cluster.redis.cli(&["xlen", &format!("flux:{}:{{{node}/{lane}}}:inbox", cluster.name)]);
    (0..4).map(|number| lane(number).parse::<u64>().expect("a number")).sum()
}

/// The whole point of the barrier: whoever has a SUBACK gets everything that is published from then on, wherever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_event_after_subscribing_is_never_lost() {
    let cluster = Cluster::of(&["n1", "n2", "n3"]).await;
    for round in 0..100 {
        let topic = format!("round/{round}");
        // The publisher has a route already, which says that nobody listens.
        let mut publisher = cluster.at(0).publisher("one", &topic);
        publisher.publish().await;
        let filter = if round % 2 == 0 { topic.clone() } else { format!("+/{round}") };
        let there = cluster.at(1 + round % 2).subscriber(&filter).await;
        publisher.publish().await;
        cluster
            .at(1 + round % 2)
            .wait_until(|| cluster.at(1 + round % 2).numbers(&there).contains(&1), || format!("the first event of round {round}"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_subscriptions_takes_a_few_round_trips() {
    let cluster = Cluster::of(&["n1", "n2"]).await;
    let before = feed_entries(&cluster);
    let subscriber = cluster.at(1).collector("storm");
    let receipts: Vec<_> = (0..10_000)
        .map(|device| cluster.bus(1).subscribe(&parse(&format!("device/{device}/+")), PLAIN, subscriber.clone()))
        .collect();
    for receipt in receipts {
        assert_eq!(receipt.await, Ok(()));
    }
    let told = feed_entries(&cluster) - before;
    assert!(told <= 50, "{told} changes for 10,000 subscriptions");
    assert_eq!(cluster.bus(0).routes(&NodeId::new("n2")).len(), 10_000);
    for device in [0, 4_711, 9_999] {
        cluster.at(0).publisher(&format!("device-{device}"), &format!("device/{device}/up")).publish().await;
    }
    cluster.at(1).wait_for(3, &[&subscriber]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_spans_nodes_and_each_event_has_one_member() {
    let cluster = Cluster::of(&["n1", "n2", "n3"]).await;
    let mut members: Vec<(usize, Arc<Collector>)> = Vec::new();
    for index in [0, 1, 1, 2] {
        members.push((index, cluster.at(index).subscriber("$share/workers/jobs/+").await));
    }
    let count = || members.iter().map(|(index, member)| cluster.at(*index).received(&[member]).len()).collect::<Vec<_>>();
    for publisher in 0..3 {
        cluster.at(publisher).publisher(&format!("publisher-{publisher}"), "jobs/a").publish_times(100).await;
    }
    until("all events have a member", || count().iter().sum::<usize>() >= 300).await;
    let counts = count();
    assert_eq!(counts.iter().sum::<usize>(), 300, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 30), "all work: {counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_take_a_groups_event_hands_it_on() {
    let cluster = Cluster::of(&["n1", "n2", "n3"]).await;
    let (full, willing) = (cluster.at(1).subscriber("$share/g/a").await, cluster.at(2).subscriber("$share/g/a").await);
    full.answer(Delivered::Refused(Refusal::QueueFull));
    cluster.at(0).publisher("one", "a").publish_times(40).await;
    cluster.at(2).wait_for(40, &[&willing]).await;
    assert!(cluster.bus(1).figures().handed_on.get() > 0);
}

/// As on one node: who is owed an event and has no room for it refuses it, and all others get it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_publishes_for_a_full_queue_on_another_node_is_refused() {
    let cluster = Cluster::of(&["n1", "n2"]).await;
    let (full, other) = (cluster.at(1).durable("full"), cluster.at(1).subscriber("a").await);
    full.be_full(true);
    cluster.at(1).subscribe("a", PLAIN, &full).await;
    full.answer(Delivered::Refused(Refusal::QueueFull));
    let mut publisher = cluster.at(0).publisher("one", "a");
    assert!(!publisher.try_publish().await);
    cluster.at(1).wait_for(1, &[&other]).await;
    assert_eq!(cluster.bus(1).stats().dropped, 0, "its publisher knows");
    publisher.qos = QoS::AtMostOnce;
    assert!(publisher.try_publish().await, "no queue is full for QoS 0");

    full.be_full(false);
    full.answer(Delivered::Accepted);
    cluster.at(1).subscribe("a", PLAIN, &full).await;
    publisher.qos = QoS::AtLeastOnce;
    until("it has room, as far as the others know", || {
        cluster.bus(0).routes(&NodeId::new("n2")).iter().all(|(_, terms)| terms.full == 0)
    })
    .await;
    publisher.publish().await;
    cluster.at(1).wait_for(1, &[&full]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_passes_over_members_whose_queues_are_full() {
    let cluster = Cluster::of(&["n1", "n2", "n3"]).await;
    let (full, room) = (cluster.at(1).durable("full"), cluster.at(2).durable("room"));
    full.be_full(true);
    for (node, member) in [(1, &full), (2, &room)] {
        cluster.at(node).subscribe("$share/g/a", PLAIN, member).await;
    }
    let mut publisher = cluster.at(0).publisher("one", "a");
    publisher.publish_times(20).await;
    cluster.at(2).wait_for(20, &[&room]).await;
    room.be_full(true);
    cluster.at(2).subscribe("$share/g/a", PLAIN, &room).await;
    let full_there = |node: &str| cluster.bus(0).routes(&NodeId::new(node)).iter().all(|(_, terms)| terms.full == 1);
    until("both are full, as far as the others know", || full_there("n2") && full_there("n3")).await;
    assert!(!publisher.try_publish().await, "nobody can take it");
    assert_eq!(cluster.at(1).received(&[&full]).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_is_kept_while_routes_change() {
    let cluster = Cluster::of(&["n1", "n2"]).await;
    let there = cluster.at(1).subscriber("line").await;
    let stop = Arc::new(AtomicBool::new(false));
    let (bus, stopped) = (cluster.bus(1).clone(), stop.clone());
    let other = cluster.at(1).collector("other");
    let mut churn = tokio::task::JoinSet::new();
    churn.spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            bus.subscribe(&parse("other"), PLAIN, other.clone()).await.expect("it subscribes");
            bus.unsubscribe(&parse("other"), other.id);
            // A route that is known already is answered at once: nothing else here lets the thread's other tasks run.
            tokio::task::yield_now().await;
        }
    });
    // Not one after the other: hundreds are under way at a time.
    let mut publisher = cluster.at(0).publisher("one", "line");
    let (mut route, mut receipts) = (Route::default(), Vec::new());
    for _ in 0..5_000 {
        receipts.push(cluster.bus(0).publish(&publisher.event(), &mut route, &mut Handover::default()));
        if receipts.len() == 500 {
            for receipt in receipts.drain(..) {
                assert_eq!(receipt.await, Ok(()));
            }
        }
    }
    cluster.at(1).wait_for(5_000, &[&there]).await;
    stop.store(true, Ordering::Relaxed);
    churn.join_all().await;
    assert_eq!(cluster.at(1).numbers(&there), Vec::from_iter(0..5_000));
    let figures = cluster.bus(0).figures();
    assert!(figures.batches_out.get() < figures.messages_out.get() / 5, "events travel together");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_comes_from_another_node_does_not_overtake_what_it_has_published_there() {
    let mut cluster = Cluster::empty();
    for node in ["n1", "n2"] {
        cluster.start(DistributedSettings { grace: PATIENCE, ..settings(HYBRID, node) }).await;
    }
    cluster.all_meet().await;
    let (client, nobody) = (ClientId::new("one"), ClientId::new("never seen before"));
    // Holds up the inbox of n2 for as long as it has no room.
    let (busy, there) = (cluster.at(1).collector("busy"), cluster.at(1).subscriber("line").await);
    cluster.at(1).subscribe("line", PLAIN, &busy).await;
    busy.answer(Delivered::Pressed);
    busy.has_room(false);
    cluster.bus(0).client_connected(&client).1.await;
    let mut publisher = cluster.at(0).publisher("one", "line");
    publisher.publish().await;
    cluster.at(1).wait_for(1, &[&busy]).await;
    publisher.publish_times(9).await;

    let mut settled = Box::pin(cluster.bus(1).client_connected(&client).1);
    // Asked later, and nothing to wait for: Redis has answered both.
    cluster.bus(1).client_connected(&nobody).1.await;
    assert!(futures_util::poll!(&mut settled).is_pending(), "what it has published before is not delivered yet");
    busy.answer(Delivered::Accepted);
    busy.has_room(true);
    settled.await;
    assert_eq!(cluster.at(1).numbers(&there), Vec::from_iter(0..10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_is_noticed_and_leaves_no_route() {
    let mut cluster = Cluster::of(&["n1", "n2", "n3"]).await;
    let _there = cluster.at(1).subscriber("a").await;
    let n2 = NodeId::new("n2");
    assert_eq!(cluster.bus(0).routes(&n2).len(), 1);
    cluster.kill(1);
    until("n2 is gone", || cluster.bus(0).peers().len() == 1 && cluster.bus(1).peers().len() == 1).await;
    until("its routes are gone", || cluster.bus(0).routes(&n2).is_empty()).await;
    // Nobody waits for the dead: subscribing goes on.
    let _late = cluster.at(1).subscriber("b").await;
    let sent = cluster.bus(0).figures().messages_out.get();
    cluster.at(0).publisher("one", "a").publish().await;
    assert_eq!(cluster.bus(0).figures().messages_out.get(), sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_returns_finds_what_it_was_sent_meanwhile() {
    let mut cluster = Cluster::of(&["n1", "n2"]).await;
    let durable = cluster.at(1).durable("device");
    cluster.at(1).subscribe("orders/#", PLAIN, &durable).await;
    let _live = cluster.at(1).subscriber("orders/live").await;
    cluster.kill(1);
    let n2 = NodeId::new("n2");
    until("only the durable route is left", || cluster.bus(0).routes(&n2).len() == 1 && cluster.bus(0).peers().is_empty()).await;
    cluster.at(0).publisher("one", "orders/1").publish_times(20).await;
    assert!(inbox_entries(&cluster, "n2") > 0);

    // Back with its durable session, which subscribes before anything is received.
    let tasks = flux_core::lifecycle::Tasks::default();
    let redis = crate::kit::redis(&cluster.redis.url(), &cluster.name, &tasks).await;
    let bus = DistributedBus::join(settings(HYBRID, "n2"), redis, &tasks).await.expect("it joins");
    let bus: Arc<DistributedBus> = Arc::new(bus);
    let shared: Arc<dyn EventBus> = Arc::new(bus.clone());
    let harness = Harness::new(&move || shared.clone());
    let back = harness.durable("device");
    harness.subscribe("orders/+", PLAIN, &back).await;
    bus.receive(Arc::new(crate::kit::Taken), &[]).await.expect("it receives");
    harness.wait_for(20, &[&back]).await;
    assert_eq!(harness.numbers(&back), Vec::from_iter(0..20));
    until("the inbox is empty", || inbox_entries(&cluster, "n2") == 0).await;
    until("what the former life has left is void", || {
        let routes = cluster.bus(0).routes(&n2);
        routes.len() == 1 && routes[0].0 == parse("orders/+")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_leaves_is_gone_at_once() {
    let cluster = Cluster::of(&["n1", "n2"]).await;
    let _there = cluster.at(1).subscriber("a").await;
    cluster.bus(1).leave(Duration::from_secs(5)).await;
    let of = |peers: Vec<Peer>| peers.len();
    until("n2 is gone", || of(cluster.bus(0).peers()) == 0 && cluster.bus(0).routes(&NodeId::new("n2")).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_of_one_name_cannot_both_be_members() {
    let cluster = Cluster::of(&["n1"]).await;
    let tasks = flux_core::lifecycle::Tasks::default();
    let redis = crate::kit::redis(&cluster.redis.url(), &cluster.name, &tasks).await;
    let refused = DistributedBus::join(settings(HYBRID, "n1"), redis, &tasks).await.err().expect("the name is taken");
    assert!(refused.to_string().contains("another node of this cluster is called n1"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_payloads_travel_whatever_their_quality_of_service() {
    let cluster = Cluster::of(&["n1", "n2"]).await;
    let there = cluster.at(1).subscriber("a").await;
    let mut publisher = cluster.at(0).publisher("one", "a");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        publisher.qos = qos;
        let event = Arc::unwrap_or_clone(publisher.event());
        let event = Arc::new(flux_core::types::Event { payload: vec![7; 40 * 1024 * 1024].into(), ..event });
        let receipt = cluster.bus(0).publish(&event, &mut Route::default(), &mut Handover::default());
        assert_eq!(receipt.await, Ok(()));
    }
    until("both have come", || cluster.at(1).received(&[&there]).len() == 2).await;
    assert!(cluster.at(1).received(&[&there]).iter().all(|delivery| delivery.event.payload.len() == 40 * 1024 * 1024));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_counts_what_its_subscribers_get_from_others() {
    let cluster = Cluster::of(&["n1", "n2"]).await;
    let there = cluster.at(1).subscriber("a").await;
    cluster.at(0).publisher("one", "a").publish_times(3).await;
    cluster.at(1).wait_for(3, &[&there]).await;
    until("they are counted", || cluster.bus(1).stats().delivered == 3).await;
    assert_eq!(cluster.bus(0).stats().delivered, 0, "nobody had them there");
}
