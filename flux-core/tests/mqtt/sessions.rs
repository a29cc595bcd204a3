//! MQTT 5 §4.1: session state, how long it lives and what it holds.

use std::time::Duration;

use crate::server::Server;
use crate::wire::encode::{PUBCOMP, PUBREC, PUBREL};
use crate::wire::{Connect, Packet, Property, Publish};

#[tokio::test]
async fn mqtt5_4_1_0_1_the_session_is_kept_while_the_connection_is_open() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").property(Property::SessionExpiry(1))).await;
    client.subscribe("t", 1).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    client.publish(Publish::new("t", "still here").qos(1)).await;
    assert_eq!(client.receive().await.text(), "still here");
}

#[tokio::test]
async fn mqtt5_4_1_0_2_the_session_ends_when_its_expiry_has_passed() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").property(Property::SessionExpiry(1))).await;
    client.subscribe("t", 1).await;
    client.disconnect().await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(!server.client(Connect::v5("c").resume()).await.connack.session_present);
}

#[tokio::test]
async fn mqtt5_4_1_0_2_without_expiry_the_session_ends_with_its_connection() {
    let server = Server::start().await;
    server.client(Connect::v5("c").resume()).await.vanish().await;
    assert!(!server.client(Connect::v5("c").resume()).await.connack.session_present);
}

#[tokio::test]
async fn a_session_that_never_expires_can_be_taken_up() {
    let server = Server::start().await;
    server.client(Connect::v5("c").property(Property::SessionExpiry(u32::MAX))).await.disconnect().await;
    assert!(server.client(Connect::v5("c").resume()).await.connack.session_present);
}

#[tokio::test]
async fn subscriptions_queue_and_handshakes_survive_a_restart() {
    let mut server = Server::start().await;
    let mut publisher = server.client(Connect::v5("publisher").durable()).await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t/#", 2).await;
    publisher.publish(Publish::new("t/1", "received, not released").qos(2)).await;
    let released = client.take().await;
    client.send_ack(PUBREC, released.id).await;
    assert_eq!(client.pubrel().await.id, released.id);
    publisher.publish(Publish::new("t/2", "taken, not acknowledged").qos(1)).await;
    let taken = client.take().await;
    client.vanish().await;
    publisher.publish(Publish::new("t/3", "queued").qos(1)).await;
    publisher.send_publish(&Publish::new("t/4", "half way in").qos(2).id(900)).await;
    publisher.pubrec().await;

    server.restart().await;

    let mut publisher = server.client(Connect::v5("publisher").durable()).await;
    assert!(publisher.connack.session_present);
    publisher.send_publish(&Publish::new("t/4", "half way in").qos(2).id(900).dup()).await;
    publisher.pubrec().await;
    publisher.send_ack(PUBREL, 900).await;
    publisher.pubcomp().await;

    let mut client = server.client(Connect::v5("c").durable()).await;
    assert!(client.connack.session_present);
    let mut texts = Vec::new();
    let mut release_came = false;
    while texts.len() < 3 {
        match client.packet().await {
            Packet::PubRel(ack) => {
                assert_eq!((ack.id, release_came), (released.id, false));
                release_came = true;
                client.send_ack(PUBCOMP, ack.id).await;
            }
            Packet::Publish(message) => {
                assert_eq!(message.dup, message.text() == "taken, not acknowledged", "{message:?}");
                assert!(!message.dup || message.id == taken.id, "it keeps its identifier");
                client.acknowledge(&message).await;
                texts.push(message.text().to_owned());
            }
            other => panic!("{other:?} was not expected"),
        }
    }
    assert!(release_came, "PUBREL is sent again");
    assert_eq!(texts, ["taken, not acknowledged", "queued", "half way in"]);
    client.has_nothing_more().await;
}

#[tokio::test]
async fn a_session_expires_while_the_server_is_down() {
    let mut server = Server::start().await;
    let client = server.client(Connect::v5("c").property(Property::SessionExpiry(1))).await;
    client.disconnect().await;
    server.stop().await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    server.restart().await;
    assert!(!server.client(Connect::v5("c").resume()).await.connack.session_present);
}

#[tokio::test]
async fn qos_0_is_not_kept_for_an_absent_client_to_its_harm() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 2).await;
    client.disconnect().await;
    let mut publisher = server.v5("publisher").await;
    publisher.publish(Publish::new("t", "may be lost")).await;
    publisher.publish(Publish::new("t", "must not be").qos(1)).await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    let first = again.receive().await;
    let last = if first.text() == "may be lost" { again.receive().await } else { first };
    assert_eq!(last.text(), "must not be");
}
