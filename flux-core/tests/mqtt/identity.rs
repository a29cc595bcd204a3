//! MQTT 5 §3.1.3 and §3.1.4: the payload of CONNECT and what the server does with it.

use crate::connect::refused;
use crate::property;
use crate::server::Server;
use crate::wire::encode::frame;
use crate::wire::{Client, Connect, Packet, Property, Publish, Version};

#[tokio::test]
async fn mqtt5_3_1_3_1_fields_out_of_order_are_not_understood() {
    let server = Server::start().await;
    let mut watcher = server.v5("watcher").await;
    watcher.subscribe("topic", 0).await;
    let will = Publish::new("topic", "message");
    let client = server.client(Connect::v5("c").will(will).login("user", "password")).await;
    client.vanish().await;
    assert_eq!(watcher.receive().await.text(), "message", "client id, will topic, will message, user, password: in this order");
}

#[tokio::test]
async fn mqtt5_3_1_3_2_the_client_id_names_the_session() {
    let server = Server::start().await;
    server.client(Connect::v5("one").durable()).await.disconnect().await;
    assert!(!server.client(Connect::v5("two").durable()).await.connack.session_present);
    assert!(!server.client(Connect::v5("One").durable()).await.connack.session_present);
    assert!(server.client(Connect::v5("one").durable()).await.connack.session_present);
}

