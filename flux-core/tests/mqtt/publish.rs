//! MQTT 5 §3.3: PUBLISH, its properties and its forwarding.

use std::time::Duration;

use crate::property;
use crate::server::Server;
use crate::wire::encode::frame;
use crate::wire::property::Variable;
use crate::wire::{Client, Connect, Filter, Packet, Property, Publish};

/// The server may refuse the message or the connection; it may not take the message.
pub async fn is_not_taken(server: &Server, publish: Publish) {
    let mut client = server.v5("refused").await;
    client.send_publish(&publish.clone().qos(1).id(1)).await;
    match client.next().await {
        None => {}
        Some(Packet::PubAck(ack)) => assert!(ack.code >= 0x80, "{publish:?} was taken"),
        Some(Packet::Disconnect(reason)) => assert!(reason.code >= 0x80),
        other => panic!("{publish:?} was answered with {other:?}"),
    }
}

#[tokio::test]
async fn mqtt5_3_3_1_1_a_message_sent_again_has_dup() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 2).await;
    for qos in [1, 2] {
        publisher.publish(Publish::new("t", "again").qos(qos)).await;
        let first = client.take().await;
        assert!(!first.dup);
    }
    client.vanish().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    for qos in [1, 2] {
        let second = again.receive().await;
        assert_eq!((second.dup, second.qos), (true, qos));
    }
}

#[tokio::test]
async fn mqtt5_3_3_1_2_qos_0_never_has_dup() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 0).await;
    client.publish(Publish::new("t", "").qos(1)).await;
    assert!(!client.receive().await.dup);
    client.send_publish(&Publish::new("t", "").dup()).await;
    client.closed().await;
}

#[tokio::test]
async fn mqtt5_3_3_1_3_the_publishers_dup_is_not_passed_on() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 1).await;
    client.publish(Publish::new("t", "first seen").qos(1).dup()).await;
    assert!(!client.receive().await.dup);
}

#[tokio::test]
async fn mqtt5_3_3_1_4_qos_3_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "").qos(3).id(1)).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_1_a_publish_without_topic_closes_the_connection() {
    let server = Server::start().await;
    for body in [&[][..], &[0], &[0, 5, b'a']] {
        let mut client = server.v5("c").await;
        client.send(frame(0x30, body)).await;
        client.disconnected(0x81).await;
    }
}

#[tokio::test]
async fn mqtt5_3_3_2_2_a_topic_with_wildcards_is_not_taken() {
    let server = Server::start().await;
    let mut all = server.v5("all").await;
    all.subscribe("#", 1).await;
    for topic in ["a/+", "#", "a#b", "+"] {
        is_not_taken(&server, Publish::new(topic, "")).await;
    }
    all.publish(Publish::new("last", "").qos(1)).await;
    assert_eq!(all.receive().await.topic, "last");
}

#[tokio::test]
async fn mqtt5_3_3_2_3_what_comes_matches_the_filter() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("a/+/c", 1).await;
    for topic in ["a/c", "a/b/c/d", "a/b/c", "b/b/c", "a//c"] {
        client.publish(Publish::new(topic, "").qos(1)).await;
    }
    assert_eq!(client.receive().await.topic, "a/b/c");
    assert_eq!(client.receive().await.topic, "a//c");
    client.has_nothing_more().await;
}

/// Sends one message with these properties and expects it exactly so at two subscribers.
async fn forwarded_unaltered(properties: &[Property]) {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for (id, filter) in [("a", "t"), ("b", "$share/group/#")] {
        let mut client = server.v5(id).await;
        client.subscribe(filter, 1).await;
        clients.push(client);
    }
    let message = properties.iter().cloned().fold(Publish::new("t", "payload"), Publish::property);
    let mut publisher = server.v5("publisher").await;
    for qos in [0, 1] {
        publisher.publish(message.clone().qos(qos)).await;
        for client in &mut clients {
            assert_eq!(client.receive().await.properties, properties);
        }
    }
}

