//! Several servers and one Redis are one MQTT service: real processes, clients on different nodes.

use std::time::Duration;

use flux_core::testing::redis::{TestRedis, is_there};
use tempfile::TempDir;

use crate::serve::{Serve, fails};
use crate::wire::encode::Filter;
use crate::wire::{Client, Connect, Property, Publish};

struct Cluster {
    redis: TestRedis,
    nodes: Vec<Option<(TempDir, Serve)>>,
}

fn arguments<'a>(id: &'a str, url: &'a str, bus: &'a str) -> Vec<&'a str> {
    vec!["--node-id", id, "--cluster-name", "test", "--bus", bus, "--redis-url", url]
}

impl Cluster {
    fn of(count: usize, bus: &str) -> Cluster {
        let redis = TestRedis::start();
        let mut cluster = Cluster { redis, nodes: Vec::new() };
        for number in 0..count {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let server = cluster.serve(number, &folder, bus);
            cluster.nodes.push(Some((folder, server)));
        }
        cluster
    }

    fn serve(&self, number: usize, folder: &TempDir, bus: &str) -> Serve {
        Serve::with(folder.path(), &arguments(&format!("n{}", number + 1), &self.redis.url(), bus))
    }

    fn node(&self, number: usize) -> &Serve {
        &self.nodes[number].as_ref().expect("it runs").1
    }

    async fn client(&self, node: usize, connect: Connect) -> Client {
        Client::connect(self.node(node).mqtt(), connect).await
    }

    fn kill(&mut self, number: usize) -> TempDir {
        let (folder, server) = self.nodes[number].take().expect("it runs");
        server.kill();
        folder
    }

    fn restart(&mut self, number: usize, folder: TempDir) {
        let server = self.serve(number, &folder, "hybrid");
        self.nodes[number] = Some((folder, server));
    }
}

#[tokio::test]
async fn what_is_published_on_one_node_is_heard_on_another_over_every_bus() {
    if !is_there() {
        return;
    }
    for bus in ["pubsub", "streams", "hybrid"] {
        let cluster = Cluster::of(2, bus);
        let mut exact = cluster.client(1, Connect::v5("exact")).await;
        exact.subscribe("plant/1/temperature", 2).await;
        let mut wild = cluster.client(1, Connect::v311("wild")).await;
        wild.subscribe("plant/+/temperature", 1).await;
        let mut all = cluster.client(0, Connect::v5("all")).await;
        all.subscribe("#", 0).await;
        let mut publisher = cluster.client(0, Connect::v5("publisher")).await;
        for qos in [0, 1, 2] {
            let publish = Publish::new("plant/1/temperature", format!("{bus} {qos}")).qos(qos);
            publisher.publish(publish.property(Property::user("unit", "°C"))).await;
            for (client, granted) in [(&mut exact, 2), (&mut wild, 1), (&mut all, 0)] {
                let received = client.receive().await;
                assert_eq!((received.text(), received.qos), (&*format!("{bus} {qos}"), qos.min(granted)));
                if client.client_id != "wild" {
                    assert!(received.properties.contains(&Property::user("unit", "°C")));
                }
            }
        }
        for client in [&mut exact, &mut wild] {
            client.has_nothing_more().await;
        }
    }
}

#[tokio::test]
async fn nobody_hears_its_own_message_back_from_another_node() {
    if !is_there() {
        return;
    }
    let cluster = Cluster::of(2, "hybrid");
    let mut here = cluster.client(0, Connect::v5("here")).await;
    here.subscribe_with(&[Filter::new("room", 1).no_local()], &[]).await;
    let mut there = cluster.client(1, Connect::v5("there")).await;
    there.subscribe_with(&[Filter::new("room", 1).no_local()], &[]).await;
    here.publish(Publish::new("room", "from here").qos(1)).await;
    assert_eq!(there.receive().await.text(), "from here");
    there.publish(Publish::new("room", "from there").qos(1)).await;
    assert_eq!(here.receive().await.text(), "from there");
    here.has_nothing_more().await;
    there.has_nothing_more().await;
}

