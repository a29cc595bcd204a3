//! MQTT 5 §3.1: the header of CONNECT.

use std::time::Duration;

use crate::property;
use crate::server::Server;
use crate::wire::encode::frame;
use crate::wire::{Client, Connect, Packet, Property, Publish, Version};

/// Sends bytes as the first packet and expects to be refused: the reason code, or none when the server just closes.
pub async fn refused(server: &Server, version: Version, bytes: impl AsRef<[u8]>) -> Option<u8> {
    let mut client = Client::open(server.address(), version).await;
    client.send(bytes).await;
    let code = match client.next().await {
        None => return None,
        Some(Packet::ConnAck(connack)) => connack.code,
        other => panic!("[MQTT-3.2.0-1] only CONNACK may refuse a client, not {other:?}"),
    };
    assert_ne!(code, 0, "this client must be refused");
    assert_eq!(client.next().await, None, "[MQTT-3.2.2-7] a refused client is disconnected");
    Some(code)
}

fn connect_with(name: &str, level: u8, flags: u8) -> Vec<u8> {
    let mut body = (name.len() as u16).to_be_bytes().to_vec();
    body.extend(name.as_bytes());
    body.extend([level, flags, 0, 60, 0, 0, 1, b'c']);
    frame(0x10, &body)
}

#[tokio::test]
async fn mqtt5_3_1_0_1_another_first_packet_closes_the_connection() {
    let server = Server::start().await;
    for bytes in [vec![0xC0, 0], Publish::new("t", "").encode(Version::V5), vec![0xE0, 0], b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
        assert_eq!(refused(&server, Version::V5, bytes).await, None);
    }
}

#[tokio::test]
async fn mqtt5_3_1_0_2_a_second_connect_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("twice").await;
    client.send(Connect::v5("twice").encode()).await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn mqtt5_3_1_2_1_another_protocol_name_is_refused() {
    let server = Server::start().await;
    for name in ["mqtt", "MQTTX", "HTTP", ""] {
        let code = refused(&server, Version::V5, connect_with(name, 5, 2)).await;
        assert!(matches!(code, None | Some(0x84 | 0x81 | 0x01)), "{name} was refused with {code:?}");
    }
}

#[tokio::test]
async fn mqtt5_3_1_2_2_another_protocol_version_is_refused() {
    let server = Server::start().await;
    for level in [0, 1, 2, 6, 127] {
        let code = refused(&server, Version::V5, connect_with("MQTT", level, 2)).await;
        assert!(matches!(code, None | Some(0x84 | 0x01)), "version {level} was refused with {code:?}");
    }
}

#[tokio::test]
async fn mqtt5_3_1_2_3_the_reserved_connect_flag_is_refused() {
    let server = Server::start().await;
    let code = refused(&server, Version::V5, connect_with("MQTT", 5, 3)).await;
    assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_2_4_clean_start_discards_the_session() {
    let server = Server::start().await;
    let mut first = server.client(Connect::v5("c").durable()).await;
    first.subscribe("t", 1).await;
    first.disconnect().await;
    server.v5("publisher").await.publish(Publish::new("t", "for the old session").qos(1)).await;
    let mut fresh = server.client(Connect::v5("c")).await;
    assert!(!fresh.connack.session_present);
    server.v5("publisher").await.publish(Publish::new("t", "nobody subscribes").qos(1)).await;
    fresh.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_1_2_5_without_clean_start_the_session_goes_on() {
    let server = Server::start().await;
    let mut first = server.client(Connect::v5("c").durable()).await;
    first.subscribe("t", 1).await;
    first.disconnect().await;
    server.v5("publisher").await.publish(Publish::new("t", "while away").qos(1)).await;
    let mut again = server.client(Connect::v5("c").durable()).await;
    assert!(again.connack.session_present);
    assert_eq!(again.receive().await.text(), "while away");
    server.v5("publisher").await.publish(Publish::new("t", "still subscribed").qos(1)).await;
    assert_eq!(again.receive().await.text(), "still subscribed");
}

#[tokio::test]
async fn mqtt5_3_1_2_6_without_clean_start_and_session_a_new_one_begins() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("new").resume()).await;
    assert!(!client.connack.session_present);
    client.subscribe("t", 0).await;
}

#[tokio::test]
async fn mqtt5_3_1_2_16_a_user_name_without_its_flag_is_refused() {
    let server = Server::start().await;
    let connect = Connect { username: Some("user".to_owned()), ..Connect::v5("c") };
    let code = refused(&server, Version::V5, connect.encode_with_flags(0x02)).await;
    assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_2_17_a_user_name_flag_without_user_name_is_refused() {
    let server = Server::start().await;
    let code = refused(&server, Version::V5, Connect::v5("c").encode_with_flags(0x82)).await;
    assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_2_18_a_password_without_its_flag_is_refused() {
    let server = Server::start().await;
    let code = refused(&server, Version::V5, Connect::v5("c").login("user", "password").encode_with_flags(0x82)).await;
    assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_2_19_a_password_flag_without_password_is_refused() {
    let server = Server::start().await;
    let code = refused(&server, Version::V5, Connect::v5("c").encode_with_flags(0x42)).await;
    assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_2_22_silence_beyond_one_and_a_half_keep_alives_closes_the_connection() {
    let server = Server::start().await;
    let mut watcher = server.v5("watcher").await;
    watcher.subscribe("will", 0).await;
    let mut client = server.client(Connect::v5("silent").keep_alive(1).will(Publish::new("will", "gone"))).await;
    let began = tokio::time::Instant::now();
    client.disconnected(0x8D).await;
    assert!(began.elapsed() >= Duration::from_millis(1_400), "closed after {:?} already", began.elapsed());
    assert_eq!(watcher.receive().await.text(), "gone", "as if the network had failed: with the will");
}

#[tokio::test]
async fn mqtt5_3_1_2_22_any_packet_keeps_the_connection() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("busy").keep_alive(1)).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(600)).await;
        client.ping().await;
    }
}

