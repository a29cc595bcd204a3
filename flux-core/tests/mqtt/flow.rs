//! MQTT 5 §3.3.4 and §4.9: receive maximum in both directions.

use std::time::Duration;

use crate::property;
use crate::server::Server;
use crate::wire::{Connect, Filter, Property, Publish};

#[tokio::test]
async fn mqtt5_3_3_4_7_more_than_the_servers_receive_maximum_closes_the_connection() {
    let server = Server::with(&[("mqtt.receive_maximum", "3")]).await;
    let mut client = server.v5("c").await;
    assert_eq!(property!(client.connack.properties, ReceiveMaximum), Some(3));
    for id in 1..=3 {
        client.send_publish(&Publish::new("t", "").qos(2).id(id)).await;
        client.pubrec().await;
    }
    // Without PUBREL they are in flight still: the fourth is one too many.
    client.send_publish(&Publish::new("t", "").qos(2).id(4)).await;
    client.disconnected(0x93).await;
}

#[tokio::test]
async fn mqtt5_3_3_4_7_a_completed_message_makes_room() {
    let server = Server::with(&[("mqtt.receive_maximum", "3")]).await;
    let mut client = server.v5("c").await;
    for _ in 0..10 {
        client.publish(Publish::new("t", "").qos(2)).await;
        client.publish(Publish::new("t", "").qos(1)).await;
    }
}

#[tokio::test]
async fn mqtt5_3_3_4_9_the_clients_receive_maximum_is_kept() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").property(Property::ReceiveMaximum(2))).await;
    let mut publisher = server.v5("publisher").await;
    client.subscribe("t", 2).await;
    for number in 0..6 {
        publisher.publish(Publish::new("t", number.to_string()).qos(1 + number % 2)).await;
    }
    for number in (0..6).step_by(2) {
        let first = client.take().await;
        let second = client.take().await;
        assert_eq!((first.text(), second.text()), (number.to_string().as_str(), (number + 1).to_string().as_str()));
        client.stays_silent(Duration::from_millis(300)).await;
        client.acknowledge(&first).await;
        client.acknowledge(&second).await;
    }
}

#[tokio::test]
async fn mqtt5_3_3_4_10_a_full_window_delays_messages_only() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").property(Property::ReceiveMaximum(1))).await;
    client.subscribe("t", 1).await;
    client.publish(Publish::new("t", "first").qos(1)).await;
    client.publish(Publish::new("t", "second").qos(1)).await;
    let first = client.take().await;
    client.ping().await;
    client.subscribe("other", 1).await;
    client.publish(Publish::new("nobody", "").qos(2)).await;
    client.unsubscribe(&["other"]).await;
    client.acknowledge(&first).await;
    assert_eq!(client.receive().await.text(), "second");
}

#[tokio::test]
async fn mqtt5_4_9_0_1_the_window_starts_with_the_receive_maximum_of_each_connection() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    for (maximum, round) in [(1, 0), (3, 1)] {
        let mut client = server.client(Connect::v5("c").durable().property(Property::ReceiveMaximum(maximum))).await;
        client.subscribe_with(&[Filter::new("t", 1)], &[]).await;
        if round == 0 {
            for number in 0..4 {
                publisher.publish(Publish::new("t", number.to_string()).qos(1)).await;
            }
        }
        for number in 0..maximum {
            assert_eq!(client.take().await.text(), number.to_string());
        }
        client.stays_silent(Duration::from_millis(300)).await;
        client.vanish().await;
    }
}

#[tokio::test]
async fn mqtt5_4_9_0_2_every_kind_of_acknowledgement_gives_its_place_back() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").property(Property::ReceiveMaximum(1))).await;
    let mut publisher = server.v5("publisher").await;
    client.subscribe("t", 2).await;
    for number in 0..4 {
        publisher.publish(Publish::new("t", number.to_string()).qos(1 + number % 2)).await;
    }
    let with_error = |first, id| crate::wire::encode::ack(first, id, 0x80);
    let message = client.take().await;
    client.send(with_error(crate::wire::encode::PUBACK, message.id)).await;
    let message = client.take().await;
    client.send(with_error(crate::wire::encode::PUBREC, message.id)).await;
    assert_eq!(client.receive().await.text(), "2");
    let message = client.take().await;
    client.send_ack(crate::wire::encode::PUBREC, message.id).await;
    client.pubrel().await;
    publisher.publish(Publish::new("t", "4").qos(1)).await;
    client.stays_silent(Duration::from_millis(300)).await;
    client.send_ack(crate::wire::encode::PUBCOMP, message.id).await;
    assert_eq!(client.receive().await.text(), "4");
}

#[tokio::test]
async fn mqtt5_4_9_0_3_other_packets_are_processed_when_the_quota_is_used_up() {
    let server = Server::with(&[("mqtt.receive_maximum", "1")]).await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "").qos(2).id(1)).await;
    client.pubrec().await;
    client.ping().await;
    client.subscribe("t", 0).await;
    client.publish(Publish::new("t", "QoS 0 needs no quota")).await;
    client.send_ack(crate::wire::encode::PUBREL, 1).await;
    client.pubcomp().await;
}

#[tokio::test]
async fn mqtt311_in_flight_messages_are_bounded() {
    let server = Server::with(&[("mqtt.max_inflight", "4")]).await;
    let mut client = server.v311("c").await;
    let mut publisher = server.v311("publisher").await;
    client.subscribe("t", 1).await;
    for number in 0..6 {
        publisher.publish(Publish::new("t", number.to_string()).qos(1)).await;
    }
    let mut first = Vec::new();
    for _ in 0..4 {
        first.push(client.take().await);
    }
    client.stays_silent(Duration::from_millis(300)).await;
    for message in &first {
        client.acknowledge(message).await;
    }
    assert_eq!(client.receive().await.text(), "4");
    assert_eq!(client.receive().await.text(), "5");
}