#[tokio::test]
async fn mqtt5_3_1_3_3_a_connect_without_client_id_is_refused() {
    let server = Server::start().await;
    let code = refused(&server, Version::V5, frame(0x10, b"\x00\x04MQTT\x05\x02\x00\x3c\x00")).await;
    assert!(matches!(code, None | Some(0x81)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_3_4_a_client_id_that_is_not_utf8_is_refused() {
    let server = Server::start().await;
    for id in [[0xFF, 0xFE], [b'a', 0]] {
        let mut body = b"\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02".to_vec();
        body.extend(id);
        let code = refused(&server, Version::V5, frame(0x10, &body)).await;
        assert!(matches!(code, None | Some(0x81 | 0x85)), "refused with {code:?}");
    }
}

#[tokio::test]
async fn mqtt5_3_1_3_5_client_ids_of_1_to_23_letters_and_digits_are_accepted() {
    let server = Server::start().await;
    for id in ["a", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ"] {
        server.v5(id).await.disconnect().await;
    }
}

#[tokio::test]
async fn mqtt5_3_1_3_6_clients_without_id_get_different_ones() {
    let server = Server::start().await;
    let first = server.v5("").await;
    let second = server.v5("").await;
    let ids = [&first, &second].map(|client| property!(client.connack.properties, AssignedClientIdentifier));
    assert!(ids.iter().all(|id| id.as_ref().is_some_and(|id| !id.is_empty())));
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn mqtt5_3_1_3_7_an_assigned_client_id_works_like_any_other() {
    let server = Server::start().await;
    let client = server.client(Connect::v5("").property(Property::SessionExpiry(60))).await;
    let id = property!(client.connack.properties, AssignedClientIdentifier).expect("an id was assigned");
    client.disconnect().await;
    let again = server.client(Connect::v5(&id).durable()).await;
    assert!(again.connack.session_present);
    assert_eq!(property!(again.connack.properties, AssignedClientIdentifier), None, "it brought its own");
}

#[tokio::test]
async fn mqtt5_3_1_3_9_coming_back_within_the_delay_cancels_the_will() {
    let server = Server::start().await;
    let mut watcher = server.v5("watcher").await;
    watcher.subscribe("will", 1).await;
    let will = Publish::new("will", "gone").property(Property::WillDelay(2));
    server.client(Connect::v5("c").durable().will(will)).await.vanish().await;
    let _back = server.client(Connect::v5("c").durable()).await;
    watcher.stays_silent(std::time::Duration::from_secs(4)).await;
}

#[tokio::test]
async fn mqtt5_3_1_3_10_user_properties_of_a_will_keep_their_order() {
    let server = Server::start().await;
    let mut watcher = server.v5("watcher").await;
    watcher.subscribe("will", 0).await;
    let pairs = [("b", "1"), ("a", "2"), ("b", "1"), ("", "")].map(|(name, value)| Property::user(name, value));
    let will = pairs.iter().cloned().fold(Publish::new("will", ""), Publish::property);
    server.client(Connect::v5("c").will(will)).await.vanish().await;
    assert_eq!(watcher.receive().await.properties, pairs);
}

#[tokio::test]
async fn mqtt5_3_1_3_11_a_will_topic_that_is_not_utf8_is_refused() {
    let server = Server::start().await;
    let body = b"\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x01c\x00\x00\x02\xC3\x28\x00\x00";
    let code = refused(&server, Version::V5, frame(0x10, body)).await;
    assert!(matches!(code, None | Some(0x81 | 0x90)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_3_11_a_will_topic_with_wildcards_is_refused() {
    let server = Server::start().await;
    let code = refused(&server, Version::V5, Connect::v5("c").will(Publish::new("a/#", "")).encode()).await;
    assert!(matches!(code, None | Some(0x81 | 0x82 | 0x90)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_3_12_a_user_name_that_is_not_utf8_is_refused() {
    let server = Server::start().await;
    let body = b"\x00\x04MQTT\x05\x82\x00\x3c\x00\x00\x01c\x00\x02\xC3\x28";
    let code = refused(&server, Version::V5, frame(0x10, body)).await;
    assert!(matches!(code, None | Some(0x81 | 0x86)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt5_3_1_4_1_a_connect_that_is_not_as_specified_is_refused() {
    let server = Server::start().await;
    let protocol_errors = [
        Connect::v5("c").property(Property::ReceiveMaximum(0)),
        Connect::v5("c").property(Property::MaximumPacketSize(0)),
        Connect::v5("c").property(Property::RequestProblemInformation(2)),
        Connect::v5("c").property(Property::RequestResponseInformation(2)),
        Connect::v5("c").property(Property::SessionExpiry(1)).property(Property::SessionExpiry(1)),
        Connect::v5("c").property(Property::AuthenticationData(vec![1])),
    ];
    for connect in protocol_errors {
        let code = refused(&server, Version::V5, connect.encode()).await;
        assert!(matches!(code, None | Some(0x81 | 0x82)), "{:?} was refused with {code:?}", connect.properties);
    }
    let mut longer = Connect::v5("c").encode();
    longer.push(0);
    longer[1] += 1;
    assert!(matches!(refused(&server, Version::V5, longer).await, None | Some(0x81)), "a byte too many");
    assert!(
        matches!(refused(&server, Version::V5, frame(0x11, &Connect::v5("c").encode()[2..])).await, None | Some(0x81)),
        "flags"
    );
}

#[tokio::test]
async fn mqtt5_3_1_4_3_a_second_connection_of_a_client_takes_over() {
    let server = Server::start().await;
    let mut first = server.v5("c").await;
    let mut second = server.v5("c").await;
    first.disconnected(0x8E).await;
    second.ping().await;
}

#[tokio::test]
async fn mqtt5_3_1_4_3_a_take_over_moves_the_session() {
    let server = Server::start().await;
    let mut first = server.client(Connect::v5("c").durable()).await;
    first.subscribe("t", 1).await;
    let mut second = server.client(Connect::v5("c").durable()).await;
    assert!(second.connack.session_present);
    first.disconnected(0x8E).await;
    second.publish(Publish::new("t", "to the second").qos(1)).await;
    assert_eq!(second.receive().await.text(), "to the second");
}

#[tokio::test]
async fn mqtt5_3_1_4_4_clean_start_is_processed_when_a_connection_is_taken_over() {
    let server = Server::start().await;
    let mut first = server.client(Connect::v5("c").durable()).await;
    first.subscribe("t", 1).await;
    let mut second = server.client(Connect::v5("c").property(Property::SessionExpiry(3600))).await;
    assert!(!second.connack.session_present);
    first.disconnected(0x8E).await;
    second.publish(Publish::new("t", "not subscribed any more").qos(1)).await;
    second.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_1_4_5_a_good_connect_is_acknowledged_with_success() {
    let server = Server::start().await;
    assert_eq!(server.v5("c").await.connack.code, 0);
}

/// Packets sent with CONNECT, before the answer, are allowed (§3.1.4), and lost when the answer is no.
#[tokio::test]
async fn mqtt5_3_1_4_6_nothing_after_a_refused_connect_is_processed() {
    let server = Server::start().await;
    let mut watcher = server.v5("watcher").await;
    watcher.subscribe("t", 0).await;
    let mut refused = Client::open(server.address(), Version::V5).await;
    let mut bytes = Connect::v5("c").property(Property::AuthenticationMethod("NO-SUCH-METHOD".to_owned())).encode();
    bytes.extend(Publish::new("t", "must not be seen").encode(Version::V5));
    refused.send(bytes).await;
    assert!(matches!(refused.next().await, None | Some(Packet::ConnAck(_))));
    watcher.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_3_1_4_6_packets_sent_before_connack_are_processed_after_it() {
    let server = Server::start().await;
    let mut client = Client::open(server.address(), Version::V5).await;
    let mut bytes = Connect::v5("c").encode();
    bytes.extend(crate::wire::encode::subscribe(Version::V5, 1, &[crate::wire::Filter::new("t", 0)], &[]));
    bytes.extend(Publish::new("t", "early").encode(Version::V5));
    client.send(bytes).await;
    assert!(matches!(client.packet().await, Packet::ConnAck(connack) if connack.code == 0));
    let (mut first, mut second) = (client.packet().await, client.packet().await);
    // Messages may come before SUBACK (MQTT 5 §3.8.4), and do where it waits for other nodes.
    if crate::NODES > 1 && matches!(first, Packet::Publish(_)) {
        std::mem::swap(&mut first, &mut second);
    }
    assert!(matches!(first, Packet::SubAck(_)));
    assert!(matches!(second, Packet::Publish(message) if message.text() == "early"));
}
