//! MQTT 5 chapters 1 and 2: strings, integers, flags, packet identifiers, property lengths.

use std::collections::BTreeSet;

use crate::property;
use crate::server::Server;
use crate::wire::encode::{self, frame};
use crate::wire::{Connect, Packet, Property, Publish};

/// PUBLISH with QoS 0 and these bytes as its topic.
fn publish_to(topic: &[u8]) -> Vec<u8> {
    let mut body = (topic.len() as u16).to_be_bytes().to_vec();
    body.extend(topic);
    body.push(0);
    frame(0x30, &body)
}

#[tokio::test]
async fn mqtt5_1_5_4_1_ill_formed_utf8_closes_the_connection() {
    let server = Server::start().await;
    let overlong = [0xC0, 0xAF];
    let surrogate = [0xED, 0xA0, 0x80];
    let cut = [b'a', 0xE2, 0x82];
    for topic in [&overlong[..], &surrogate, &cut] {
        let mut client = server.v5("sender").await;
        client.send(publish_to(topic)).await;
        client.disconnected(0x81).await;
    }
}

#[tokio::test]
async fn mqtt5_1_5_4_1_ill_formed_utf8_in_a_filter_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("sender").await;
    client.send(frame(0x82, &[0, 1, 0, 0, 2, 0xC3, 0x28, 0])).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_1_5_4_2_a_null_character_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("sender").await;
    client.send(publish_to(b"a\0b")).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_1_5_4_3_a_byte_order_mark_is_a_character_like_others() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.subscribe("\u{FEFF}mark/#", 1).await;
    client.publish(Publish::new("mark/plain", "other topic").qos(1)).await;
    client.publish(Publish::new("\u{FEFF}mark/a", "kept").qos(1).property(Property::user("\u{FEFF}k", "\u{FEFF}"))).await;
    let message = client.receive().await;
    assert_eq!(message.topic, "\u{FEFF}mark/a");
    assert_eq!(message.properties, [Property::user("\u{FEFF}k", "\u{FEFF}")]);
}

/// The decoder refuses longer encodings; here every width is provoked.
#[tokio::test]
async fn mqtt5_1_5_5_1_lengths_are_encoded_in_as_few_bytes_as_possible() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.subscribe("size", 1).await;
    for size in [0, 118, 119, 120, 121, 122, 16_374, 16_375, 16_376, 16_377, 16_378, 16_379, 100_000] {
        client.publish(Publish::new("size", vec![b'x'; size]).qos(1)).await;
        assert_eq!(client.receive().await.payload.len(), size);
    }
}

#[tokio::test]
async fn mqtt5_1_5_5_1_a_length_of_five_bytes_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.send([0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_1_5_7_1_both_strings_of_a_pair_are_checked() {
    let server = Server::start().await;
    for pair in [[0x26, 0, 1, 0xFF, 0, 1, b'v'], [0x26, 0, 1, b'k', 0, 1, 0xFF], [0x26, 0, 1, 0, 0, 1, b'v']] {
        let mut client = server.v5("sender").await;
        let mut body = vec![0, 1, b't', pair.len() as u8];
        body.extend(pair);
        client.send(frame(0x30, &body)).await;
        client.disconnected(0x81).await;
    }
}

#[tokio::test]
async fn mqtt5_2_1_3_1_reserved_flags_close_the_connection() {
    let server = Server::start().await;
    for first in [0xC1, 0x41, 0x52, 0x74, 0xE8] {
        let mut client = server.v5("sender").await;
        let body: &[u8] = if first == 0xC1 || first == 0xE8 { &[] } else { &[0, 1] };
        client.send(frame(first, body)).await;
        client.disconnected(0x81).await;
    }
}

#[tokio::test]
async fn mqtt5_2_1_3_1_packet_type_0_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("sender").await;
    client.send([0x00, 0x00]).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_2_2_1_2_qos_0_has_no_packet_identifier() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "exactly this")).await;
    let message = client.receive().await;
    assert_eq!((message.qos, message.text()), (0, "exactly this"));
}

