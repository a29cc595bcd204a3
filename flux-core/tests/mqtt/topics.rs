//! MQTT 5 §4.7: topic names and filters.

use crate::publish::is_not_taken;
use crate::server::Server;
use crate::wire::{Filter, Packet, Publish};

/// Each of these filters is refused, and the connection goes on.
async fn refused_filters(filters: &[&str]) {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    for filter in filters {
        let codes = client.subscribe_with(&[Filter::new(filter, 1)], &[]).await.codes;
        assert_eq!(codes, [0x8F], "{filter} is refused");
    }
    let mut old = server.v311("old").await;
    for filter in filters {
        assert_eq!(
            old.subscribe_with(&[Filter::new(filter, 1)], &[]).await.codes,
            [0x80],
            "{filter} is refused in version 3.1.1"
        );
    }
}

/// The topics that `filter` gets of `topics`.
async fn matched(filter: &str, topics: &[&str]) -> Vec<String> {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe(filter, 0).await;
    client.subscribe("the/end", 0).await;
    for topic in topics.iter().chain(&["the/end"]) {
        client.publish(Publish::new(topic, "")).await;
    }
    let mut received = Vec::new();
    loop {
        let topic = client.receive().await.topic;
        if topic == "the/end" {
            return received;
        }
        received.push(topic);
    }
}

#[tokio::test]
async fn mqtt5_4_7_0_1_wildcards_have_no_place_in_a_topic_name() {
    let server = Server::start().await;
    for topic in ["#", "+", "a/#", "+/b", "a+"] {
        is_not_taken(&server, Publish::new(topic, "")).await;
    }
}

#[tokio::test]
async fn mqtt5_4_7_1_1_the_multi_level_wildcard_stands_alone_and_last() {
    refused_filters(&["a#", "a/#/b", "#/a", "a/b#", "##"]).await;
}

#[tokio::test]
async fn mqtt5_4_7_1_1_the_multi_level_wildcard_matches_the_parent_and_all_below() {
    let topics = ["sport", "sport/", "sport/tennis", "sport/tennis/player1/ranking", "sports", "a/sport"];
    assert_eq!(matched("sport/#", &topics).await, topics[..4]);
}

#[tokio::test]
async fn mqtt5_4_7_1_2_the_single_level_wildcard_is_a_whole_level() {
    refused_filters(&["a+", "+a", "a/b+/c", "a/+b"]).await;
}

#[tokio::test]
async fn mqtt5_4_7_1_2_the_single_level_wildcard_matches_one_level() {
    let topics = ["sport/tennis", "sport/", "sport", "sport/tennis/player1", "/sport"];
    assert_eq!(matched("sport/+", &topics).await, topics[..2]);
    assert_eq!(matched("+/+", &["/finance", "a/b", "a", "a/b/c"]).await, ["/finance", "a/b"]);
}

#[tokio::test]
async fn mqtt5_4_7_2_1_wildcards_do_not_match_dollar_topics() {
    let server = Server::with(&[("mqtt.sys_interval", "1s")]).await;
    let mut all = server.v5("all").await;
    for filter in ["#", "+/broker/#", "+/#"] {
        all.subscribe(filter, 0).await;
    }
    let mut system = server.v5("system").await;
    system.subscribe("$SYS/#", 0).await;
    assert!(system.receive().await.topic.starts_with("$SYS/broker/"), "there are such topics");
    all.publish(Publish::new("plain", "").qos(1)).await;
    assert_eq!(all.receive().await.topic, "plain", "none of them came here");
}

#[tokio::test]
async fn mqtt5_4_7_3_1_topics_and_filters_are_not_empty() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("", "").qos(1).id(1)).await;
    match client.next().await {
        Some(Packet::PubAck(ack)) => assert!(ack.code >= 0x80),
        Some(Packet::Disconnect(reason)) => assert!(reason.code >= 0x80),
        other => assert_eq!(other, None),
    }
    refused_filters(&[""]).await;
}

#[tokio::test]
async fn mqtt5_4_7_3_2_topics_have_no_null_character() {
    let server = Server::start().await;
    let mut publisher = server.v5("publisher").await;
    publisher.send_publish(&Publish::new("a\0", "")).await;
    publisher.disconnected(0x81).await;
    let mut subscriber = server.v5("subscriber").await;
    let filter = [Filter::new("a\0", 0)];
    subscriber.send(crate::wire::encode::subscribe(crate::wire::Version::V5, 1, &filter, &[])).await;
    subscriber.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_4_7_3_3_topics_may_be_65535_bytes_long() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("long/#", 1).await;
    let topic = format!("long/{}", "x".repeat(65_535 - 5));
    client.publish(Publish::new(&topic, "").qos(1)).await;
    assert_eq!(client.receive().await.topic, topic);
}

#[tokio::test]
async fn mqtt5_4_7_3_4_topics_are_compared_as_they_are() {
    let composed = "caf\u{e9}";
    let decomposed = "cafe\u{301}";
    let topics = [composed, decomposed, "CAF\u{c9}", "caf\u{e9}/", "/caf\u{e9}", " caf\u{e9}", "caf\u{e9} "];
    assert_eq!(matched(composed, &topics).await, [composed]);
    assert_eq!(matched("a//b", &["a/b", "a//b", "a/ /b"]).await, ["a//b"]);
}

#[tokio::test]
async fn a_topic_of_too_many_levels_is_refused_without_harm() {
    let server = Server::with(&[("mqtt.max_topic_levels", "8")]).await;
    is_not_taken(&server, Publish::new("1/2/3/4/5/6/7/8/9", "")).await;
    let mut client = server.v5("c").await;
    assert!(client.subscribe_with(&[Filter::new("1/2/3/4/5/6/7/8/9", 0)], &[]).await.codes[0] >= 0x80);
    client.subscribe("1/2/3/4/5/6/7/8", 0).await;
}

#[tokio::test]
async fn the_sys_tree_tells_about_the_server() {
    let server = Server::with(&[("mqtt.sys_interval", "1s")]).await;
    let mut client = server.v5("c").await;
    client.subscribe("$SYS/broker/#", 0).await;
    let mut topics = std::collections::BTreeSet::new();
    while !(topics.contains("$SYS/broker/version") && topics.contains("$SYS/broker/uptime")) {
        let message = client.receive().await;
        assert!(!message.payload.is_empty(), "{} is empty", message.topic);
        topics.insert(message.topic);
    }
}

#[tokio::test]
async fn clients_cannot_write_into_the_sys_tree() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("$SYS/forged", 1).await;
    is_not_taken(&server, Publish::new("$SYS/forged", "x")).await;
    client.has_nothing_more().await;
}
