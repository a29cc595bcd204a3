//! A cluster of processes changes its bus while devices publish: nothing that was acknowledged is lost, doubled or overtaken.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use flux_core::api::SetBusCanary;
use flux_core::client::Client as Api;
use flux_core::testing::redis::{TestRedis, is_there};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::serve::Serve;
use crate::wire::{Client, Connect, Publish};

const PUBLISHERS: usize = 8;
/// Messages of one publisher under way at a time.
const WINDOW: u64 = 16;
/// The last message of each publisher.
const END: &str = "end";
/// Nothing here takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// At QoS 1, until told to stop. How many messages, the last one included: all are acknowledged.
async fn publish(server: SocketAddr, number: usize, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicU64>) -> (String, u64) {
    let mut client = Client::connect(server, Connect::v5(&format!("publisher-{number}"))).await;
    let topic = format!("load/{number}");
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        for message in sent..sent + WINDOW {
            let id = client.next_id();
            client.send_publish(&Publish::new(&topic, message.to_string()).qos(1).id(id)).await;
        }
        for _ in 0..WINDOW {
            assert!(client.puback().await.code < 0x80, "{topic} is not refused");
        }
        sent += WINDOW;
        acknowledged.fetch_add(WINDOW, Ordering::Relaxed);
    }
    assert!(client.publish(Publish::new(&topic, END).qos(1)).await < 0x80);
    (topic, sent + 1)
}

/// What has come on each topic, until the last message of every publisher has.
async fn receive(mut client: Client) -> BTreeMap<String, Vec<String>> {
    let mut came: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut ended = 0;
    while ended < PUBLISHERS {
        let message = client.receive().await;
        ended += usize::from(message.text() == END);
        came.entry(message.topic.clone()).or_default().push(message.text().to_owned());
    }
    client.has_nothing_more().await;
    came
}

struct Cluster {
    nodes: Vec<(TempDir, Serve)>,
    _redis: TestRedis,
}

impl Cluster {
    fn of_three(bus: &str) -> Self {
        let redis = TestRedis::start();
        let start = |number| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (id, url) = (format!("n{number}"), redis.url());
            let flags = ["--node-id", &id, "--bus", bus, "--redis-url", &url];
            // All that comes while a subscriber is away has room, however fast the machine.
            let room = ["--set", "mqtt.queue_messages=10000000", "--set", "mqtt.queue_bytes=4GiB"];
            let server = Serve::with(folder.path(), &[&flags[..], &room].concat());
            (folder, server)
        };
        Cluster { nodes: (1..=3).map(start).collect(), _redis: redis }
    }

    fn mqtt(&self, node: usize) -> SocketAddr {
        self.nodes[node].1.mqtt()
    }

    fn api(&self, node: usize) -> Api {
        let url = format!("http://{}", self.nodes[node].1.address("HTTP API"));
        Api::new(&url, None, PATIENCE).expect("an address")
    }

    async fn kinds(&self) -> Vec<String> {
        let mut kinds = Vec::new();
        for node in 0..self.nodes.len() {
            kinds.push(self.api(node).bus().await.expect("it answers").kind);
        }
        kinds
    }
}

async fn pass(acknowledged: &AtomicU64, messages: u64) {
    let wanted = acknowledged.load(Ordering::Relaxed) + messages;
    let passed = async {
        while acknowledged.load(Ordering::Relaxed) < wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, passed).await.expect("messages are acknowledged all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_moves_from_pubsub_to_hybrid_and_on_while_devices_publish() {
    if !is_there() {
        return;
    }
    let cluster = Cluster::of_three("pubsub");
    let mut plain = Client::connect(cluster.mqtt(1), Connect::v5("plain")).await;
    plain.subscribe("load/+", 1).await;
    let mut durable = Client::connect(cluster.mqtt(2), Connect::v5("durable").durable()).await;
    durable.subscribe("load/#", 1).await;
    let mut away = Client::connect(cluster.mqtt(2), Connect::v311("away").durable()).await;
    away.subscribe("load/#", 1).await;
    away.disconnect().await;

    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut publishers = JoinSet::new();
    for number in 0..PUBLISHERS {
        // On two nodes, one of them that of the plain subscriber.
        publishers.spawn(publish(cluster.mqtt(number % 2), number, stop.clone(), acknowledged.clone()));
    }
    let mut subscribers = JoinSet::new();
    subscribers.spawn(async move { ("plain", receive(plain).await) });
    subscribers.spawn(async move { ("durable", receive(durable).await) });

    for (turn, kind) in ["hybrid", "streams", "hybrid"].into_iter().enumerate() {
        for percent in [5, 60, 100] {
            let wanted = SetBusCanary { kind: kind.to_owned(), percent };
            let canary = cluster.api(turn % 3).set_bus_canary(&wanted).await.expect("all follow");
            assert_eq!((canary.percent, canary.candidate.kind.as_str()), (percent, kind));
            pass(&acknowledged, 500).await;
        }
        let bus = cluster.api((turn + 1) % 3).promote_bus_canary().await.expect("all follow");
        assert_eq!(bus.kind, kind);
        assert_eq!(cluster.kinds().await, [kind; 3]);
        pass(&acknowledged, 500).await;
    }

    stop.store(true, Ordering::Relaxed);
    let published: BTreeMap<String, u64> = publishers.join_all().await.into_iter().collect();
    let mut all = subscribers.join_all().await;
    let back = Client::connect(cluster.mqtt(2), Connect::v311("away").durable()).await;
    all.push(("away", receive(back).await));
    for (name, came) in all {
        for (topic, count) in &published {
            let expected = (0..count - 1).map(|number| number.to_string()).chain([END.to_owned()]);
            let came = came.get(topic).map(Vec::as_slice).unwrap_or_default();
            let wrong = expected.zip(came).position(|(expected, came)| expected != *came);
            assert!(wrong.is_none() && came.len() as u64 == *count, "{name}, {topic}: {} of {count}, {wrong:?}", came.len());
        }
    }
}
