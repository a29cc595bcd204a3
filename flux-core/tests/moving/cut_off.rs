//! A node loses Redis while the others keep it: they give it up and publish without it, and its clients do not notice.

use std::time::Duration;

use crate::kit::{Cluster, Receiver, gets_all, number};
use crate::property;
use crate::wire::{Client, Connect, Packet, Publish};

/// Sessions stay with their nodes.
const ON_DISK: &[(&str, &str)] = &[("durability.store", "disk")];

/// Of PUBACK: taken, and nobody had subscribed.
const NOBODY: u8 = 0x10;

/// Of PUBACK where the others cannot be reached, and of DISCONNECT where they could not be.
const CUT_OFF: u8 = 0x83;

/// Has subscribed on the node that is to be cut off, so that another one can see that it was given up: its route is gone then.
async fn witness(cluster: &Cluster) -> Client {
    let mut witness = cluster.connect(0, Connect::v5("witness")).await;
    witness.subscribe("witness", 1).await;
    witness
}

async fn until_given_up(publisher: &mut Client) {
    while publisher.publish(Publish::new("witness", "").qos(1)).await != NOBODY {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_missed_messages_is_disconnected_and_comes_back_to_the_next() {
    let cluster = Cluster::with_cable(2, ON_DISK).await;
    let _witness = witness(&cluster).await;
    let mut new = cluster.connect(0, Connect::v5("new").will(Publish::new("will", "new is gone").qos(1))).await;
    new.subscribe("a", 1).await;
    let mut old = cluster.connect(0, Connect::v311("old")).await;
    old.subscribe("a", 2).await;
    let mut shared = cluster.connect(0, Connect::v5("shared")).await;
    shared.subscribe("$share/group/b", 1).await;
    let mut watcher = cluster.connect(1, Connect::v5("watcher")).await;
    watcher.subscribe("will", 1).await;
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    publisher.publish(Publish::new("a", "before").qos(1)).await;
    for client in [&mut new, &mut old] {
        assert_eq!(client.receive().await.text(), "before");
    }

    cluster.cable().pull();
    until_given_up(&mut publisher).await;
    for topic in ["a", "b"] {
        assert_eq!(publisher.publish(Publish::new(topic, "missed").qos(1)).await, NOBODY, "acknowledged, and lost for them");
    }
    cluster.cable().plug();
    match new.packet().await {
        Packet::Disconnect(told) => {
            assert_eq!(told.code, CUT_OFF);
            let reason = property!(told.properties, ReasonString).expect("it says what happened");
            assert!(reason.contains("cut off from the others") && reason.contains("connect again"), "{reason}");
        }
        other => panic!("DISCONNECT was expected, not {other:?}"),
    }
    assert_eq!(new.next().await, None, "and closes");
    old.disconnected(CUT_OFF).await;
    shared.disconnected(CUT_OFF).await;
    assert_eq!(watcher.receive().await.text(), "new is gone", "as whenever a server ends a connection");

    for connect in [Connect::v5("new"), Connect::v311("old")] {
        let mut back = cluster.connect(0, connect).await;
        back.subscribe("a", 1).await;
        publisher.publish(Publish::new("a", "after").qos(1)).await;
        assert_eq!(back.receive().await.text(), "after");
        back.has_nothing_more().await;
        back.disconnect().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_missed_nothing_stays_connected() {
    let cluster = Cluster::with_cable(2, ON_DISK).await;
    let mut witness = witness(&cluster).await;
    let mut durable = cluster.connect(0, Connect::v5("durable").durable()).await;
    durable.subscribe("a", 1).await;
    let mut casual = cluster.connect(0, Connect::v5("casual")).await;
    casual.subscribe("a", 0).await;
    casual.subscribe("$SYS/not/there", 1).await;
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    let mut sent = 0;
    let mut publish = async |publisher: &mut Client| {
        for _ in 0..10 {
            assert_eq!(publisher.publish(Publish::new("a", sent.to_string()).qos(1)).await, 0, "{sent} is taken");
            sent += 1;
        }
    };
    publish(&mut publisher).await;
    cluster.cable().pull();
    until_given_up(&mut publisher).await;
    publish(&mut publisher).await;
    cluster.cable().plug();
    witness.disconnected(CUT_OFF).await;
    publish(&mut publisher).await;

    let mut receiver = Receiver::default();
    for expected in 0..30 {
        assert_eq!(number(&receiver.receive(&mut durable).await), expected, "all of it, in order, on one connection");
    }
    durable.has_nothing_more().await;
    while number(&casual.receive().await) < 29 {}
    casual.has_nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_session_that_others_have_taken_over_meanwhile_comes_back_to_everything() {
    let cluster = Cluster::with_cable(2, &[]).await;
    let mut witness = witness(&cluster).await;
    let mut durable = cluster.connect(0, Connect::v5("durable").durable()).await;
    durable.subscribe("a", 1).await;
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    publisher.publish(Publish::new("a", "0").qos(1)).await;
    cluster.cable().pull();
    until_given_up(&mut publisher).await;
    publisher.publish(Publish::new("a", "1").qos(1)).await;
    cluster.until_forgotten("n1").await;
    publisher.publish(Publish::new("a", "2").qos(1)).await;
    cluster.cable().plug();
    witness.disconnected(CUT_OFF).await;
    // As when a client of the same name connects elsewhere: its session is another node's now.
    durable.disconnected(0x8E).await;

    let mut durable = cluster.connect(0, Connect::v5("durable").durable()).await;
    assert!(durable.connack.session_present);
    publisher.publish(Publish::new("a", "3").qos(1)).await;
    gets_all(&mut durable, 4).await;
    durable.has_nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_disconnected_when_redis_was_away_for_all() {
    let mut cluster = Cluster::of(2).await;
    let mut plain = cluster.connect(0, Connect::v5("plain")).await;
    plain.subscribe("a", 1).await;
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    cluster.redis.kill();
    // Refused after a wait that is longer than any lease. It may come all the same.
    while publisher.publish(Publish::new("a", "refused").qos(1)).await != CUT_OFF {}
    cluster.redis.restart();
    while publisher.publish(Publish::new("a", "refused").qos(1)).await == CUT_OFF {}
    publisher.publish(Publish::new("a", "after").qos(1)).await;
    while plain.receive().await.text() != "after" {}
    plain.has_nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_come_back_is_succeeded_when_it_dies_later() {
    let mut cluster = Cluster::with_cable(2, &[]).await;
    let mut witness = witness(&cluster).await;
    let mut watcher = cluster.connect(1, Connect::v5("watcher")).await;
    watcher.subscribe("will", 1).await;
    cluster.cable().pull();
    cluster.until_forgotten("n1").await;
    cluster.cable().plug();
    witness.disconnected(CUT_OFF).await;

    let dying = Connect::v5("device").durable().will(Publish::new("will", "device is gone").qos(1));
    let mut device = cluster.connect(0, dying).await;
    device.subscribe("a", 1).await;
    cluster.kill(0);
    assert_eq!(watcher.receive().await.text(), "device is gone", "another node has taken it over");
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    assert_eq!(publisher.publish(Publish::new("a", "0").qos(1)).await, 0);
    let mut device = cluster.connect(1, Connect::v5("device").durable()).await;
    gets_all(&mut device, 1).await;
}
