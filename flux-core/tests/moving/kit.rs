use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use flux_core::testing::TestNode;
use flux_core::testing::redis::{Cable, TestRedis};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::wire::encode::{PUBACK, PUBCOMP, PUBREC};
use crate::wire::{Client, Connect, Packet, Publish};

/// Nodes that share a Redis, each in a runtime of its own, so that it can be killed.
pub struct Cluster {
    pub redis: TestRedis,
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

impl Cluster {
    pub async fn of(count: usize) -> Self {
        Cluster { redis: TestRedis::start(), cable: None, keys: &[], nodes: Vec::new() }.with(count).await
    }

    /// The first of whose nodes can be cut off.
    pub async fn with_cable(count: usize, keys: &'static [(&'static str, &'static str)]) -> Self {
        let redis = TestRedis::start();
        let cable = Some(Cable::to(&redis).await);
        Cluster { redis, cable, keys, nodes: Vec::new() }.with(count).await
    }

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
        let url = cable.map_or_else(|| self.redis.url(), Cable::url);
        let (id, more) = (format!("n{}", index + 1), self.keys);
        let started = runtime.spawn(async move {
            let keys =
                [("node.id", id.as_str()), ("bus.kind", "hybrid"), ("redis.url", url.as_str()), ("cluster.name", "moving")];
            TestNode::with(&[&keys, more].concat()).await
        });
        (runtime, started)
    }

    pub fn address(&self, index: usize) -> SocketAddr {
        self.nodes[index].as_ref().expect("it runs").address
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

    /// Nothing leads to the node any more, and nobody is owed anything through it.
    pub async fn until_forgotten(&self, node: &str) {
        let key = "flux:moving:{bus}:nodes-shared";
        let forgotten = async {
            while self.redis.cli(&["SISMEMBER", key, node]).trim() != "0" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), forgotten).await.expect("it is forgotten in time");
    }

    pub async fn connect(&self, index: usize, connect: Connect) -> Client {
        Client::connect(self.address(index), connect).await
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub fn number(publish: &Publish) -> u32 {
    publish.text().parse().expect("a number")
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

/// Receives until it has each number below `count`, in order for the first time each.
pub async fn gets_all(client: &mut Client, count: u32) {
    let (mut receiver, mut seen) = (Receiver::default(), BTreeSet::new());
    while seen.len() < count as usize {
        let next = number(&receiver.receive(client).await);
        assert!(next <= seen.len() as u32, "{next} came before {}", seen.len());
        seen.insert(next);
    }
}
