//! MQTT 5 §3.2: CONNACK.

use crate::connect::refused;
use crate::property;
use crate::server::Server;
use crate::wire::{Client, Connect, Packet, Property, Publish, Version};

#[tokio::test]
async fn mqtt5_3_2_0_1_connack_comes_before_anything_else() {
    let server = Server::start().await;
    let mut first = server.client(Connect::v5("c").durable()).await;
    first.subscribe("t", 1).await;
    first.disconnect().await;
    server.v5("publisher").await.publish(Publish::new("t", "waiting").qos(1)).await;
    let mut again = Client::open(server.address(), Version::V5).await;
    again.send(Connect::v5("c").durable().encode()).await;
    assert!(matches!(again.packet().await, Packet::ConnAck(connack) if connack.code == 0 && connack.session_present));
    assert_eq!(again.receive().await.text(), "waiting");
}

#[tokio::test]
async fn mqtt5_3_2_0_2_there_is_one_connack() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.ping().await;
    client.send(Connect::v5("c").encode()).await;
    client.disconnected(0x82).await;
}

/// The decoder checks the reserved bits of every CONNACK; this one has the only bit that may be set.
#[tokio::test]
async fn mqtt5_3_2_2_1_only_session_present_is_set() {
    let server = Server::start().await;
    server.client(Connect::v5("c").durable()).await.disconnect().await;
    assert!(server.client(Connect::v5("c").durable()).await.connack.session_present);
}

#[tokio::test]
async fn mqtt5_3_2_2_2_clean_start_is_answered_without_session() {
    let server = Server::start().await;
    server.client(Connect::v5("c").durable()).await.disconnect().await;
    assert!(!server.v5("c").await.connack.session_present);
}

#[tokio::test]
async fn mqtt5_3_2_2_3_session_present_tells_whether_there_was_one() {
    let server = Server::start().await;
    let first = server.client(Connect::v5("c").durable()).await;
    assert!(!first.connack.session_present);
    first.disconnect().await;
    assert!(server.client(Connect::v5("c").durable()).await.connack.session_present);
}

#[tokio::test]
async fn mqtt5_3_2_2_6_a_refused_client_has_no_session() {
    let server = Server::start().await;
    server.client(Connect::v5("c").durable()).await.disconnect().await;
    let method = Property::AuthenticationMethod("NO-SUCH-METHOD".to_owned());
    let refused = Client::attempt(server.address(), Connect::v5("c").durable().property(method)).await;
    assert!(refused.connack.code >= 0x80);
    assert!(!refused.connack.session_present);
}

#[tokio::test]
async fn mqtt5_3_2_2_7_a_refused_client_is_disconnected() {
    let server = Server::start().await;
    let method = Property::AuthenticationMethod("NO-SUCH-METHOD".to_owned());
    let mut refused = Client::attempt(server.address(), Connect::v5("c").property(method)).await;
    assert!(refused.connack.code >= 0x80);
    assert_eq!(refused.next().await, None);
}

/// The decoder knows the codes of CONNACK; here are several kinds of refusal.
#[tokio::test]
async fn mqtt5_3_2_2_8_refusals_use_the_codes_of_connack() {
    let server = Server::start().await;
    refused(&server, Version::V5, Connect::v5("c").encode_with_flags(0x03)).await;
    refused(&server, Version::V5, Connect::v5("c").property(Property::ReceiveMaximum(0)).encode()).await;
    refused(&server, Version::V5, Connect::v5("c").property(Property::AuthenticationMethod("X".to_owned())).encode()).await;
}

#[tokio::test]
async fn mqtt5_3_2_2_9_qos_2_is_supported_so_no_maximum_is_sent() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    assert_eq!(property!(client.connack.properties, MaximumQoS), None);
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "2").qos(2)).await;
    assert_eq!(client.receive().await.qos, 2);
}

#[tokio::test]
async fn mqtt5_3_2_2_15_packets_above_the_servers_maximum_close_the_connection() {
    let server = Server::with(&[("mqtt.max_packet_size", "2048")]).await;
    let mut client = server.v5("c").await;
    assert_eq!(property!(client.connack.properties, MaximumPacketSize), Some(2048));
    // Fixed header 3, topic 3, identifier 2, property length 1: 9 bytes beside the payload.
    assert!(client.publish(Publish::new("t", vec![b'x'; 2048 - 9]).qos(1)).await < 0x80, "exactly the maximum is accepted");
    client.send_publish(&Publish::new("t", vec![b'x'; 2048 - 8]).qos(1).id(1)).await;
    client.disconnected(0x95).await;
}

#[tokio::test]
async fn mqtt5_3_2_2_16_an_assigned_client_id_is_not_one_in_use() {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(server.v5("").await);
    }
    for client in &mut clients {
        client.ping().await;
    }
}

#[tokio::test]
async fn mqtt5_3_2_2_17_a_topic_alias_above_the_servers_maximum_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let maximum = property!(client.connack.properties, TopicAliasMaximum).unwrap_or(0);
    client.send_publish(&Publish::new("t", "").property(Property::TopicAlias(maximum + 1))).await;
    client.disconnected(0x94).await;
}

#[tokio::test]
async fn mqtt5_3_2_2_19_a_refusal_fits_into_the_clients_maximum_packet_size() {
    let server = Server::start().await;
    let method = "a method with a name so long that repeating it would fill the packet".to_owned();
    let connect = Connect::v5("c").property(Property::MaximumPacketSize(24)).property(Property::AuthenticationMethod(method));
    let mut client = Client::open(server.address(), Version::V5).await;
    client.send(connect.encode()).await;
    match client.next().await {
        None => {}
        Some(Packet::ConnAck(connack)) => assert!(connack.code >= 0x80 && client.largest <= 24, "{} bytes", client.largest),
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn mqtt5_3_2_2_22_without_server_keep_alive_the_clients_counts() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("c").keep_alive(1)).await;
    assert_eq!(property!(client.connack.properties, ServerKeepAlive), None);
    client.disconnected(0x8D).await;
}

#[tokio::test]
async fn the_server_keep_alive_replaces_the_clients() {
    let server = Server::with(&[("mqtt.max_keep_alive", "1s")]).await;
    let mut client = server.client(Connect::v5("c").keep_alive(600)).await;
    assert_eq!(property!(client.connack.properties, ServerKeepAlive), Some(1));
    client.disconnected(0x8D).await;
    let without = server.client(Connect::v5("c").keep_alive(0)).await;
    assert_eq!(property!(without.connack.properties, ServerKeepAlive), Some(1), "nor may a client opt out");
}

#[tokio::test]
async fn a_session_expiry_above_the_servers_is_cut_and_told() {
    let server = Server::with(&[("mqtt.session_expiry_max", "60s")]).await;
    let client = server.client(Connect::v5("c").property(Property::SessionExpiry(3600))).await;
    assert_eq!(property!(client.connack.properties, SessionExpiry), Some(60));
    let within = server.client(Connect::v5("d").property(Property::SessionExpiry(59))).await;
    assert_eq!(property!(within.connack.properties, SessionExpiry).unwrap_or(59), 59);
}

#[tokio::test]
async fn response_information_is_sent_when_asked_for() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v5("asker").property(Property::RequestResponseInformation(1))).await;
    let prefix = property!(client.connack.properties, ResponseInformation).expect("a prefix for response topics");
    let topic = format!("{}/answer", prefix.trim_end_matches('/'));
    client.subscribe(&topic, 1).await;
    client.publish(Publish::new(&topic, "42").qos(1)).await;
    assert_eq!(client.receive().await.text(), "42");
}
