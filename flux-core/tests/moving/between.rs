//! Between two nodes that live.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use crate::kit::{Cluster, Receiver, number};
use crate::wire::encode::{PUBACK, PUBCOMP, PUBREC, PUBREL};
use crate::wire::{Connect, Packet, Publish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_client_that_moves_finds_its_queue_its_unacknowledged_message_and_its_subscriptions() {
    let cluster = Cluster::of(2).await;
    let mut client = cluster.connect(0, Connect::v5("mover").durable()).await;
    client.subscribe("a/#", 1).await;
    let mut publisher = cluster.connect(0, Connect::v5("publisher")).await;
    publisher.publish(Publish::new("a/b", "0").qos(1)).await;
    let unacknowledged = client.take().await;
    client.vanish().await;
    publisher.publish(Publish::new("a/b", "1").qos(1)).await;

    let mut client = cluster.connect(1, Connect::v5("mover").durable()).await;
    assert!(client.connack.session_present, "its session is there");
    let first = client.receive().await;
    assert_eq!((first.text(), first.dup, first.id), ("0", true, unacknowledged.id), "the same again");
    assert_eq!(client.receive().await.text(), "1", "what came while it was away");
    publisher.publish(Publish::new("a/b", "2").qos(1)).await;
    assert_eq!(client.receive().await.text(), "2", "from the node that it left");
    let mut there = cluster.connect(1, Connect::v5("there")).await;
    there.publish(Publish::new("a/b", "3").qos(1)).await;
    assert_eq!(client.receive().await.text(), "3", "from the node where it is");
    client.has_nothing_more().await;

    // And back, without anything new.
    client.disconnect().await;
    let mut client = cluster.connect(0, Connect::v5("mover").durable()).await;
    assert!(client.connack.session_present);
    publisher.publish(Publish::new("a/b", "4").qos(1)).await;
    assert_eq!(client.receive().await.text(), "4");
    client.has_nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_of_exactly_once_moves_in_both_directions() {
    let cluster = Cluster::of(2).await;
    let mut client = cluster.connect(0, Connect::v5("mover").durable()).await;
    client.subscribe("in", 2).await;
    let mut watcher = cluster.connect(1, Connect::v5("watcher").durable()).await;
    watcher.subscribe("out", 2).await;
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    publisher.publish(Publish::new("in", "received").qos(2)).await;
    publisher.publish(Publish::new("in", "sent").qos(2)).await;

    // To it: one whose PUBREC the server has, one that was only sent. From it: one that the server has and has not released.
    let (received, sent) = (client.take().await, client.take().await);
    client.send_ack(PUBREC, received.id).await;
    assert_eq!(client.pubrel().await.id, received.id);
    client.send_publish(&Publish::new("out", "once").qos(2).id(7)).await;
    assert_eq!(client.pubrec().await.code, 0);
    client.vanish().await;

    let mut client = cluster.connect(1, Connect::v5("mover").durable()).await;
    client.send_publish(&Publish::new("out", "once").qos(2).id(7).dup()).await;
    let mut released = false;
    let mut again = None;
    let mut completed = false;
    while !(released && again.is_some() && completed) {
        match client.packet().await {
            Packet::PubRel(ack) if ack.id == received.id => released = true,
            Packet::Publish(publish) => again = Some(publish),
            // Known, and not published again.
            Packet::PubRec(ack) if ack.id == 7 => client.send_ack(PUBREL, 7).await,
            Packet::PubComp(ack) if ack.id == 7 => completed = true,
            other => panic!("{other:?}"),
        }
    }
    client.send_ack(PUBCOMP, received.id).await;
    let again = again.expect("it came");
    assert_eq!((again.text(), again.dup, again.id), ("sent", true, sent.id));
    client.acknowledge(&again).await;
    client.has_nothing_more().await;
    assert_eq!(watcher.receive().await.text(), "once");
    watcher.has_nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_connection_hears_that_the_session_was_taken_over() {
    let cluster = Cluster::of(2).await;
    let mut before = cluster.connect(0, Connect::v5("mover").durable()).await;
    before.subscribe("a", 1).await;
    let mut after = cluster.connect(1, Connect::v5("mover").durable()).await;
    assert!(after.connack.session_present);
    before.disconnected(0x8E).await;
    let mut publisher = cluster.connect(0, Connect::v5("publisher")).await;
    publisher.publish(Publish::new("a", "here").qos(1)).await;
    assert_eq!(after.receive().await.text(), "here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_start_elsewhere_ends_the_session() {
    let cluster = Cluster::of(2).await;
    let mut client = cluster.connect(0, Connect::v5("mover").durable()).await;
    client.subscribe("a", 1).await;
    client.disconnect().await;
    let mut publisher = cluster.connect(0, Connect::v5("publisher")).await;
    publisher.publish(Publish::new("a", "old").qos(1)).await;

    let mut client = cluster.connect(1, Connect::v5("mover")).await;
    assert!(!client.connack.session_present);
    publisher.publish(Publish::new("a", "nobody's").qos(1)).await;
    client.has_nothing_more().await;
    client.disconnect().await;
    for index in [0, 1] {
        let client = cluster.connect(index, Connect::v5("mover").durable()).await;
        assert!(!client.connack.session_present || index == 1, "nothing came back at node {index}");
    }
}

/// The order of each publisher, and no double, while its subscriber goes back and forth.
async fn hammered(qos: u8, publishers: usize) {
    let cluster = Cluster::of(2).await;
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
        let mut publisher = cluster.connect(index % 2, Connect::v5(&format!("publisher-{index}"))).await;
        let stop = stop.clone();
        hammering.spawn(async move {
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                let message = Publish::new(&format!("hammer/{index}"), sent.to_string()).qos(qos);
                assert!(publisher.publish(message).await < 0x80, "{sent} of {index} is taken");
                sent += 1;
            }
            (index, sent)
        });
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
    hammered(1, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_arrives_exactly_once_and_in_order_while_the_client_moves() {
    hammered(2, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_killed_or_stopped_finds_its_sessions_again() {
    let mut cluster = Cluster::of(1).await;
    let mut client = cluster.connect(0, Connect::v5("stays").durable()).await;
    client.subscribe("a", 1).await;
    client.vanish().await;
    for round in 0..2 {
        let mut publisher = cluster.connect(0, Connect::v5("publisher")).await;
        publisher.publish(Publish::new("a", round.to_string()).qos(1)).await;
        if round == 0 {
            cluster.kill(0)
        } else {
            cluster.stop(0).await
        }
        cluster.start(0).await;
        let mut client = cluster.connect(0, Connect::v5("stays").durable()).await;
        assert!(client.connack.session_present);
        assert_eq!(number(&client.receive().await), round);
        client.has_nothing_more().await;
        client.disconnect().await;
    }
}
