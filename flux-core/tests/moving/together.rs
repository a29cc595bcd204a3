//! Two nodes die at the same moment, or one while it takes over what another has left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::kit::{Cluster, all_that_waits, number, until};
use crate::wire::{Client, Connect, Packet, Publish, Version};

/// Between two messages of one publisher: this is about what is lost, not about how much can be carried.
const PACE: Duration = Duration::from_millis(10);

/// A publisher that counts what was acknowledged: that alone is owed.
#[derive(Clone, Default)]
struct Talker {
    acknowledged: Arc<AtomicU32>,
    enough: Arc<AtomicBool>,
}

impl Talker {
    /// Publishes one number after the other, until it has said enough or its node is gone.
    async fn talk(self, mut client: Client, topic: String) {
        while !self.enough.load(Ordering::Relaxed) {
            let next = self.acknowledged();
            let id = client.next_id();
            client.send_publish(&Publish::new(&topic, next.to_string()).qos(1).id(id)).await;
            match client.next().await {
                Some(Packet::PubAck(ack)) => assert!(ack.code < 0x80, "{next} to {topic} is taken"),
                None => return,
                other => panic!("PUBACK was expected, not {other:?}"),
            }
            self.acknowledged.store(next + 1, Ordering::Relaxed);
            tokio::time::sleep(PACE).await;
        }
    }

    fn acknowledged(&self) -> u32 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    async fn until_acknowledged(&self, count: u32) {
        let there = until(|| self.acknowledged() >= count).await;
        assert!(there, "{count} are acknowledged, not {}", self.acknowledged());
    }
}

/// Durable sessions at a node, whose clients are not connected any more.
async fn settle(cluster: &Cluster, index: usize, clients: &[String], filter: &'static str) {
    let mut coming = JoinSet::new();
    for client in clients {
        let (address, connect) = (cluster.address(index), Connect::v5(client).durable());
        coming.spawn(async move { Client::connect(address, connect).await.subscribe(filter, 1).await });
    }
    coming.join_all().await;
}

fn names(kind: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{kind}-{index}")).collect()
}

/// The session is at the node, with all that these publishers were told is safe, in their order.
async fn has_everything(cluster: &Cluster, index: usize, id: &str, talkers: &[Talker]) {
    let mut client = cluster.connect(index, Connect::v5(id).durable()).await;
    assert!(client.connack.session_present, "{id}");
    let all = all_that_waits(&mut client).await;
    for (place, talker) in talkers.iter().enumerate() {
        let topic = format!("a/{place}");
        let mut got = BTreeSet::new();
        for message in all.iter().filter(|publish| publish.topic == topic).map(number) {
            let newest = got.last().copied();
            assert!(!got.insert(message) || newest < Some(message), "{id}: {message} of {topic} came behind {newest:?}");
        }
        let missing: Vec<u32> = (0..talker.acknowledged()).filter(|message| !got.contains(message)).collect();
        assert!(missing.is_empty(), "{id}: of {} of {topic} these are missing: {missing:?}", talker.acknowledged());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_third_node_takes_over_everything_of_two_that_are_killed_at_the_same_moment() {
    let mut cluster = Cluster::of(3).await;
    let (first, second, movers) = (names("first", 15), names("second", 15), names("mover", 30));
    settle(&cluster, 0, &first, "a/+").await;
    settle(&cluster, 1, &second, "a/+").await;
    settle(&cluster, 0, &movers[..15], "a/+").await;
    settle(&cluster, 1, &movers[15..], "a/+").await;
    let talkers: [Talker; 3] = Default::default();
    let mut talking = JoinSet::new();
    for (index, talker) in talkers.iter().enumerate() {
        let client = cluster.connect(index, Connect::v5(&format!("talker-{index}"))).await;
        talking.spawn(talker.clone().talk(client, format!("a/{index}")));
    }
    for talker in &talkers {
        talker.until_acknowledged(10).await;
    }

    // Half of the movers go from the first to the second, the others the opposite way. How far each gets is left to chance.
    let mut under_way = Vec::new();
    for (place, id) in movers.iter().enumerate() {
        let address = cluster.address(usize::from(place < 15));
        let mut client = Client::try_open(address, Version::V5).await.expect("it listens");
        client.send(Connect::v5(id).durable().encode()).await;
        under_way.push(client);
    }
    let moved = until(|| cluster.kept(&movers[..15]).iter().any(|kept| kept.node == "n2")).await;
    assert!(moved, "they move");
    cluster.kill(0);
    cluster.kill(1);
    drop(under_way);

    let before = talkers[2].acknowledged();
    talkers[2].until_acknowledged(before + 10).await;
    for node in ["n1", "n2"] {
        cluster.until_forgotten(node).await;
    }
    talkers.iter().for_each(|talker| talker.enough.store(true, Ordering::Relaxed));
    talking.join_all().await;
    for id in first.iter().chain(&second).chain(&movers) {
        has_everything(&cluster, 2, id, &talkers).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_while_it_takes_over_from_another_leaves_nothing_behind() {
    let mut cluster = Cluster::of(3).await;
    // The others make it take a while.
    let (sessions, others) = (names("session", 30), names("other", 500));
    settle(&cluster, 0, &sessions, "a/+").await;
    settle(&cluster, 0, &others, "b").await;
    let all = [sessions.clone(), others].concat();
    let talker = Talker::default();
    let client = cluster.connect(2, Connect::v5("talker")).await;
    let mut talking = JoinSet::new();
    talking.spawn(talker.clone().talk(client, "a/0".to_owned()));
    talker.until_acknowledged(5).await;
    cluster.kill(0);
    let taken = until(|| {
        let kept = cluster.kept(&all);
        // The third may have been so quick that nothing is left for the second.
        kept.iter().any(|kept| kept.node == "n2") || kept.iter().all(|kept| kept.node == "n3")
    });
    assert!(taken.await, "the others take over");
    cluster.kill(1);
    let before = talker.acknowledged();
    talker.until_acknowledged(before + 5).await;
    for node in ["n1", "n2"] {
        cluster.until_forgotten(node).await;
    }
    talker.enough.store(true, Ordering::Relaxed);
    talking.join_all().await;
    let elsewhere: Vec<_> = cluster.kept(&all).into_iter().filter(|kept| kept.node != "n3").collect();
    assert_eq!(elsewhere, [], "the third has all");
    for id in &sessions {
        has_everything(&cluster, 2, id, std::slice::from_ref(&talker)).await;
    }
}

/// As it is when Redis has done what a survivor asked for and could not tell it so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_taken_over_also_if_the_first_attempt_got_no_answer() {
    let mut cluster = Cluster::of(2).await;
    let clients = names("session", 1);
    settle(&cluster, 0, &clients, "a/+").await;
    let talker = Talker::default();
    let client = cluster.connect(1, Connect::v5("talker")).await;
    let mut talking = JoinSet::new();
    talking.spawn(talker.clone().talk(client, "a/0".to_owned()));
    talker.until_acknowledged(5).await;
    cluster.kill(0);
    let key = format!("flux:moving:{{{}}}:session", clients[0]);
    cluster.redis.cli(&["SADD", "flux:moving:{node:n2}:clients", &clients[0]]);
    cluster.redis.cli(&["HSET", &key, "o", "n2", "p", "9000000000000", "s", "n1"]);
    cluster.until_forgotten("n1").await;
    talker.enough.store(true, Ordering::Relaxed);
    talking.join_all().await;
    has_everything(&cluster, 1, &clients[0], std::slice::from_ref(&talker)).await;
}
