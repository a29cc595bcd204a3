//! A node is killed: the others take over what it had.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::kit::{Cluster, Receiver, gets_all, number};
use crate::wire::property::Property;
use crate::wire::{Connect, Publish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_subscriber_of_a_killed_node_connects_elsewhere_and_gets_everything() {
    let mut cluster = Cluster::of(2).await;
    let mut client = cluster.connect(0, Connect::v5("survivor").durable()).await;
    client.subscribe("a", 1).await;
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    let mut sent = 0;
    let mut publish = async |count: u32| {
        for _ in 0..count {
            assert_eq!(publisher.publish(Publish::new("a", sent.to_string()).qos(1)).await, 0, "{sent} is taken");
            sent += 1;
        }
    };
    publish(50).await;
    cluster.kill(0);
    // For these it has no time.
    publish(50).await;
    let mut client = cluster.connect(1, Connect::v5("survivor").durable()).await;
    assert!(client.connack.session_present, "another node has its session at once");
    publish(50).await;
    gets_all(&mut client, 150).await;
    client.has_nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sessions_of_a_killed_node_go_on_without_their_clients() {
    let mut cluster = Cluster::of(3).await;
    let mut watcher = cluster.connect(1, Connect::v5("watcher")).await;
    watcher.subscribe("will/#", 1).await;
    let mut clients = JoinSet::new();
    for index in 0..20 {
        let connect = Connect::v5(&format!("client-{index}")).durable();
        let will = Publish::new(&format!("will/{index}"), "gone").qos(1).property(Property::WillDelay(1));
        let mut client = cluster.connect(0, if index < 5 { connect.will(will) } else { connect }).await;
        clients.spawn(async move {
            client.subscribe("a", 1).await;
            client
        });
    }
    let clients = clients.join_all().await;
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    for sent in 0..20 {
        assert_eq!(publisher.publish(Publish::new("a", sent.to_string()).qos(1)).await, 0);
    }
    cluster.kill(0);
    drop(clients);
    for sent in 20..40 {
        assert_eq!(publisher.publish(Publish::new("a", sent.to_string()).qos(1)).await, 0);
    }
    let mut wills = BTreeSet::new();
    for _ in 0..5 {
        wills.insert(watcher.receive().await.topic);
    }
    assert_eq!(wills.len(), 5, "each will came, after its delay: {wills:?}");
    cluster.until_forgotten("n1").await;
    for sent in 40..60 {
        assert_eq!(publisher.publish(Publish::new("a", sent.to_string()).qos(1)).await, 0);
    }
    for index in 0..20 {
        let mut client = cluster.connect(1 + index % 2, Connect::v5(&format!("client-{index}")).durable()).await;
        assert!(client.connack.session_present, "client-{index}");
        gets_all(&mut client, 60).await;
        client.has_nothing_more().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_that_returns_brings_nothing_back() {
    let mut cluster = Cluster::of(2).await;
    let mut client = cluster.connect(0, Connect::v5("survivor").durable()).await;
    client.subscribe("a", 2).await;
    drop(client);
    cluster.kill(0);
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    publisher.publish(Publish::new("a", "0").qos(2)).await;
    cluster.until_forgotten("n1").await;
    publisher.publish(Publish::new("a", "1").qos(2)).await;
    cluster.start(0).await;
    publisher.publish(Publish::new("a", "2").qos(2)).await;
    let mut there = cluster.connect(0, Connect::v5("there")).await;
    there.publish(Publish::new("a", "3").qos(2)).await;
    let mut client = cluster.connect(1, Connect::v5("survivor").durable()).await;
    for expected in 0..4 {
        assert_eq!(number(&client.receive().await), expected, "each once, in order");
    }
    client.has_nothing_more().await;
    // And it can have it again.
    client.disconnect().await;
    let mut client = cluster.connect(0, Connect::v5("survivor").durable()).await;
    assert!(client.connack.session_present);
    publisher.publish(Publish::new("a", "4").qos(2)).await;
    assert_eq!(number(&client.receive().await), 4);
    client.has_nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_returns_before_its_lease_has_ended_keeps_its_sessions() {
    let mut cluster = Cluster::of(2).await;
    let mut client = cluster.connect(0, Connect::v5("stays").durable()).await;
    client.subscribe("a", 1).await;
    drop(client);
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    for sent in 0..10 {
        publisher.publish(Publish::new("a", sent.to_string()).qos(1)).await;
        if sent == 5 {
            cluster.kill(0);
            cluster.start(0).await;
        }
    }
    let mut client = cluster.connect(0, Connect::v5("stays").durable()).await;
    assert!(client.connack.session_present);
    gets_all(&mut client, 10).await;
    client.has_nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_group_is_owed_through_a_killed_node_goes_to_another_member() {
    let mut cluster = Cluster::of(2).await;
    let mut dead = cluster.connect(0, Connect::v5("dead").durable()).await;
    dead.subscribe("$share/group/a", 1).await;
    drop(dead);
    cluster.kill(0);
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    for sent in 0..20 {
        assert_eq!(publisher.publish(Publish::new("a", sent.to_string()).qos(1)).await, 0);
    }
    let mut other = cluster.connect(1, Connect::v5("other").durable()).await;
    other.subscribe("$share/group/a", 1).await;
    let mut got = BTreeSet::new();
    cluster.until_forgotten("n1").await;
    // The adopted member is away: it has some, and gets no more while another is there.
    let mut dead = cluster.connect(1, Connect::v5("dead").durable()).await;
    while got.len() < 20 {
        for client in [&mut dead, &mut other] {
            if let Some(Some(crate::wire::Packet::Publish(publish))) = client.next_within(Duration::from_millis(100)).await {
                client.acknowledge(&publish).await;
                got.insert(number(&publish));
            }
        }
    }
}

/// Publishers on the nodes that live, subscribers that go from node to node, and a node that is killed and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_while_nodes_are_killed_and_return() {
    let mut cluster = Cluster::of(3).await;
    let mut client = cluster.connect(0, Connect::v5("mover").durable()).await;
    client.subscribe("a/+", 1).await;
    let mut publishers = Vec::new();
    for index in 0..2 {
        publishers.push(cluster.connect(2, Connect::v5(&format!("publisher-{index}"))).await);
    }
    let mut sent = 0;
    let mut seen = [BTreeSet::new(), BTreeSet::new()];
    let mut receiver = Receiver::default();
    for round in 0..3 {
        for _ in 0..40 {
            for (index, publisher) in publishers.iter_mut().enumerate() {
                let message = Publish::new(&format!("a/{index}"), sent.to_string()).qos(1);
                assert_eq!(publisher.publish(message).await, 0);
            }
            sent += 1;
            if sent % 40 == 20 {
                cluster.kill(round % 2);
                drop(client);
                client = cluster.connect(1 - round % 2, Connect::v5("mover").durable()).await;
                assert!(client.connack.session_present, "round {round}");
            }
        }
        cluster.start(round % 2).await;
        while seen.iter().any(|seen| seen.len() < sent as usize) {
            let publish = receiver.receive(&mut client).await;
            let index: usize = publish.topic["a/".len()..].parse().expect("a publisher");
            seen[index].insert(number(&publish));
        }
    }
    client.has_nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_leaves_its_sessions_to_the_others() {
    let mut cluster = Cluster::of(2).await;
    let mut away = cluster.connect(0, Connect::v5("away").durable()).await;
    away.subscribe("a", 1).await;
    away.disconnect().await;
    let mut connected = cluster.connect(0, Connect::v5("connected").durable()).await;
    connected.subscribe("a", 1).await;
    let mut publisher = cluster.connect(1, Connect::v5("publisher")).await;
    let publishing = async {
        for sent in 0..100 {
            assert_eq!(publisher.publish(Publish::new("a", sent.to_string()).qos(1)).await, 0);
        }
    };
    tokio::join!(publishing, cluster.stop(0));
    for id in ["away", "connected"] {
        let mut client = cluster.connect(1, Connect::v5(id).durable()).await;
        assert!(client.connack.session_present, "{id}");
        gets_all(&mut client, 100).await;
        client.has_nothing_more().await;
    }
    cluster.until_forgotten("n1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_of_the_same_name_takes_nothing_from_the_first() {
    let cluster = Cluster::of(1).await;
    let mut client = cluster.connect(0, Connect::v5("stays").durable()).await;
    client.subscribe("a", 1).await;
    cluster.cannot_start(0).await;
    client.publish(Publish::new("a", "0").qos(1)).await;
    assert_eq!(number(&client.receive().await), 0, "its session is its own still");
    client.has_nothing_more().await;
}
