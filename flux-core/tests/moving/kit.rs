use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flux_core::testing::TestNode;
use flux_core::testing::redis::{Cable, TestCluster, TestRedis};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::wire::encode::{PUBACK, PUBCOMP, PUBREC};
use crate::wire::{Client, Connect, Packet, Publish};

/// Before another look at what is awaited.
pub const LOOK: Duration = Duration::from_millis(20);

/// Nodes that share a Redis, each in a runtime of its own, so that it can be killed.
pub struct Cluster<R = TestRedis> {
    pub redis: R,
    urls: String,
    /// Between the first node and Redis, where it has one of its own.
    cable: Option<Cable>,
    /// Of the configuration, beyond what a cluster needs.
    keys: &'static [(&'static str, &'static str)],
    nodes: Vec<Option<Apart>>,
}

struct Apart {
    runtime: Option<Runtime>,
    node: Option<TestNode>,
    address: SocketAddr,
}

/// Where a session is, as Redis has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub node: String,
    /// Messages in its queue.
    pub queued: usize,
}

impl Cluster {
    pub async fn of(count: usize) -> Self {
        let redis = TestRedis::start();
        Cluster { urls: redis.url(), redis, cable: None, keys: &[], nodes: Vec::new() }.with(count).await
    }

    /// The first of whose nodes can be cut off.
    pub async fn with_cable(count: usize, keys: &'static [(&'static str, &'static str)]) -> Self {
        let redis = TestRedis::start();
        let cable = Some(Cable::to(&redis).await);
        Cluster { urls: redis.url(), redis, cable, keys, nodes: Vec::new() }.with(count).await
    }

    /// Nothing leads to the node any more, and nobody is owed anything through it.
    pub async fn until_forgotten(&self, node: &str) {
        let forgotten = until(|| !self.remembers(node));
        assert!(forgotten.await, "{node} is forgotten in time");
    }

    /// All that others have sent to the node is stored: should it be killed now, nothing of that comes twice.
    pub async fn until_read(&self, node: &str) {
        let empty = |lane| self.redis.cli(&["XLEN", &format!("flux:moving:{{{node}/{lane}}}:inbox")]).trim() == "0";
        assert!(until(|| (0..4).all(empty)).await, "{node} reads what it is sent");
    }

    /// Whether somebody may be owed something through the node.
    pub fn remembers(&self, node: &str) -> bool {
        self.redis.cli(&["SISMEMBER", "flux:moving:{bus}:nodes-shared", node]).trim() != "0"
    }

    /// The sessions of these clients, in their order.
    pub fn kept(&self, clients: &[String]) -> Vec<Kept> {
        let script = "local kept = {} \
            for _, client in ipairs(ARGV) do \
                local of = 'flux:moving:{' .. client .. '}:' \
                kept[#kept + 1] = (redis.call('HGET', of .. 'session', 'o') or '-') .. ' ' .. redis.call('XLEN', of .. 'entries') \
            end \
            return kept";
        let words: Vec<&str> = ["EVAL", script, "0"].into_iter().chain(clients.iter().map(String::as_str)).collect();
        let kept = self.redis.cli(&words);
        let kept = kept.lines().filter_map(|line| line.split_once(' '));
        kept.map(|(node, queued)| Kept { node: node.to_owned(), queued: queued.parse().expect("a number") }).collect()
    }
}

impl Cluster<TestCluster> {
    pub async fn on_a_redis_cluster(count: usize) -> Self {
        let redis = TestCluster::start();
        Cluster { urls: redis.urls(), redis, cable: None, keys: &[], nodes: Vec::new() }.with(count).await
    }
}

impl<R> Cluster<R> {
    async fn with(mut self, count: usize) -> Self {
        self.nodes.extend((0..count).map(|_| None));
        for index in 0..count {
            self.start(index).await;
        }
        self
    }

    /// Of the first node.
    pub fn cable(&self) -> &Cable {
        self.cable.as_ref().expect("it has one of its own")
    }

    pub async fn start(&mut self, index: usize) {
        let (runtime, started) = self.launch(index);
        let node = started.await.expect("it starts");
        let address = node.mqtt_address();
        self.nodes[index] = Some(Apart { runtime: Some(runtime), node: Some(node), address });
    }

    /// Another process of the same name is refused.
    pub async fn cannot_start(&self, index: usize) {
        let (runtime, started) = self.launch(index);
        assert!(started.await.is_err(), "its name is taken");
        runtime.shutdown_background();
    }

