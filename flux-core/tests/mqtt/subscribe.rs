//! MQTT 5 §3.8 to §3.11: SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK.

use crate::server::Server;
use crate::wire::encode::{PUBREC, frame, subscribe};
use crate::wire::{Connect, Filter, Packet, Publish, Version};

#[tokio::test]
async fn mqtt5_3_8_1_1_subscribe_with_other_flags_closes_the_connection() {
    let server = Server::start().await;
    for first in [0x80, 0x83, 0x8A] {
        let mut client = server.v5("c").await;
        client.send(frame(first, &[0, 1, 0, 0, 1, b'a', 0])).await;
        client.disconnected(0x81).await;
    }
}

#[tokio::test]
async fn mqtt5_3_8_3_1_a_filter_that_is_not_utf8_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(frame(0x82, &[0, 1, 0, 0, 1, 0x80, 0])).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_3_8_3_2_subscribe_without_filter_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(subscribe(Version::V5, 1, &[], &[])).await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn mqtt5_3_8_3_3_no_local_keeps_own_messages_away() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let mut other = server.v5("other").await;
    client.subscribe_with(&[Filter::new("t", 1).no_local()], &[]).await;
    client.publish(Publish::new("t", "own").qos(1)).await;
    other.publish(Publish::new("t", "foreign").qos(1)).await;
    assert_eq!(client.receive().await.text(), "foreign");
}

#[tokio::test]
async fn mqtt5_3_8_3_3_no_local_holds_for_messages_published_before_a_reconnect() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe_with(&[Filter::new("t", 1).no_local()], &[]).await;
    client.publish(Publish::new("t", "own").qos(1)).await;
    client.vanish().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    again.publish(Publish::new("t", "own too").qos(1)).await;
    again.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_8_3_4_no_local_on_a_shared_subscription_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(subscribe(Version::V5, 1, &[Filter::new("$share/g/t", 1).no_local()], &[])).await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn mqtt5_3_8_3_5_reserved_option_bits_close_the_connection() {
    let server = Server::start().await;
    for options in [0x40, 0x80, 0xC1] {
        let mut client = server.v5("c").await;
        client.send(subscribe(Version::V5, 1, &[Filter { filter: "t".to_owned(), options }], &[])).await;
        client.disconnected(0x81).await;
    }
}

#[tokio::test]
async fn mqtt5_3_8_3_5_qos_3_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(subscribe(Version::V5, 1, &[Filter::new("t", 3)], &[])).await;
    client.closed().await;
}

#[tokio::test]
async fn mqtt5_3_8_4_1_subscribe_is_answered_with_suback() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(subscribe(Version::V5, 1, &[Filter::new("t", 1)], &[])).await;
    assert!(matches!(client.packet().await, Packet::SubAck(codes) if codes.codes == [1]));
}

#[tokio::test]
async fn mqtt5_3_8_4_2_suback_has_the_identifier_of_its_subscribe() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(subscribe(Version::V5, 4_711, &[Filter::new("t", 1)], &[])).await;
    assert!(matches!(client.packet().await, Packet::SubAck(codes) if codes.id == 4_711));
}

#[tokio::test]
async fn mqtt5_3_8_4_3_the_same_filter_replaces_the_subscription() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 0).await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "once").qos(2)).await;
    assert_eq!(client.receive().await.qos, 2);
    client.has_nothing_more().await;
    client.subscribe("t", 0).await;
    client.publish(Publish::new("t", "lower").qos(2)).await;
    assert_eq!(client.receive().await.qos, 0);
}

#[tokio::test]
async fn mqtt5_3_8_4_4_replacing_a_subscription_sends_retained_messages_and_loses_none() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.publish(Publish::new("kept", "retained").qos(1).retain()).await;
    client.subscribe("#", 1).await;
    assert_eq!(client.receive().await.text(), "retained");
    let mut publisher = server.v5("publisher").await;
    let publishing = async {
        for number in 0..200 {
            publisher.publish(Publish::new("count", number.to_string()).qos(1)).await;
        }
    };
    let replacing = async {
        for _ in 0..20 {
            client.subscribe("#", 1).await;
        }
    };
    tokio::join!(publishing, replacing);
    let (mut counted, mut retained) = (0, 0);
    while counted < 200 || retained < 20 {
        let message = client.receive().await;
        if message.topic == "count" {
            assert_eq!(message.text(), counted.to_string());
            counted += 1;
        } else {
            retained += 1;
        }
    }
}

#[tokio::test]
async fn mqtt5_3_8_4_5_several_filters_are_several_subscriptions() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let filters = [Filter::new("a", 0), Filter::new("b", 1), Filter::new("c", 2), Filter::new("a", 2)];
    assert_eq!(client.subscribe_with(&filters, &[]).await.codes, [0, 1, 2, 2]);
    for (topic, qos) in [("a", 2), ("b", 1), ("c", 2)] {
        client.publish(Publish::new(topic, "").qos(2)).await;
        assert_eq!(client.receive().await.qos, qos, "{topic}");
    }
}

#[tokio::test]
async fn mqtt5_3_8_4_6_suback_has_a_code_for_each_filter() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let filters: Vec<Filter> = (0..50).map(|number| Filter::new(&format!("t/{number}"), number % 3)).collect();
    let wanted: Vec<u8> = (0..50).map(|number| number % 3).collect();
    assert_eq!(client.subscribe_with(&filters, &[]).await.codes, wanted);
}