#[tokio::test]
async fn a_shared_subscription_spans_nodes_and_gives_each_message_once() {
    const MESSAGES: usize = 60;
    if !is_there() {
        return;
    }
    let cluster = Cluster::of(3, "hybrid");
    let mut members = Vec::new();
    for node in 0..3 {
        let mut member = cluster.client(node, Connect::v5(&format!("member-{node}"))).await;
        member.subscribe("$share/workers/jobs/#", 1).await;
        members.push(member);
    }
    let mut publisher = cluster.client(0, Connect::v5("publisher")).await;
    for number in 0..MESSAGES {
        publisher.publish(Publish::new("jobs/a", number.to_string()).qos(1)).await;
    }
    let mut numbers = Vec::new();
    for member in &mut members {
        let before = numbers.len();
        while let Some(Some(packet)) = member.next_within(Duration::from_millis(500)).await {
            if let crate::wire::Packet::Publish(publish) = packet {
                member.acknowledge(&publish).await;
                numbers.push(publish.text().parse::<usize>().expect("a number"));
            }
        }
        assert!(numbers.len() - before >= MESSAGES / 6, "{} works", member.client_id);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, Vec::from_iter(0..MESSAGES));
}

/// Two nodes, of which the second has been killed; `device` is a durable session of it that wants `orders/#`. And its folder.
async fn with_orders_for_a_dead_node() -> (Cluster, TempDir) {
    let mut cluster = Cluster::of(2, "hybrid");
    let mut device = cluster.client(1, Connect::v5("device").durable()).await;
    device.subscribe("orders/#", 1).await;
    device.disconnect().await;
    let folder = cluster.kill(1);
    (cluster, folder)
}

#[tokio::test]
async fn a_durable_session_gets_what_was_published_while_its_node_was_dead() {
    if !is_there() {
        return;
    }
    let (mut cluster, folder) = with_orders_for_a_dead_node().await;
    let mut publisher = cluster.client(0, Connect::v5("publisher")).await;
    for number in 0..50 {
        assert_eq!(publisher.publish(Publish::new("orders/1", number.to_string()).qos(1)).await, 0, "taken, and for somebody");
    }
    cluster.restart(1, folder);
    let mut device = cluster.client(1, Connect::v5("device").durable()).await;
    assert!(device.connack.session_present);
    for number in 0..50 {
        assert_eq!(device.receive().await.text(), number.to_string());
    }
}

#[tokio::test]
async fn a_publisher_that_comes_to_a_restarted_node_overtakes_nothing_of_its_own() {
    const BEFORE: usize = 2_000;
    if !is_there() {
        return;
    }
    let (mut cluster, folder) = with_orders_for_a_dead_node().await;
    let mut publisher = cluster.client(0, Connect::v5("publisher")).await;
    for number in 0..BEFORE {
        publisher.publish(Publish::new("orders/1", number.to_string()).qos(1)).await;
    }
    publisher.disconnect().await;
    cluster.restart(1, folder);
    let mut publisher = cluster.client(1, Connect::v5("publisher")).await;
    publisher.publish(Publish::new("orders/1", BEFORE.to_string()).qos(1)).await;
    let mut device = cluster.client(1, Connect::v5("device").durable()).await;
    for number in 0..=BEFORE {
        assert_eq!(device.receive().await.text(), number.to_string());
    }
}

#[tokio::test]
async fn what_is_retained_on_one_node_is_retained_on_all() {
    if !is_there() {
        return;
    }
    let mut cluster = Cluster::of(2, "hybrid");
    let mut publisher = cluster.client(0, Connect::v5("publisher")).await;
    for number in 0..20 {
        publisher.publish(Publish::new(&format!("state/{number}"), "old").qos(1).retain()).await;
        publisher.publish(Publish::new(&format!("state/{number}"), "new").qos(1).retain()).await;
    }
    publisher.publish(Publish::new("state/0", "").qos(1).retain()).await;
    let retained = async |cluster: &Cluster, node: usize, id: &str| {
        let mut late = cluster.client(node, Connect::v5(id)).await;
        late.subscribe("state/#", 1).await;
        let mut topics = Vec::new();
        for _ in 1..20 {
            let message = late.receive().await;
            assert_eq!((message.text(), message.retain), ("new", true));
            topics.push(message.topic);
        }
        late.has_nothing_more().await;
        topics.sort();
        topics.dedup();
        assert_eq!(topics.len(), 19, "on node {node}");
    };
    retained(&cluster, 1, "late").await;
    // A node that was away finds what has changed meanwhile, also what is gone.
    let folder = cluster.kill(1);
    publisher.publish(Publish::new("state/20", "new").qos(1).retain()).await;
    publisher.publish(Publish::new("state/1", "").qos(1).retain()).await;
    cluster.restart(1, folder);
    retained(&cluster, 1, "later").await;
}

