//! MQTT 5 §3.12 to §3.14: PINGREQ, PINGRESP, DISCONNECT.

use crate::property;
use crate::server::Server;
use crate::wire::encode::{self, PINGREQ, frame};
use crate::wire::{Client, Connect, Packet, Property, Version};

#[tokio::test]
async fn mqtt5_3_12_4_1_every_pingreq_is_answered() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(PINGREQ.repeat(100)).await;
    for _ in 0..100 {
        assert_eq!(client.packet().await, Packet::PingResp);
    }
}

/// Before CONNACK there is no DISCONNECT: `refused` accepts nothing but CONNACK.
#[tokio::test]
async fn mqtt5_3_14_0_1_no_disconnect_before_connack() {
    let server = Server::start().await;
    for bytes in [Connect::v5("c").encode_with_flags(0x03), PINGREQ.to_vec(), vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]] {
        crate::connect::refused(&server, Version::V5, bytes).await;
    }
}

#[tokio::test]
async fn mqtt5_3_14_1_1_disconnect_with_other_flags_is_malformed() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(frame(0xE1, &[])).await;
    client.disconnected(0x81).await;
}

/// The decoder knows the codes of DISCONNECT; these are some of its reasons.
#[tokio::test]
async fn mqtt5_3_14_2_1_disconnect_uses_its_codes() {
    let server = Server::start().await;
    for bytes in [vec![0x00, 0x00], frame(0x10, &[]), frame(0x90, &[0, 1, 0]), frame(0xD0, &[])] {
        let mut client = server.v5("c").await;
        client.send(bytes).await;
        client.closed().await;
    }
}

/// The decoder refuses a session expiry interval in a DISCONNECT from the server.
#[tokio::test]
async fn mqtt5_3_14_2_2_the_servers_disconnect_has_no_session_expiry() {
    let server = Server::start().await;
    let mut first = server.client(Connect::v5("c").durable()).await;
    let _second = server.client(Connect::v5("c").durable()).await;
    match first.packet().await {
        Packet::Disconnect(reason) => assert_eq!(property!(reason.properties, SessionExpiry), None),
        other => panic!("DISCONNECT was expected, not {other:?}"),
    }
}

/// `disconnected` fails when something follows.
#[tokio::test]
async fn mqtt5_3_14_4_1_nothing_follows_disconnect() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    let mut bytes = frame(0x00, &[]);
    bytes.extend(PINGREQ.repeat(10));
    client.send(bytes).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn mqtt5_3_14_4_2_the_connection_is_closed_after_disconnect() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(frame(0x00, &[])).await;
    client.disconnected(0x81).await;
}

#[tokio::test]
async fn the_server_closes_after_a_clients_disconnect() {
    let server = Server::start().await;
    server.v5("five").await.disconnect().await;
    server.v311("three").await.disconnect().await;
}

#[tokio::test]
async fn disconnect_can_change_the_session_expiry() {
    let server = Server::start().await;
    let client = server.client(Connect::v5("c").durable()).await;
    client.disconnect_with(0, &[Property::SessionExpiry(0)]).await;
    assert!(!server.client(Connect::v5("c").durable()).await.connack.session_present);
}

#[tokio::test]
async fn a_session_without_expiry_cannot_get_one_at_disconnect() {
    let server = Server::start().await;
    let mut client = server.v5("c").await;
    client.send(encode::disconnect(Version::V5, 0, &[Property::SessionExpiry(10)])).await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn a_client_that_sends_nothing_does_not_hold_its_connection_for_ever() {
    let server = Server::start().await;
    let mut client = Client::open(server.address(), Version::V5).await;
    assert_eq!(client.next().await, None);
}