#[tokio::test]
async fn mqtt5_3_8_4_7_a_code_is_the_granted_qos_or_a_failure() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let filters = [Filter::new("good", 2), Filter::new("bad/#/filter", 2), Filter::new("fine", 1)];
    assert_eq!(client.subscribe_with(&filters, &[]).await.codes, [2, 0x8F, 1]);
    client.publish(Publish::new("fine", "works").qos(1)).await;
    assert_eq!(client.receive().await.text(), "works");
}

#[tokio::test]
async fn mqtt5_3_8_4_8_messages_have_the_lower_of_both_qos() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    for granted in 0..=2 {
        client.subscribe("t", granted).await;
        for published in 0..=2 {
            client.publish(Publish::new("t", "").qos(published)).await;
            assert_eq!(client.receive().await.qos, granted.min(published));
        }
    }
}

#[tokio::test]
async fn mqtt5_3_9_3_1_codes_are_in_the_order_of_the_filters() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let filters = [Filter::new("z", 2), Filter::new("#/bad", 0), Filter::new("a", 0), Filter::new("m", 1)];
    assert_eq!(client.subscribe_with(&filters, &[]).await.codes, [2, 0x8F, 0, 1]);
}

/// The decoder knows the codes of SUBACK.
#[tokio::test]
async fn mqtt5_3_9_3_2_suback_uses_its_codes() {
    let server = Server::with(&[("mqtt.max_subscriptions_per_client", "2")]).await;
    let mut client = server.v5("c").await;
    let filters = ["a", "b", "c", "a"].map(|filter| Filter::new(filter, 1));
    assert_eq!(
        client.subscribe_with(&filters, &[]).await.codes,
        [1, 1, 0x97, 1],
        "the third is one too many, the fourth is not new"
    );
}

#[tokio::test]
async fn mqtt5_3_10_1_1_unsubscribe_with_other_flags_closes_the_connection() {
    let server = Server::start().await;
    for first in [0xA0, 0xA3, 0xAA] {
        let mut client = server.v5("c").await;
        client.send(frame(first, &[0, 1, 0, 0, 1, b'a'])).await;
        client.disconnected(0x81).await;
    }
}

#[tokio::test]
async fn mqtt5_3_10_3_1_a_filter_that_is_not_utf8_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(frame(0xA2, &[0, 1, 0, 0, 1, 0x80])).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_3_10_3_2_unsubscribe_without_filter_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(frame(0xA2, &[0, 1, 0])).await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn mqtt5_3_10_4_1_filters_are_compared_character_by_character() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("a/+", 1).await;
    assert_eq!(client.unsubscribe(&["a/b", "a/#", "A/+", "a/+/", "#"]).await.codes, [0x11; 5]);
    client.publish(Publish::new("a/b", "still").qos(1)).await;
    assert_eq!(client.receive().await.text(), "still");
    assert_eq!(client.unsubscribe(&["a/+"]).await.codes, [0]);
    client.publish(Publish::new("a/b", "no more").qos(1)).await;
    client.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_10_4_2_nothing_new_is_added_after_unsubscribe() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let mut publisher = server.v5("publisher").await;
    client.subscribe("t", 1).await;
    publisher.publish(Publish::new("t", "before").qos(1)).await;
    client.unsubscribe(&["t"]).await;
    publisher.publish(Publish::new("t", "after").qos(1)).await;
    assert_eq!(client.receive().await.text(), "before");
    client.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_10_4_3_what_was_begun_is_completed_after_unsubscribe() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").durable()).await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "begun").qos(2)).await;
    let message = client.take().await;
    client.unsubscribe(&["t"]).await;
    client.vanish().await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    let second = again.take().await;
    assert_eq!((second.id, second.dup, second.text()), (message.id, true, "begun"));
    again.send_ack(PUBREC, second.id).await;
    assert_eq!(again.pubrel().await.id, second.id);
}

#[tokio::test]
async fn mqtt5_3_10_4_4_unsubscribe_is_answered_with_unsuback() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("t", 1).await;
    assert_eq!(client.unsubscribe(&["t"]).await.codes, [0]);
}

#[tokio::test]
async fn mqtt5_3_10_4_5_unsubscribe_from_nothing_is_answered_too() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    assert_eq!(client.unsubscribe(&["never"]).await.codes, [0x11]);
}

#[tokio::test]
async fn mqtt5_3_10_4_6_several_filters_are_one_unsuback() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let filters = ["a", "b", "c"].map(|filter| Filter::new(filter, 0));
    client.subscribe_with(&filters, &[]).await;
    assert_eq!(client.unsubscribe(&["a", "c"]).await.codes, [0, 0]);
    for topic in ["a", "b", "c"] {
        client.publish(Publish::new(topic, "")).await;
    }
    assert_eq!(client.receive().await.topic, "b");
    client.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_11_3_1_codes_are_in_the_order_of_the_filters() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.subscribe("b", 0).await;
    client.subscribe("$share/g/d", 0).await;
    assert_eq!(client.unsubscribe(&["a", "b", "c", "$share/g/d", "b"]).await.codes, [0x11, 0, 0x11, 0, 0x11]);
}

/// The decoder knows the codes of UNSUBACK.
#[tokio::test]
async fn mqtt5_3_11_3_2_unsuback_uses_its_codes() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let codes = client.unsubscribe(&["never", "bad/#/filter"]).await.codes;
    assert_eq!(codes[0], 0x11);
    assert!([0x11, 0x8F].contains(&codes[1]));
}
