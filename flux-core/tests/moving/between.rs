//! Between two nodes that live.

use crate::kit::{Cluster, number};
use crate::wire::encode::{PUBCOMP, PUBREC, PUBREL};
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
