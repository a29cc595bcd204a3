//! Clients that move while a primary of a Redis Cluster dies and its replica takes over. What nobody could acknowledge meanwhile is sent
//! again, so a number may come twice; what was acknowledged is not lost.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::kit::{Cluster, LOOK, number};
use crate::wire::encode::PUBACK;
use crate::wire::{Client, Connect, Packet, Publish};

const PUBLISHERS: usize = 4;

/// Connects as often as it takes: while a primary is missing a node may refuse.
async fn insist(address: SocketAddr, connect: &Connect) -> Client {
    loop {
        let mut client = Client::open(address, connect.version).await;
        client.client_id.clone_from(&connect.client_id);
        client.send(connect.encode()).await;
        if let Some(Packet::ConnAck(connack)) = client.next().await
            && connack.code == 0
        {
            client.connack = connack;
            return client;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Publishes one number after the other, each until it is acknowledged, and says how many that were.
async fn publish(address: SocketAddr, index: usize, enough: Arc<AtomicBool>) -> u32 {
    let connect = Connect::v5(&format!("publisher-{index}"));
    let mut client = insist(address, &connect).await;
    let mut next = 0;
    while !enough.load(Ordering::Relaxed) {
        let id = client.next_id();
        client.send_publish(&Publish::new(&format!("hammer/{index}"), next.to_string()).qos(1).id(id)).await;
        match client.next().await {
            Some(Packet::PubAck(ack)) if ack.code < 0x80 => next += 1,
            Some(Packet::PubAck(_)) => tokio::time::sleep(LOOK).await,
            _ => client = insist(address, &connect).await,
        }
    }
    next
}

/// A client that goes from node to node and takes down what it gets.
struct Mover {
    client: Client,
    nodes: [SocketAddr; 2],
    at: usize,
    seen: Vec<BTreeSet<u32>>,
}

/// Messages that the mover takes between two moves.
const STAY: usize = 20;

/// How long it waits for them: while a primary is missing none may come.
const PATIENCE: Duration = Duration::from_millis(200);

/// How long nothing may come: longer than a move waits for what was sent before.
const LAST: Duration = Duration::from_secs(60);

fn mover() -> Connect {
    Connect::v5("mover").durable()
}

impl Mover {
    async fn connect(&mut self) {
        self.client = insist(self.nodes[self.at], &mover()).await;
        assert!(self.client.connack.session_present, "its session is there");
    }

    async fn go(&mut self) {
        self.at = 1 - self.at;
        self.connect().await;
    }

    async fn receive(&mut self) {
        match self.client.next_within(2 * LAST).await.flatten() {
            Some(Packet::Publish(publish)) => {
                let index: usize = publish.topic["hammer/".len()..].parse().expect("a publisher");
                self.seen[index].insert(number(&publish));
                self.client.send_ack(PUBACK, publish.id).await;
            }
            // Its node could not store something.
            None | Some(Packet::Disconnect(_)) => self.connect().await,
            other => panic!("a message was expected, not {other:?}"),
        }
    }

    async fn stay(&mut self) {
        for _ in 0..STAY {
            self.receive().await;
        }
    }

    /// Of each publisher, what was acknowledged and has not come.
    fn missing(&self, sent: &[u32]) -> Vec<Vec<u32>> {
        let missing = |(seen, sent): (&BTreeSet<u32>, &u32)| (0..*sent).filter(|message| !seen.contains(message)).collect();
        self.seen.iter().zip(sent).map(missing).collect()
    }
}

/// `key`: whose primary dies.
async fn moves_through_a_failover(key: &str) {
    let mut cluster = Cluster::on_a_redis_cluster(2).await;
    let nodes = [cluster.address(0), cluster.address(1)];
    let client = insist(nodes[0], &mover()).await;
    let mut mover = Mover { client, nodes, at: 0, seen: vec![BTreeSet::new(); PUBLISHERS] };
    mover.client.subscribe("hammer/+", 1).await;
    let enough = Arc::new(AtomicBool::new(false));
    let mut hammering = JoinSet::new();
    for index in 0..PUBLISHERS {
        let publishing = publish(nodes[index % 2], index, enough.clone());
        hammering.spawn(async move { (index, publishing.await) });
    }
    for _ in 0..4 {
        mover.stay().await;
        mover.go().await;
    }
    let dead = cluster.redis.kill_primary_of(key);
    let key = key.to_owned();
    let mut failover = JoinSet::new();
    failover.spawn_blocking(move || {
        cluster.redis.wait_for_failover(&key, dead);
        cluster
    });
    // On its way all the time.
    let cluster = loop {
        if let Some(cluster) = failover.try_join_next() {
            break cluster.expect("a replica takes over");
        }
        _ = tokio::time::timeout(PATIENCE, mover.stay()).await;
        mover.go().await;
    };
    for _ in 0..4 {
        mover.stay().await;
        mover.go().await;
    }
    enough.store(true, Ordering::Relaxed);
    let mut sent = hammering.join_all().await;
    sent.sort_unstable();
    let sent: Vec<u32> = sent.into_iter().map(|(_, sent)| sent).collect();
    while mover.missing(&sent).iter().any(|missing| !missing.is_empty()) {
        let received = tokio::time::timeout(LAST, mover.receive()).await;
        assert!(received.is_ok(), "of {sent:?} these are missing: {:?}", mover.missing(&sent));
    }
    drop(cluster);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_a_client_moves_and_the_primary_of_its_session_fails_over() {
    moves_through_a_failover("{mover}").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_a_client_moves_and_the_primary_of_the_cluster_fails_over() {
    moves_through_a_failover("{bus}").await;
}
