//! MQTT 5 §3.4 to §3.7: PUBACK, PUBREC, PUBREL, PUBCOMP.

use crate::server::Server;
use crate::wire::encode::{PUBACK, PUBCOMP, PUBREC, PUBREL, frame};
use crate::wire::{Connect, Packet, Property, Publish};

/// The decoder knows the codes of PUBACK; these are the situations that have one.
#[tokio::test]
async fn mqtt5_3_4_2_1_puback_uses_its_codes() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    assert!([0x00, 0x10].contains(&client.publish(Publish::new("nobody", "").qos(1)).await));
    client.subscribe("t", 0).await;
    assert_eq!(client.publish(Publish::new("t", "").qos(1)).await, 0x00);
}

#[tokio::test]
async fn mqtt5_3_5_2_1_pubrec_uses_its_codes() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    assert!([0x00, 0x10].contains(&client.publish(Publish::new("nobody", "").qos(2)).await));
    client.subscribe("t", 0).await;
    assert_eq!(client.publish(Publish::new("t", "").qos(2)).await, 0x00);
}

#[tokio::test]
async fn mqtt5_3_6_1_1_pubrel_with_other_flags_closes_the_connection() {
    let server = Server::start().await;
    for first in [0x60, 0x61, 0x63, 0x6A] {
        let mut client = server.v5("c").await;
        client.send_publish(&Publish::new("t", "").qos(2).id(1)).await;
        client.pubrec().await;
        client.send(frame(first, &[0, 1])).await;
        client.disconnected(0x81).await;
    }
}

#[tokio::test]
async fn mqtt5_3_6_2_1_a_repeated_pubrec_is_answered_with_a_pubrel_code() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "").qos(2)).await;
    let message = client.take().await;
    for _ in 0..2 {
        client.send_ack(PUBREC, message.id).await;
        let release = client.pubrel().await;
        assert_eq!((release.id, release.code), (message.id, 0));
    }
    client.send_ack(PUBCOMP, message.id).await;
    client.send_ack(PUBREC, message.id).await;
    assert_eq!(client.pubrel().await.code, 0x92, "the exchange is over: packet identifier not found");
}

#[tokio::test]
async fn mqtt5_3_7_2_1_pubrel_for_nothing_is_answered_with_not_found() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_ack(PUBREL, 77).await;
    let complete = client.pubcomp().await;
    assert_eq!((complete.id, complete.code), (77, 0x92));
    client.ping().await;
}

#[tokio::test]
async fn an_acknowledgement_of_nothing_changes_nothing() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_ack(PUBACK, 77).await;
    client.send_ack(PUBCOMP, 78).await;
    client.subscribe("t", 1).await;
    client.publish(Publish::new("t", "x").qos(1)).await;
    assert_eq!(client.receive().await.text(), "x");
}

#[tokio::test]
async fn every_answer_fits_into_a_small_clients_maximum() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").property(Property::MaximumPacketSize(32))).await;
    let connack = client.largest;
    client.largest = 0;
    assert!(connack <= 32, "[MQTT-3.1.2-24] CONNACK has {connack} bytes");
    client.publish(Publish::new("t", "").qos(1)).await;
    client.publish(Publish::new("t", "").qos(2)).await;
    client.send_ack(PUBREL, 77).await;
    client.pubcomp().await;
    client.send_ack(PUBREC, 77).await;
    client.pubrel().await;
    client.subscribe_with(&[crate::wire::Filter::new("a/#/b", 1)], &[]).await;
    client.unsubscribe(&["never"]).await;
    assert!(client.largest <= 32, "{} bytes", client.largest);
    client.send([0x00, 0x00]).await;
    while let Some(packet) = client.next().await {
        assert!(matches!(packet, Packet::Disconnect(_)));
    }
    assert!(client.largest <= 32, "{} bytes", client.largest);
}