#[tokio::test]
async fn mqtt5_2_2_1_3_packet_identifier_0_closes_the_connection() {
    let server = Server::start().await;
    for packet in [
        encode::subscribe(crate::wire::Version::V5, 0, &[crate::wire::Filter::new("a", 0)], &[]),
        encode::unsubscribe(crate::wire::Version::V5, 0, &["a"]),
        Publish::new("a", "").qos(1).id(0).encode(crate::wire::Version::V5),
        Publish::new("a", "").qos(2).id(0).encode(crate::wire::Version::V5),
    ] {
        let mut client = server.v5("sender").await;
        client.send(packet).await;
        client.closed().await;
    }
}

#[tokio::test]
async fn mqtt5_2_2_1_4_messages_in_flight_have_different_packet_identifiers() {
    let server = Server::start().await;
    let mut subscriber = server.v5("subscriber").await;
    let mut publisher = server.v5("publisher").await;
    subscriber.subscribe("t", 2).await;
    let mut used = BTreeSet::new();
    for number in 0..20 {
        publisher.publish(Publish::new("t", "").qos(1 + number % 2)).await;
        let message = subscriber.take().await;
        assert!(message.id != 0 && used.insert(message.id), "identifier {} is in use", message.id);
    }
}

#[tokio::test]
async fn mqtt5_2_2_1_5_acknowledgements_carry_the_identifier_of_their_publish() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    for id in [1, 255, 256, 4_242, 65_535] {
        client.send_publish(&Publish::new("t", "").qos(1).id(id)).await;
        assert_eq!(client.puback().await.id, id);
        client.send_publish(&Publish::new("t", "").qos(2).id(id)).await;
        assert_eq!(client.pubrec().await.id, id);
        client.send_ack(encode::PUBREL, id).await;
        assert_eq!(client.pubcomp().await.id, id);
    }
}

#[tokio::test]
async fn mqtt5_2_2_1_6_suback_and_unsuback_carry_the_identifier_of_their_request() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    for id in [1, 300, 65_535] {
        client.send(encode::subscribe(crate::wire::Version::V5, id, &[crate::wire::Filter::new("a", 0)], &[])).await;
        assert!(matches!(client.control().await, Packet::SubAck(codes) if codes.id == id));
        client.send(encode::unsubscribe(crate::wire::Version::V5, id, &["a"])).await;
        assert!(matches!(client.control().await, Packet::UnsubAck(codes) if codes.id == id));
    }
}

#[tokio::test]
async fn mqtt5_2_2_2_1_no_properties_are_a_length_of_zero() {
    let server = Server::start().await;
    let mut client = server.v5("client").await;
    client.subscribe("t", 1).await;
    client.publish(Publish::new("t", "").qos(1)).await;
    let message = client.receive().await;
    assert_eq!(
        (message.properties.len(), message.payload.len()),
        (0, 0),
        "the length was there, or the packet would have been too short"
    );
}

#[tokio::test]
async fn mqtt5_2_2_2_1_a_property_of_another_packet_closes_the_connection() {
    let server = Server::start().await;
    for property in [Property::SessionExpiry(1), Property::ServerKeepAlive(1), Property::ReasonString("no".to_owned())] {
        let mut client = server.v5("sender").await;
        client.send_publish(&Publish::new("t", "").property(property)).await;
        client.closed().await;
    }
}

#[tokio::test]
async fn mqtt5_2_2_2_1_a_property_that_comes_twice_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("sender").await;
    let twice = Publish::new("t", "").property(Property::PayloadFormat(1)).property(Property::PayloadFormat(1));
    client.send_publish(&twice).await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn mqtt5_2_2_2_1_user_properties_may_come_several_times() {
    let server = Server::start().await;
    let connect = Connect::v5("client").property(Property::user("a", "1")).property(Property::user("a", "1"));
    let client = server.client(connect).await;
    assert_eq!(property!(client.connack.properties, AuthenticationMethod), None);
}
