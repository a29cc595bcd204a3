//! MQTT 5 §3.15 and §4.12: AUTH and enhanced authentication with SCRAM-SHA-256 (RFC 7677), and plain passwords.

use crate::connect::refused;
use crate::property;
use crate::scram::{Scram, stored};
use crate::server::Server;
use crate::wire::encode::{auth, frame};
use crate::wire::{Client, Connect, Packet, Property, Publish, Version};

async fn server() -> Server {
    Server::with(&[("security.users.device", &stored("secret")), ("mqtt.allow_anonymous", "true")]).await
}

fn method(name: &str) -> Property {
    Property::AuthenticationMethod(name.to_owned())
}

fn scram_connect(scram: &Scram) -> Connect {
    Connect::v5("c").property(method("SCRAM-SHA-256")).property(Property::AuthenticationData(scram.first()))
}

/// The server's challenge, checked.
async fn challenge(client: &mut Client) -> Vec<u8> {
    match client.packet().await {
        Packet::Auth(reason) => {
            assert_eq!(reason.code, 0x18);
            assert_eq!(property!(reason.properties, AuthenticationMethod).as_deref(), Some("SCRAM-SHA-256"));
            property!(reason.properties, AuthenticationData).expect("a challenge")
        }
        other => panic!("AUTH was expected, not {other:?}"),
    }
}

fn answer(data: Vec<u8>) -> Vec<u8> {
    auth(0x18, &[method("SCRAM-SHA-256"), Property::AuthenticationData(data)])
}

/// A client that is in by SCRAM.
async fn authenticated(server: &Server) -> Client {
    let mut client = Client::open(server.address(), Version::V5).await;
    let mut scram = Scram::new("device", "secret");
    client.send(scram_connect(&scram).encode()).await;
    let challenge = challenge(&mut client).await;
    client.send(answer(scram.last(&challenge))).await;
    match client.packet().await {
        Packet::ConnAck(connack) => {
            assert_eq!(connack.code, 0);
            assert_eq!(property!(connack.properties, AuthenticationMethod).as_deref(), Some("SCRAM-SHA-256"));
            scram.verify(&property!(connack.properties, AuthenticationData).expect("the server proves itself"));
        }
        other => panic!("CONNACK was expected, not {other:?}"),
    }
    client
}

#[tokio::test]
async fn mqtt5_3_15_1_1_auth_with_other_flags_closes_the_connection() {
    let server = server().await;
    let mut client = authenticated(&server).await;
    client.send(frame(0xF1, &[])).await;
    client.disconnected(0x81).await;
}

/// The decoder knows the codes of AUTH: 0x18 in the exchange, 0x00 after a re-authentication.
#[tokio::test]
async fn mqtt5_3_15_2_1_auth_uses_its_codes() {
    let server = server().await;
    let mut client = Client::open(server.address(), Version::V5).await;
    client.send(scram_connect(&Scram::new("device", "secret")).encode()).await;
    challenge(&mut client).await;
}

#[tokio::test]
async fn mqtt5_4_12_0_1_an_unknown_method_is_refused() {
    let server = server().await;
    assert_eq!(refused(&server, Version::V5, Connect::v5("c").property(method("GS2-KRB5")).encode()).await, Some(0x8C));
}

#[tokio::test]
async fn mqtt5_4_12_0_2_the_server_asks_for_more_with_continue() {
    let server = server().await;
    authenticated(&server).await.ping().await;
}

