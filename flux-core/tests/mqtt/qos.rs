//! MQTT 5 §4.3 and §4.4: the three delivery protocols and sending again.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::server::Server;
use crate::wire::encode::{self, PUBACK, PUBCOMP, PUBREC, PUBREL};
use crate::wire::{Connect, Packet, Property, Publish};

#[tokio::test]
async fn mqtt5_4_3_1_1_qos_0_is_sent_with_qos_0_and_no_dup() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "")).await;
    let message = client.receive().await;
    assert_eq!((message.qos, message.dup), (0, false));
}

#[tokio::test]
async fn mqtt5_4_3_2_1_each_qos_1_message_has_an_identifier_of_its_own() {
    identifiers_differ(1).await;
}

#[tokio::test]
async fn mqtt5_4_3_3_1_each_qos_2_message_has_an_identifier_of_its_own() {
    identifiers_differ(2).await;
}

async fn identifiers_differ(qos: u8) {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let mut publisher = server.v5("publisher").await;
    client.subscribe("t", qos).await;
    let mut used = BTreeSet::new();
    for number in 0..30 {
        publisher.publish(Publish::new("t", "").qos(qos)).await;
        let message = client.take().await;
        assert!(used.insert(message.id), "identifier {} is in use", message.id);
        // Every third is acknowledged: its identifier, and no other, is free again.
        if number % 3 == 0 {
            client.acknowledge(&message).await;
            used.remove(&message.id);
        }
    }
}

#[tokio::test]
async fn mqtt5_4_3_2_2_qos_1_is_first_sent_without_dup() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 1).await;
    client.publish(Publish::new("t", "").qos(1).dup()).await;
    let message = client.receive().await;
    assert_eq!((message.qos, message.dup), (1, false));
}

#[tokio::test]
async fn mqtt5_4_3_2_3_qos_1_is_owed_until_puback() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 1).await;
    client.publish(Publish::new("t", "owed").qos(1)).await;
    let first = client.take().await;
    client.vanish().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    let second = again.take().await;
    assert_eq!((second.id, second.text()), (first.id, "owed"));
    again.send_ack(PUBACK, second.id).await;
    again.ping().await;
    again.vanish().await;
    server.client(Connect::v5("c").durable()).await.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_4_3_2_4_qos_1_is_acknowledged_with_its_identifier() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "").qos(1).id(31_000)).await;
    assert_eq!(client.puback().await.id, 31_000);
}

#[tokio::test]
async fn mqtt5_4_3_2_5_after_puback_the_identifier_is_a_new_message_whatever_dup_says() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 1).await;
    for publish in [Publish::new("t", "same"), Publish::new("t", "same").dup()] {
        client.send_publish(&publish.qos(1).id(9)).await;
        client.puback().await;
        assert_eq!(client.receive().await.text(), "same");
    }
}

#[tokio::test]
async fn mqtt5_4_3_3_2_qos_2_is_first_sent_without_dup() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "").qos(2).dup()).await;
    let message = client.receive().await;
    assert_eq!((message.qos, message.dup), (2, false));
}

#[tokio::test]
async fn mqtt5_4_3_3_3_qos_2_is_owed_until_pubrec() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "owed").qos(2)).await;
    let first = client.take().await;
    client.vanish().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    let second = again.receive().await;
    assert_eq!((second.id, second.text(), second.dup), (first.id, "owed", true));
}

#[tokio::test]
async fn mqtt5_4_3_3_4_pubrec_is_answered_with_pubrel() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "").qos(2)).await;
    let message = client.take().await;
    client.send_ack(PUBREC, message.id).await;
    let release = client.pubrel().await;
    assert_eq!((release.id, release.code), (message.id, 0));
}

#[tokio::test]
async fn mqtt5_4_3_3_4_pubrec_with_an_error_ends_the_exchange() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable().property(Property::ReceiveMaximum(1))).await;
    let mut publisher = server.v5("publisher").await;
    client.subscribe("t", 2).await;
    for text in ["refused", "next"] {
        publisher.publish(Publish::new("t", text).qos(2)).await;
    }
    let message = client.take().await;
    client.send(encode::ack(PUBREC, message.id, 0x80)).await;
    let next = client.take().await;
    assert_eq!(next.text(), "next", "the window is free, and no PUBREL came before");
}

#[tokio::test]
async fn mqtt5_4_3_3_5_pubrel_is_owed_until_pubcomp() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "").qos(2)).await;
    let message = client.take().await;
    client.send_ack(PUBREC, message.id).await;
    client.pubrel().await;
    client.vanish().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    assert!(matches!(again.packet().await, Packet::PubRel(ack) if ack.id == message.id));
    again.send_ack(PUBCOMP, message.id).await;
    again.ping().await;
    again.vanish().await;
    let mut third = server.client(Connect::v5("c").durable()).await;
    third.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_4_3_3_6_after_pubrel_the_message_is_not_sent_again() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "once").qos(2)).await;
    let message = client.take().await;
    client.send_ack(PUBREC, message.id).await;
    client.pubrel().await;
    client.vanish().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    assert!(matches!(again.packet().await, Packet::PubRel(_)));
    again.send_ack(PUBCOMP, message.id).await;
    again.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_4_3_3_7_a_message_that_was_sent_does_not_expire() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "sent in time").qos(2).property(Property::MessageExpiry(1))).await;
    let message = client.take().await;
    client.vanish().await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    let second = again.receive().await;
    assert_eq!((second.id, second.text()), (message.id, "sent in time"));
}

