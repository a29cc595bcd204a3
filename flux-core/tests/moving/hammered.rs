//! A client that goes back and forth between two nodes under load, on one Redis and on a Redis Cluster.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use crate::kit::{Cluster, Receiver, count_up, number};
use crate::wire::encode::{PUBACK, PUBCOMP, PUBREC};
use crate::wire::{Connect, Packet, Publish};

/// The order of each publisher, and no double, while its subscriber goes back and forth.
async fn hammered<R>(cluster: Cluster<R>, qos: u8, publishers: usize) {
    let mut client = cluster.connect(0, Connect::v5("mover").durable()).await;
    client.subscribe("hammer/+", qos).await;
    // They keep the topics on both nodes, so that what is for the mover is also on its way to where it is not.
    let mut others = Vec::new();
    for index in [0, 1] {
        let mut other = cluster.connect(index, Connect::v5(&format!("other-{index}")).durable()).await;
        other.subscribe("hammer/+", qos).await;
        others.push(other);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut hammering = JoinSet::new();
    let mut readers = JoinSet::new();
    for index in 0..publishers {
        let publisher = cluster.connect(index % 2, Connect::v5(&format!("publisher-{index}"))).await;
        let counting = count_up(publisher, format!("hammer/{index}"), qos, stop.clone());
        hammering.spawn(async move { (index, counting.await) });
    }
    for other in others {
        readers.spawn(async move {
            let mut other = other;
            while let Some(packet) = other.next().await {
                match packet {
                    Packet::Publish(publish) if publish.qos == 1 => other.send_ack(PUBACK, publish.id).await,
                    Packet::Publish(publish) => other.send_ack(PUBREC, publish.id).await,
                    Packet::PubRel(ack) => other.send_ack(PUBCOMP, ack.id).await,
                    _ => {}
                }
            }
        });
    }
    let mut receiver = Receiver::default();
    let mut got = vec![Vec::new(); publishers];
    let note = |got: &mut Vec<Vec<u32>>, publish: &Publish| {
        let index: usize = publish.topic["hammer/".len()..].parse().expect("a publisher");
        got[index].push(number(publish));
    };
    for round in 1..=10 {
        for _ in 0..20 {
            note(&mut got, &receiver.receive(&mut client).await);
        }
        if round % 2 == 0 {
            client.vanish().await;
        } else {
            // The connection is still open when the next one comes.
            drop(client);
        }
        client = cluster.connect(round % 2, Connect::v5("mover").durable()).await;
        assert!(client.connack.session_present, "round {round}");
    }
    stop.store(true, Ordering::Relaxed);
    let mut ended = hammering.join_all().await;
    ended.sort_unstable();
    let sent: Vec<u32> = ended.into_iter().map(|(_, sent)| sent).collect();
    let mut last = cluster.connect(0, Connect::v5("last")).await;
    last.publish(Publish::new("hammer/last", "end").qos(qos)).await;
    loop {
        let publish = receiver.receive(&mut client).await;
        if publish.topic != "hammer/last" {
            note(&mut got, &publish);
        } else if got_all(&got, &sent) {
            break;
        } else {
            last.publish(Publish::new("hammer/last", "end").qos(qos)).await;
        }
    }
    for (index, (got, sent)) in got.iter().zip(&sent).enumerate() {
        let mut seen = got.clone();
        if qos == 1 {
            // At least once: what was not acknowledged when the connection broke comes again.
            seen.dedup();
            seen.sort_unstable();
            seen.dedup();
        }
        assert_eq!(seen, Vec::from_iter(0..*sent), "publisher {index}");
    }
}

fn got_all(got: &[Vec<u32>], sent: &[u32]) -> bool {
    got.iter().zip(sent).all(|(got, sent)| {
        let got: BTreeSet<_> = got.iter().collect();
        got.len() == *sent as usize
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_arrives_at_least_once_while_the_client_moves() {
    hammered(Cluster::of(2).await, 1, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_arrives_exactly_once_and_in_order_while_the_client_moves() {
    hammered(Cluster::of(2).await, 2, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_arrives_at_least_once_while_the_client_moves_on_a_redis_cluster() {
    hammered(Cluster::on_a_redis_cluster(2).await, 1, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_arrives_exactly_once_and_in_order_while_the_client_moves_on_a_redis_cluster() {
    hammered(Cluster::on_a_redis_cluster(2).await, 2, 4).await;
}