#[tokio::test]
async fn mqtt5_3_3_2_4_the_payload_format_is_forwarded() {
    forwarded_unaltered(&[Property::PayloadFormat(1)]).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_5_an_expired_message_is_not_delivered() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 1).await;
    client.disconnect().await;
    let mut publisher = server.v5("publisher").await;
    publisher.publish(Publish::new("t", "short").qos(1).property(Property::MessageExpiry(1))).await;
    publisher.publish(Publish::new("t", "long").qos(1).property(Property::MessageExpiry(3600))).await;
    publisher.publish(Publish::new("t", "for ever").qos(1)).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    assert_eq!(again.receive().await.text(), "long");
    assert_eq!(again.receive().await.text(), "for ever");
}

#[tokio::test]
async fn mqtt5_3_3_2_6_the_remaining_time_is_forwarded() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 1).await;
    client.disconnect().await;
    server.v5("publisher").await.publish(Publish::new("t", "").qos(1).property(Property::MessageExpiry(100))).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let message = server.client(Connect::v5("c").durable()).await.receive().await;
    let left = property!(message.properties, MessageExpiry).expect("it still expires");
    assert!((60..=98).contains(&left), "{left} of 100 seconds are left after two");
}

#[tokio::test]
async fn mqtt5_3_3_2_7_topic_aliases_end_with_their_connection() {
    let server = Server::start().await;
    let mut first = server.client(Connect::v5("c").durable()).await;
    first.publish(Publish::new("t", "").qos(1).property(Property::TopicAlias(1))).await;
    first.publish(Publish::new("", "").qos(1).property(Property::TopicAlias(1))).await;
    first.disconnect().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    again.send_publish(&Publish::new("", "").qos(1).id(1).property(Property::TopicAlias(1))).await;
    again.closed().await;
}

#[tokio::test]
async fn mqtt5_3_3_2_7_the_servers_topic_aliases_end_with_their_connection() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    let connect = Connect::v5("c").durable().property(Property::TopicAliasMaximum(5));
    for round in 0..2 {
        let mut client = server.client(connect.clone()).await;
        client.subscribe("t", 1).await;
        publisher.publish(Publish::new("t", "").qos(1)).await;
        assert_eq!(client.receive().await.topic, "t", "connection {round} has to be told the name");
        client.ping().await;
        client.disconnect().await;
    }
}

#[tokio::test]
async fn mqtt5_3_3_2_8_topic_alias_0_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "").property(Property::TopicAlias(0))).await;
    client.disconnected(0x94).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_12_every_topic_alias_up_to_the_maximum_works() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let maximum = property!(client.connack.properties, TopicAliasMaximum).expect("the server takes topic aliases");
    client.subscribe("alias/#", 0).await;
    for alias in 1..=maximum {
        let named = Publish::new(&format!("alias/{alias}"), "named").property(Property::TopicAlias(alias));
        client.send_publish(&named).await;
    }
    for alias in 1..=maximum {
        client.send_publish(&Publish::new("", "by alias").property(Property::TopicAlias(alias))).await;
    }
    for payload in ["named", "by alias"] {
        for alias in 1..=maximum {
            let message = client.receive().await;
            assert_eq!((message.topic, message.payload), (format!("alias/{alias}"), payload.as_bytes().to_vec()));
        }
    }
}

#[tokio::test]
async fn mqtt5_3_3_2_12_a_topic_alias_can_be_given_another_name() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("alias/#", 1).await;
    for topic in ["alias/a", "", "alias/b", ""] {
        client.publish(Publish::new(topic, "").qos(1).property(Property::TopicAlias(1))).await;
    }
    let mut topics = Vec::new();
    for _ in 0..4 {
        topics.push(client.receive().await.topic);
    }
    assert_eq!(topics, ["alias/a", "alias/a", "alias/b", "alias/b"]);
}