/// Publisher and subscriber race on different nodes: live, retained or both, but never neither.
#[tokio::test]
async fn no_retained_message_is_lost_between_publish_and_subscribe() {
    if !is_there() {
        return;
    }
    let cluster = Cluster::of(2, "hybrid");
    let mut publisher = cluster.client(0, Connect::v5("publisher")).await;
    let mut subscriber = cluster.client(1, Connect::v5("subscriber")).await;
    for round in 0..50 {
        let topic = format!("race/{round}");
        let published = publisher.publish(Publish::new(&topic, "here").qos(1).retain());
        let subscribed = subscriber.subscribe(&topic, 1);
        tokio::join!(published, subscribed);
        // Both ways may have brought it: the second copy of an earlier round is none of this one.
        while subscriber.receive().await.topic != topic {}
        subscriber.unsubscribe(&[&topic]).await;
    }
}

#[tokio::test]
async fn a_client_has_one_connection_in_the_whole_cluster() {
    if !is_there() {
        return;
    }
    let cluster = Cluster::of(2, "hybrid");
    let mut first = cluster.client(0, Connect::v5("device")).await;
    let mut second = cluster.client(1, Connect::v5("device")).await;
    first.disconnected(0x8E).await;
    let mut third = cluster.client(0, Connect::v311("device")).await;
    second.disconnected(0x8E).await;
    third.ping().await;
}

#[tokio::test]
async fn a_will_is_heard_on_other_nodes() {
    if !is_there() {
        return;
    }
    let cluster = Cluster::of(2, "hybrid");
    let mut watcher = cluster.client(1, Connect::v5("watcher")).await;
    watcher.subscribe("status/+", 1).await;
    let dying = Connect::v5("device").will(Publish::new("status/device", "lost").qos(1));
    cluster.client(0, dying).await.vanish().await;
    assert_eq!(watcher.receive().await.text(), "lost");
}

/// Pub/Sub owes nobody anything, so nobody has to be told by the end of a connection that something is missing.
#[tokio::test]
async fn who_reads_slowly_misses_some_of_what_comes_by_pubsub_and_stays_connected() {
    const MESSAGES: usize = 500;
    if !is_there() {
        return;
    }
    let (redis, folders) = (TestRedis::start(), [0, 1].map(|_| tempfile::tempdir().expect("a temporary folder")));
    let url = redis.url();
    let start = |id: &str, folder: &TempDir| {
        let small = ["--set", "mqtt.mailbox_messages=64", "--set", "mqtt.max_inflight=16"];
        Serve::with(folder.path(), &[arguments(id, &url, "pubsub"), small.to_vec()].concat())
    };
    let (one, two) = (start("n1", &folders[0]), start("n2", &folders[1]));
    let mut slow = Client::connect(two.mqtt(), Connect::v5("slow")).await;
    slow.subscribe("flood", 1).await;
    let mut publisher = Client::connect(one.mqtt(), Connect::v5("publisher")).await;
    for number in 0..MESSAGES {
        publisher.publish(Publish::new("flood", number.to_string()).qos(1)).await;
    }
    let mut received = Vec::new();
    while let Some(Some(packet)) = slow.next_within(Duration::from_secs(1)).await {
        if let crate::wire::Packet::Publish(message) = packet {
            slow.acknowledge(&message).await;
            received.push(message.text().parse::<usize>().expect("a number"));
        }
    }
    assert!(!received.is_empty() && received.len() < MESSAGES && received.is_sorted(), "{received:?}");
    slow.ping().await;
}

#[test]
fn a_start_without_redis_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = fails(folder.path(), &arguments("n1", "redis://127.0.0.1:1", "hybrid"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    for wanted in ["this node cannot join its cluster", "redis://127.0.0.1:1", "hint: start Redis there"] {
        assert!(text.contains(wanted), "{wanted} is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}
