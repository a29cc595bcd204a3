//! MQTT 5 §3.3.1.3: retained messages.

use crate::server::Server;
use crate::wire::{Connect, Filter, Property, Publish};

#[tokio::test]
async fn mqtt5_3_3_1_5_the_last_retained_message_of_a_topic_is_kept() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    publisher.publish(Publish::new("t", "old").qos(1).retain()).await;
    publisher.publish(Publish::new("t", "new").qos(2).retain()).await;
    let mut later = server.v5("later").await;
    later.subscribe("t", 2).await;
    let message = later.receive().await;
    assert_eq!((message.text(), message.retain, message.qos), ("new", true, 2));
    later.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_3_1_5_properties_are_retained_too() {
    let server = Server::start().await;
    let properties = [Property::ContentType("text/plain".to_owned()), Property::user("b", "1"), Property::user("a", "2")];
    let message = properties.iter().cloned().fold(Publish::new("t", "x").qos(1).retain(), Publish::property);
    server.v5("publisher").await.publish(message).await;
    let mut later = server.v5("later").await;
    later.subscribe("+", 1).await;
    assert_eq!(later.receive().await.properties, properties);
}

#[tokio::test]
async fn mqtt5_3_3_1_6_an_empty_retained_message_removes_and_is_delivered() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.publish(Publish::new("t", "kept").qos(1).retain()).await;
    client.subscribe_with(&[Filter::new("t", 1).retain_handling(2)], &[]).await;
    client.publish(Publish::new("t", "").qos(1).retain()).await;
    let removal = client.receive().await;
    assert_eq!((removal.payload.len(), removal.retain), (0, false), "it is delivered like any other");
    let mut later = server.v5("later").await;
    later.subscribe("t", 1).await;
    later.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_3_1_7_an_empty_retained_message_is_not_stored() {
    let server = Server::start().await;
    server.v5("publisher").await.publish(Publish::new("t", "").qos(1).retain()).await;
    let mut later = server.v5("later").await;
    later.subscribe("t", 1).await;
    later.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_3_1_8_a_message_without_retain_leaves_the_retained_one() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    publisher.publish(Publish::new("t", "kept").qos(1).retain()).await;
    publisher.publish(Publish::new("t", "passing").qos(1)).await;
    publisher.publish(Publish::new("t", "").qos(1)).await;
    let mut later = server.v5("later").await;
    later.subscribe("t", 1).await;
    assert_eq!(later.receive().await.text(), "kept");
    later.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_3_1_9_retain_handling_0_sends_them_at_every_subscribe() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    for topic in ["r/a", "r/b", "r/b/c", "other"] {
        client.publish(Publish::new(topic, topic).qos(1).retain()).await;
    }
    for _ in 0..2 {
        client.subscribe("r/#", 1).await;
        let mut topics = Vec::new();
        for _ in 0..3 {
            let message = client.receive().await;
            assert!(message.retain);
            topics.push(message.topic);
        }
        topics.sort();
        assert_eq!(topics, ["r/a", "r/b", "r/b/c"]);
    }
    client.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_3_1_10_retain_handling_1_sends_them_to_new_subscriptions_only() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.publish(Publish::new("t", "kept").qos(1).retain()).await;
    client.subscribe_with(&[Filter::new("t", 1).retain_handling(1)], &[]).await;
    assert_eq!(client.receive().await.text(), "kept");
    client.subscribe_with(&[Filter::new("t", 1).retain_handling(1)], &[]).await;
    client.has_nothing_more().await;
    client.unsubscribe(&["t"]).await;
    client.subscribe_with(&[Filter::new("t", 1).retain_handling(1)], &[]).await;
    assert_eq!(client.receive().await.text(), "kept", "after UNSUBSCRIBE it is new again");
}

#[tokio::test]
async fn mqtt5_3_3_1_10_a_resumed_subscription_is_not_new() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.publish(Publish::new("t", "kept").qos(1).retain()).await;
    client.subscribe_with(&[Filter::new("t", 1).retain_handling(1)], &[]).await;
    assert_eq!(client.receive().await.text(), "kept");
    client.ping().await;
    client.disconnect().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    again.subscribe_with(&[Filter::new("t", 1).retain_handling(1)], &[]).await;
    again.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_3_1_11_retain_handling_2_sends_none() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.publish(Publish::new("t", "kept").qos(1).retain()).await;
    client.subscribe_with(&[Filter::new("t", 1).retain_handling(2)], &[]).await;
    client.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_3_1_11_retain_handling_3_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client
        .send(crate::wire::encode::subscribe(crate::wire::Version::V5, 1, &[Filter::new("t", 1).retain_handling(3)], &[]))
        .await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn mqtt5_3_3_1_12_retain_as_published_0_clears_the_flag() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.subscribe("t", 1).await;
    client.publish(Publish::new("t", "retained").qos(1).retain()).await;
    assert!(!client.receive().await.retain);
}

#[tokio::test]
async fn mqtt5_3_3_1_13_retain_as_published_1_keeps_the_flag() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.subscribe_with(&[Filter::new("t", 1).retain_as_published()], &[]).await;
    client.publish(Publish::new("t", "retained").qos(1).retain()).await;
    assert!(client.receive().await.retain);
    client.publish(Publish::new("t", "not").qos(1)).await;
    assert!(!client.receive().await.retain);
}

#[tokio::test]
async fn mqtt5_3_3_1_13_retain_as_published_survives_the_queue_of_an_absent_client() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe_with(&[Filter::new("t", 1).retain_as_published()], &[]).await;
    client.disconnect().await;
    server.v5("publisher").await.publish(Publish::new("t", "retained").qos(1).retain()).await;
    assert!(server.client(Connect::v5("c").durable()).await.receive().await.retain);
}

#[tokio::test]
async fn a_shared_subscription_gets_no_retained_messages() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.publish(Publish::new("t", "kept").qos(1).retain()).await;
    client.subscribe("$share/group/t", 1).await;
    client.has_nothing_more().await;
}

#[tokio::test]
async fn a_retained_message_expires() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.publish(Publish::new("short", "x").qos(1).retain().property(Property::MessageExpiry(1))).await;
    client.publish(Publish::new("long", "y").qos(1).retain().property(Property::MessageExpiry(100))).await;
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    client.subscribe("+", 1).await;
    let message = client.receive().await;
    assert_eq!(message.topic, "long");
    assert!(matches!(message.properties[..], [Property::MessageExpiry(97..=99)]), "{:?}", message.properties);
    client.unsubscribe(&["+"]).await;
    client.has_nothing_more().await;
}

#[tokio::test]
async fn a_retained_message_survives_a_restart() {
    let mut server = Server::start().await;
    server.v5("publisher").await.publish(Publish::new("t", "kept").qos(1).retain()).await;
    server.restart().await;
    let mut later = server.v5("later").await;
    later.subscribe("t", 1).await;
    assert_eq!(later.receive().await.text(), "kept");
}
