//! Subscribers that read too slowly (DESIGN §6): QoS 0 is lost and counted, QoS 1 waits in a durable session or ends a session that is not durable.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::server::Server;
use crate::wire::{Client, Connect, Packet, Publish};

/// More than the buffers of two sockets and a mailbox hold.
const MESSAGES: usize = 700;
const SIZE: usize = 60_000;

async fn server() -> Server {
    Server::with(&[("mqtt.slow_subscriber_grace", "100ms"), ("mqtt.mailbox_messages", "64")]).await
}

/// Publishes numbers, padded, to somebody who does not read.
async fn flood(server: &Server, qos: u8) {
    let mut publisher = server.v5("publisher").await;
    for number in 0..MESSAGES {
        publisher.publish(Publish::new("flood", format!("{number:0SIZE$}")).qos(qos)).await;
    }
}

fn number(message: &Publish) -> usize {
    message.text().parse().expect("a number")
}

#[tokio::test]
async fn qos_0_is_lost_and_counted() {
    let server = server().await;
    let mut slow = server.client(Connect::v5("slow").keep_alive(0)).await;
    slow.subscribe("flood", 0).await;
    flood(&server, 0).await;
    let mut received = Vec::new();
    while let Some(Some(Packet::Publish(message))) = slow.next_within(Duration::from_secs(1)).await {
        received.push(number(&message));
    }
    assert!(!received.is_empty() && received.len() < MESSAGES, "{} of {MESSAGES} came", received.len());
    assert!(received.is_sorted(), "in order");
    let dropped = server.counter("flux_messages_dropped_total").await;
    assert_eq!(received.len() as f64 + dropped, MESSAGES as f64, "what did not come is counted");
}

#[tokio::test]
async fn a_session_that_is_not_durable_ends_when_qos_1_does_not_fit() {
    let server = server().await;
    let mut slow = server.client(Connect::v5("slow").keep_alive(0)).await;
    slow.subscribe("flood", 1).await;
    flood(&server, 1).await;
    let mut last = None;
    let mut received = 0;
    while let Some(packet) = slow.next().await {
        received += usize::from(matches!(packet, Packet::Publish(_)));
        last = Some(packet);
    }
    assert!(received < MESSAGES, "it could not take them all");
    if let Some(Packet::Disconnect(reason)) = last {
        assert_eq!(reason.code, 0x97, "quota exceeded");
    }
    server.v5("other").await.ping().await;
}

#[tokio::test]
async fn a_durable_session_loses_nothing_however_slowly_it_reads() {
    let server = server().await;
    let mut slow = server.client(Connect::v5("slow").durable().keep_alive(0)).await;
    slow.subscribe("flood", 1).await;
    flood(&server, 1).await;
    for expected in 0..MESSAGES {
        assert_eq!(number(&slow.receive().await), expected);
    }
    slow.has_nothing_more().await;
}

#[tokio::test]
async fn a_full_queue_refuses_its_publishers_and_keeps_what_it_has() {
    let server = Server::with(&[("mqtt.queue_messages", "10")]).await;
    let mut absent = server.client(Connect::v5("absent").durable()).await;
    absent.subscribe("t", 1).await;
    absent.disconnect().await;
    // Another node hears a little later that the queue is full: it takes what comes until then.
    let mut publishers = JoinSet::new();
    for number in 0..8 {
        let mut publisher = server.v5(&format!("publisher-{number}")).await;
        publishers.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let text = format!("{number}/{}", taken.len());
                match publisher.publish(Publish::new("t", text.clone()).qos(1)).await {
                    0 => taken.push(text),
                    refused => {
                        assert_eq!(refused, 0x97, "quota exceeded");
                        return taken;
                    }
                }
            }
        });
    }
    let mut taken = publishers.join_all().await.concat();
    assert!(if crate::NODES == 1 { taken.len() == 10 } else { taken.len() >= 10 }, "{} were taken", taken.len());
    let mut again: Client = server.client(Connect::v5("absent").durable()).await;
    let mut kept = Vec::new();
    for _ in 0..taken.len() {
        kept.push(again.receive().await.text().to_owned());
    }
    taken.sort();
    kept.sort();
    assert_eq!(kept, taken, "nothing else, and nothing is missing");
    let mut publisher = server.v5("publisher").await;
    while publisher.publish(Publish::new("t", "room").qos(1)).await != 0 {
        // Who has room gets also what is refused because another has none, or had none.
        if let Some(Some(Packet::Publish(copy))) = again.next_within(Duration::from_millis(10)).await {
            again.acknowledge(&copy).await;
        }
    }
    assert_eq!(again.receive().await.text(), "room");
}