#[tokio::test]
async fn mqtt5_3_1_2_22_keep_alive_0_is_no_keep_alive() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("patient").keep_alive(0)).await;
    client.stays_silent(Duration::from_secs(3)).await;
    client.ping().await;
}

#[tokio::test]
async fn mqtt5_3_1_2_23_the_session_is_kept_for_its_expiry_interval() {
    let server = Server::start().await;
    server.client(Connect::v5("c").resume().property(Property::SessionExpiry(60))).await.vanish().await;
    let again = server.client(Connect::v5("c").resume()).await;
    assert!(again.connack.session_present, "60 seconds have not passed");
    again.disconnect().await;
    let third = server.client(Connect::v5("c").resume()).await;
    assert!(!third.connack.session_present, "the second connection asked for 0 seconds");
}

#[tokio::test]
async fn mqtt5_3_1_2_24_packets_above_the_maximum_are_not_sent() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("small").property(Property::MaximumPacketSize(64))).await;
    let mut publisher = server.v5("publisher").await;
    client.subscribe("t", 1).await;
    // Fixed header 2, topic 3, identifier 2, property length 1: 8 bytes beside the payload.
    for payload in [57, 56, 1_000, 1] {
        publisher.publish(Publish::new("t", vec![b'x'; payload]).qos(1)).await;
    }
    assert_eq!(client.receive().await.payload.len(), 56, "exactly 64 bytes fit");
    assert_eq!(client.receive().await.payload.len(), 1);
}

#[tokio::test]
async fn mqtt5_3_1_2_25_what_is_too_large_counts_as_sent() {
    let server = Server::start().await;
    let narrow = Connect::v5("small").property(Property::MaximumPacketSize(64)).property(Property::ReceiveMaximum(2));
    let mut client = server.client(narrow).await;
    let mut other = server.v5("large").await;
    let mut publisher = server.v5("publisher").await;
    client.subscribe("t", 2).await;
    other.subscribe("t", 2).await;
    for number in 0..10 {
        publisher.publish(Publish::new("t", vec![b'x'; 100]).qos(1 + number % 2)).await;
    }
    publisher.publish(Publish::new("t", "fits").qos(1)).await;
    assert_eq!(client.receive().await.text(), "fits", "the others took no place in the window");
    for _ in 0..10 {
        assert_eq!(other.receive().await.payload.len(), 100, "others get what they can take");
    }
}

#[tokio::test]
async fn mqtt5_3_1_2_26_topic_aliases_stay_within_the_clients_maximum() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").property(Property::TopicAliasMaximum(2))).await;
    let mut publisher = server.v5("publisher").await;
    client.subscribe("alias/#", 0).await;
    let mut names = vec![String::new(); 3];
    for round in 0..3 {
        for topic in ["alias/one", "alias/two", "alias/three", "alias/four"] {
            publisher.publish(Publish::new(topic, topic)).await;
            let message = client.receive().await;
            let name = match property!(message.properties, TopicAlias) {
                None => message.topic.clone(),
                Some(alias) => {
                    assert!((1..=2).contains(&alias), "alias {alias} in round {round}");
                    if !message.topic.is_empty() {
                        names[usize::from(alias)].clone_from(&message.topic);
                    }
                    names[usize::from(alias)].clone()
                }
            };
            assert_eq!(name, message.text());
        }
    }
}

#[tokio::test]
async fn mqtt5_3_1_2_27_without_a_maximum_no_topic_alias_is_sent() {
    let server = Server::start().await;
    for (id, connect) in [("absent", Connect::v5("a")), ("zero", Connect::v5("z").property(Property::TopicAliasMaximum(0)))] {
        let mut client = server.client(connect).await;
        client.subscribe("t", 0).await;
        for _ in 0..3 {
            client.publish(Publish::new("t", "")).await;
            let message = client.receive().await;
            assert_eq!((message.topic.as_str(), message.properties.len()), ("t", 0), "{id}");
        }
    }
}

#[tokio::test]
async fn mqtt5_3_1_2_28_response_information_is_not_sent_unasked() {
    let server = Server::start().await;
    let connects = [Connect::v5("a"), Connect::v5("b").property(Property::RequestResponseInformation(0))];
    for connect in connects {
        let client = server.client(connect).await;
        assert_eq!(property!(client.connack.properties, ResponseInformation), None);
    }
}

#[tokio::test]
async fn mqtt5_3_1_2_29_without_problem_information_no_reason_is_spelled_out() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").property(Property::RequestProblemInformation(0))).await;
    let subscribed = client.subscribe_with(&[crate::wire::Filter::new("a/#/b", 0)], &[]).await;
    assert!(subscribed.codes[0] >= 0x80);
    assert_eq!(subscribed.properties, []);
    assert_eq!(client.unsubscribe(&["never"]).await.properties, []);
    client.send_publish(&Publish::new("nobody/listens", "").qos(1).id(7)).await;
    assert_eq!(client.puback().await.properties, []);
    client.send_ack(crate::wire::encode::PUBREL, 99).await;
    assert_eq!(client.pubcomp().await.properties, []);
}