    fn launch(&self, index: usize) -> (Runtime, JoinHandle<TestNode>) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts");
        let cable = self.cable.as_ref().filter(|_| index == 0);
        let urls = cable.map_or_else(|| self.urls.clone(), Cable::url);
        let (id, more) = (format!("n{}", index + 1), self.keys);
        let started = runtime.spawn(async move {
            let keys =
                [("node.id", id.as_str()), ("bus.kind", "hybrid"), ("redis.url", urls.as_str()), ("cluster.name", "moving")];
            TestNode::with(&[&keys, more].concat()).await
        });
        (runtime, started)
    }

    fn running(&self, index: usize) -> &Apart {
        self.nodes[index].as_ref().expect("it runs")
    }

    pub fn address(&self, index: usize) -> SocketAddr {
        self.running(index).address
    }

    /// As `kill -9`: its tasks end where they are, its sockets close, nobody is told.
    pub fn kill(&mut self, index: usize) {
        drop(self.nodes[index].take().expect("it runs"));
    }

    pub async fn stop(&mut self, index: usize) {
        let mut apart = self.nodes[index].take().expect("it runs");
        let mut node = apart.node.take().expect("it runs");
        let stopped = apart.runtime.as_ref().expect("it runs").spawn(async move { node.stop().await });
        stopped.await.expect("it stops");
    }

    pub async fn connect(&self, index: usize, connect: Connect) -> Client {
        Client::connect(self.address(index), connect).await
    }

    /// Where its HTTP API is.
    pub fn http(&self, index: usize) -> String {
        let url = self.running(index).node.as_ref().expect("it runs").http_url();
        url.trim_start_matches("http://").to_owned()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// `false`: not in time.
pub async fn until(mut yes: impl FnMut() -> bool) -> bool {
    let yes = async {
        while !yes() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), yes).await.is_ok()
}

pub fn number(publish: &Publish) -> u32 {
    publish.text().parse().expect("a number")
}

pub async fn publish(publisher: &mut Client, topic: &str, message: u32) {
    let code = publisher.publish(Publish::new(topic, message.to_string()).qos(1)).await;
    assert_eq!(code, 0, "{message} to {topic} is taken");
}

/// Publishes one number after the other, each once the one before was taken, and says how many.
pub async fn count_up(mut publisher: Client, topic: String, qos: u8, enough: Arc<AtomicBool>) -> u32 {
    let mut sent = 0;
    while !enough.load(Ordering::Relaxed) {
        let code = publisher.publish(Publish::new(&topic, sent.to_string()).qos(qos)).await;
        assert!(code < 0x80, "{sent} to {topic} is taken");
        sent += 1;
    }
    sent
}

/// Receives until it has each number below `count`, in order for the first time each.
pub async fn gets_all(client: &mut Client, count: u32) {
    let (mut receiver, mut seen) = (Receiver::default(), BTreeSet::new());
    while seen.len() < count as usize {
        let next = number(&receiver.receive(client).await);
        assert!(next <= seen.len() as u32, "{next} came before {}", seen.len());
        seen.insert(next);
    }
}

/// All that waits for the client: what it sends to itself now comes behind it.
pub async fn all_that_waits(client: &mut Client) -> Vec<Publish> {
    let marker = format!("marker/{}", client.client_id);
    client.subscribe(&marker, 1).await;
    client.publish(Publish::new(&marker, "marker").qos(1)).await;
    let mut all = Vec::new();
    loop {
        let next = client.receive().await;
        if next.topic == marker {
            return all;
        }
        all.push(next);
    }
}

/// A client's own half of QoS 2, which outlives its connections.
#[derive(Default)]
pub struct Receiver {
    unreleased: BTreeSet<u16>,
    ready: VecDeque<Publish>,
}

impl Receiver {
    /// The next message, each of QoS 2 once.
    pub async fn receive(&mut self, client: &mut Client) -> Publish {
        loop {
            if let Some(publish) = self.ready.pop_front() {
                return publish;
            }
            match client.packet().await {
                Packet::Publish(publish) if publish.qos == 1 => {
                    client.send_ack(PUBACK, publish.id).await;
                    self.ready.push_back(publish);
                }
                Packet::Publish(publish) => {
                    client.send_ack(PUBREC, publish.id).await;
                    if self.unreleased.insert(publish.id) {
                        self.ready.push_back(publish);
                    }
                }
                Packet::PubRel(ack) => {
                    client.send_ack(PUBCOMP, ack.id).await;
                    self.unreleased.remove(&ack.id);
                }
                other => panic!("a message was expected, not {other:?}"),
            }
        }
    }
}