#[tokio::test]
async fn mqtt5_3_3_2_13_a_response_topic_that_is_not_utf8_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(frame(0x30, &[0, 1, b't', 5, 0x08, 0, 2, 0xC3, 0x28])).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_14_a_response_topic_with_wildcards_is_not_taken() {
    let server = Server::start().await;
    is_not_taken(&server, Publish::new("t", "").property(Property::ResponseTopic("a/#".to_owned()))).await;
    is_not_taken(&server, Publish::new("t", "").property(Property::ResponseTopic("+".to_owned()))).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_15_the_response_topic_is_forwarded() {
    forwarded_unaltered(&[Property::ResponseTopic("answers/здесь".to_owned())]).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_16_the_correlation_data_is_forwarded() {
    forwarded_unaltered(&[Property::CorrelationData((0..=255).collect())]).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_17_user_properties_are_forwarded() {
    forwarded_unaltered(&[Property::user("name", "value"), Property::user("", ""), Property::user("ключ", "värde")]).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_18_user_properties_keep_their_order() {
    let pairs = [("z", "1"), ("a", "2"), ("z", "1"), ("m", ""), ("a", "1")];
    forwarded_unaltered(&pairs.map(|(name, value)| Property::user(name, value))).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_19_a_content_type_that_is_not_utf8_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(frame(0x30, &[0, 1, b't', 5, 0x03, 0, 2, 0xC3, 0x28])).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_3_3_2_20_the_content_type_is_forwarded() {
    forwarded_unaltered(&[Property::ContentType("application/json; charset=utf-8".to_owned())]).await;
}

#[tokio::test]
async fn mqtt5_3_3_4_1_each_qos_has_its_answer() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "")).await;
    client.ping().await;
    client.send_publish(&Publish::new("t", "").qos(1).id(5)).await;
    assert!(matches!(client.packet().await, Packet::PubAck(ack) if ack.id == 5 && ack.code < 0x80));
    client.send_publish(&Publish::new("t", "").qos(2).id(5)).await;
    assert!(matches!(client.packet().await, Packet::PubRec(ack) if ack.id == 5 && ack.code < 0x80));
}

/// Several overlapping subscriptions; how many copies come is the server's choice.
async fn overlapping(filters: &[(&str, u8, Option<u32>)]) -> (Client, Vec<Publish>) {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    for (filter, qos, identifier) in filters {
        let properties: Vec<_> = identifier.iter().map(|value| Property::SubscriptionIdentifier(Variable(*value))).collect();
        client.subscribe_with(&[Filter::new(filter, *qos)], &properties).await;
    }
    client.publish(Publish::new("a/b", "x").qos(2)).await;
    client.publish(Publish::new("a/b", "end").qos(2)).await;
    let mut copies = Vec::new();
    loop {
        let message = client.receive().await;
        if message.text() == "end" {
            return (client, copies);
        }
        copies.push(message);
    }
}

fn identifiers(message: &Publish) -> Vec<u32> {
    let identifier = |property: &Property| match property {
        Property::SubscriptionIdentifier(Variable(value)) => Some(*value),
        _ => None,
    };
    let mut all: Vec<u32> = message.properties.iter().filter_map(identifier).collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn mqtt5_3_3_4_2_overlapping_subscriptions_deliver_with_the_highest_qos() {
    let (_client, copies) = overlapping(&[("a/#", 1, None), ("a/b", 2, None), ("+/b", 0, None)]).await;
    assert_eq!(copies.iter().map(|copy| copy.qos).max(), Some(2));
    assert!(copies.len() == 1 || copies.len() == 3, "one copy, or one for each subscription: {}", copies.len());
}

#[tokio::test]
async fn mqtt5_3_3_4_3_the_identifiers_of_matching_subscriptions_are_sent() {
    let (_client, copies) = overlapping(&[("a/#", 1, Some(7)), ("a/b", 1, None), ("x", 1, Some(9))]).await;
    let sent: Vec<u32> = copies.iter().flat_map(identifiers).collect();
    assert_eq!(sent, [7]);
}

#[tokio::test]
async fn mqtt5_3_3_4_4_one_copy_carries_all_identifiers() {
    let (_client, copies) = overlapping(&[("a/#", 1, Some(1)), ("a/b", 2, Some(268_435_455)), ("+/b", 0, Some(1))]).await;
    if let [only] = &copies[..] {
        assert_eq!(identifiers(only), [1, 1, 268_435_455]);
    }
    let mut all: Vec<u32> = copies.iter().flat_map(identifiers).collect();
    all.sort_unstable();
    assert_eq!(all, [1, 1, 268_435_455]);
}

#[tokio::test]
async fn mqtt5_3_3_4_6_a_publish_from_a_client_has_no_subscription_identifier() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "").property(Property::SubscriptionIdentifier(Variable(1)))).await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn mqtt5_3_3_4_6_subscription_identifier_0_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let zero = [Property::SubscriptionIdentifier(Variable(0))];
    client.send(crate::wire::encode::subscribe(crate::wire::Version::V5, 1, &[Filter::new("a", 0)], &zero)).await;
    client.disconnected(0x82).await;
}