#[tokio::test]
async fn mqtt5_4_12_0_3_an_answer_with_another_code_is_refused() {
    let server = server().await;
    let mut client = Client::open(server.address(), Version::V5).await;
    let mut scram = Scram::new("device", "secret");
    client.send(scram_connect(&scram).encode()).await;
    let data = scram.last(&challenge(&mut client).await);
    client.send(auth(0x19, &[method("SCRAM-SHA-256"), Property::AuthenticationData(data)])).await;
    match client.next().await {
        None => {}
        Some(Packet::ConnAck(connack)) => assert!(connack.code >= 0x80),
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn mqtt5_4_12_0_4_a_wrong_password_is_refused() {
    let server = server().await;
    for (user, password) in [("device", "wrong"), ("nobody", "secret")] {
        let mut client = Client::open(server.address(), Version::V5).await;
        let mut scram = Scram::new(user, password);
        client.send(scram_connect(&scram).encode()).await;
        let first = client.next().await;
        let refusal = match first {
            Some(Packet::Auth(reason)) => {
                let data = property!(reason.properties, AuthenticationData).expect("a challenge");
                client.send(answer(scram.last(&data))).await;
                client.next().await
            }
            other => other,
        };
        if let Some(packet) = refusal {
            assert!(matches!(&packet, Packet::ConnAck(connack) if [0x86, 0x87].contains(&connack.code)), "{packet:?}");
            assert_eq!(client.next().await, None);
        }
    }
}

#[tokio::test]
async fn mqtt5_4_12_0_5_the_method_comes_back_in_auth_and_connack() {
    let server = server().await;
    authenticated(&server).await;
}

#[tokio::test]
async fn mqtt5_4_12_0_6_without_method_there_is_no_auth() {
    let server = server().await;
    let mut client = server.client(Connect::v5("c").login("device", "secret")).await;
    assert_eq!(property!(client.connack.properties, AuthenticationMethod), None);
    client.ping().await;
}

#[tokio::test]
async fn mqtt5_4_12_0_7_auth_without_method_in_connect_closes_the_connection() {
    let server = server().await;
    let mut client = server.v5("c").await;
    client.send(auth(0x19, &[method("SCRAM-SHA-256")])).await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn mqtt5_3_1_2_30_other_packets_during_the_exchange_are_refused() {
    let server = server().await;
    let mut watcher = server.v5("watcher").await;
    watcher.subscribe("t", 0).await;
    let mut client = Client::open(server.address(), Version::V5).await;
    client.send(scram_connect(&Scram::new("device", "secret")).encode()).await;
    challenge(&mut client).await;
    client.send_publish(&Publish::new("t", "too early")).await;
    match client.next().await {
        None => {}
        Some(Packet::ConnAck(connack)) => assert!(connack.code >= 0x80),
        other => panic!("a refusal was expected, not {other:?}"),
    }
    watcher.has_nothing_more().await;
}

#[tokio::test]
async fn mqtt5_4_12_1_1_a_client_can_authenticate_again() {
    let server = server().await;
    let mut client = authenticated(&server).await;
    let mut scram = Scram::new("device", "secret");
    client.send(auth(0x19, &[method("SCRAM-SHA-256"), Property::AuthenticationData(scram.first())])).await;
    let challenge = challenge(&mut client).await;
    client.ping().await;
    client.send(answer(scram.last(&challenge))).await;
    match client.control().await {
        Packet::Auth(reason) => {
            assert_eq!(reason.code, 0);
            scram.verify(&property!(reason.properties, AuthenticationData).expect("the server proves itself"));
        }
        other => panic!("AUTH was expected, not {other:?}"),
    }
    client.ping().await;
}

#[tokio::test]
async fn mqtt5_4_12_1_1_authenticating_again_with_another_method_closes_the_connection() {
    let server = server().await;
    let mut client = authenticated(&server).await;
    client.send(auth(0x19, &[method("SCRAM-SHA-1"), Property::AuthenticationData(vec![1])])).await;
    client.closed().await;
}

#[tokio::test]
async fn mqtt5_4_12_1_2_a_failed_second_authentication_closes_the_connection() {
    let server = server().await;
    let mut client = authenticated(&server).await;
    let mut scram = Scram::new("device", "wrong");
    client.send(auth(0x19, &[method("SCRAM-SHA-256"), Property::AuthenticationData(scram.first())])).await;
    let challenge = challenge(&mut client).await;
    client.send(answer(scram.last(&challenge))).await;
    client.closed().await;
}

#[tokio::test]
async fn mqtt5_3_1_4_2_a_wrong_password_is_refused() {
    let server = Server::with(&[("security.users.device", &stored("secret"))]).await;
    let wrong = refused(&server, Version::V5, Connect::v5("c").login("device", "wrong").encode()).await;
    assert!(matches!(wrong, Some(0x86 | 0x87)), "{wrong:?}");
    let nobody = refused(&server, Version::V5, Connect::v5("c").login("nobody", "secret").encode()).await;
    assert_eq!(nobody, wrong, "who exists is not told");
    let anonymous = refused(&server, Version::V5, Connect::v5("c").encode()).await;
    assert!(matches!(anonymous, Some(0x86 | 0x87)), "{anonymous:?}");
    server.client(Connect::v5("c").login("device", "secret")).await.ping().await;
}

#[tokio::test]
async fn mqtt311_3_2_2_5_a_wrong_password_is_refused() {
    let server = Server::with(&[("security.users.device", &stored("secret"))]).await;
    assert!(matches!(refused(&server, Version::V311, Connect::v311("c").login("device", "wrong").encode()).await, Some(4 | 5)));
    assert_eq!(refused(&server, Version::V311, Connect::v311("c").encode()).await, Some(5));
    server.client(Connect::v311("c").login("device", "secret")).await.ping().await;
}