#[tokio::test]
async fn mqtt5_4_3_3_8_qos_2_is_received_with_its_identifier() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "").qos(2).id(31_000)).await;
    assert_eq!(client.pubrec().await.id, 31_000);
}

#[tokio::test]
async fn mqtt5_4_3_3_9_after_a_refusal_the_identifier_is_a_new_message() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 2).await;
    client.send_publish(&Publish::new("", "").qos(2).id(3).property(Property::ResponseTopic("a/#".to_owned()))).await;
    match client.next().await {
        Some(Packet::PubRec(ack)) => assert!(ack.code >= 0x80),
        Some(Packet::Disconnect(_)) | None => client = server.v5("c2").await,
        other => panic!("a refusal was expected, not {other:?}"),
    }
    client.subscribe("t", 2).await;
    client.send_publish(&Publish::new("t", "good").qos(2).id(3)).await;
    assert!(client.pubrec().await.code < 0x80);
    client.send_ack(PUBREL, 3).await;
    client.pubcomp().await;
    assert_eq!(client.receive().await.text(), "good");
}

#[tokio::test]
async fn mqtt5_4_3_3_10_a_repeated_qos_2_message_is_delivered_once() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 2).await;
    for publish in [Publish::new("t", "once"), Publish::new("t", "once").dup(), Publish::new("t", "once").dup()] {
        client.send_publish(&publish.qos(2).id(5)).await;
        let received = client.pubrec().await;
        assert_eq!((received.id, received.code), (5, 0));
    }
    client.send_ack(PUBREL, 5).await;
    client.pubcomp().await;
    assert_eq!(client.receive().await.text(), "once");
    client.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_4_3_3_10_also_when_the_repetition_comes_on_a_new_connection() {
    let server = Server::start().await;
    let mut watcher = server.v5("watcher").await;
    watcher.subscribe("t", 2).await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.send_publish(&Publish::new("t", "once").qos(2).id(5)).await;
    client.pubrec().await;
    client.vanish().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    again.send_publish(&Publish::new("t", "once").qos(2).id(5).dup()).await;
    again.pubrec().await;
    again.send_ack(PUBREL, 5).await;
    assert_eq!(again.pubcomp().await.code, 0);
    assert_eq!(watcher.receive().await.text(), "once");
    watcher.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_4_3_3_11_pubrel_is_answered_with_pubcomp() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "").qos(2).id(6)).await;
    client.pubrec().await;
    client.send_ack(PUBREL, 6).await;
    let complete = client.pubcomp().await;
    assert_eq!((complete.id, complete.code), (6, 0));
}

#[tokio::test]
async fn mqtt5_4_3_3_12_after_pubcomp_the_identifier_is_a_new_message() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 2).await;
    for _ in 0..2 {
        client.send_publish(&Publish::new("t", "again").qos(2).id(5).dup()).await;
        client.pubrec().await;
        client.send_ack(PUBREL, 5).await;
        client.pubcomp().await;
        assert_eq!(client.receive().await.text(), "again");
    }
}

#[tokio::test]
async fn mqtt5_4_3_3_13_an_expired_message_is_acknowledged_to_the_end() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "").qos(2).id(5).property(Property::MessageExpiry(1))).await;
    client.pubrec().await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    client.send_ack(PUBREL, 5).await;
    assert_eq!(client.pubcomp().await.code, 0);
}

#[tokio::test]
async fn mqtt5_4_4_0_1_what_is_owed_is_sent_again_at_reconnect_and_only_then() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 2).await;
    let mut first = Vec::new();
    for qos in [1, 2, 1, 2] {
        publisher.publish(Publish::new("t", "").qos(qos)).await;
        let message = client.take().await;
        first.push((message.id, message.qos));
    }
    client.stays_silent(Duration::from_millis(1_500)).await;
    client.vanish().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    let mut second = Vec::new();
    for _ in 0..4 {
        let message = again.take().await;
        assert!(message.dup);
        second.push((message.id, message.qos));
    }
    assert_eq!(first, second, "with their identifiers, in their order");
}

#[tokio::test]
async fn mqtt5_4_4_0_2_an_error_is_an_acknowledgement() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 2).await;
    for (qos, first) in [(1, PUBACK), (2, PUBREC)] {
        client.publish(Publish::new("t", "unwanted").qos(qos)).await;
        let message = client.take().await;
        client.send(encode::ack(first, message.id, 0x83)).await;
    }
    client.ping().await;
    client.vanish().await;
    server.client(Connect::v5("c").durable()).await.has_nothing_more().await;
}
