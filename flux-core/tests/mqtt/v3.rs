//! MQTT 3.1.1 and 3.1 where they differ from 5.0.

use crate::connect::refused;
use crate::server::Server;
use crate::wire::encode::frame;
use crate::wire::{Client, Connect, Filter, Packet, Publish, Version};

#[tokio::test]
async fn mqtt311_3_1_2_2_an_unknown_level_is_refused_with_code_1() {
    let server = Server::start().await;
    for level in [1, 2] {
        let mut body = Connect::v311("c").encode()[2..].to_vec();
        body[6] = level;
        assert_eq!(refused(&server, Version::V311, frame(0x10, &body)).await, Some(1));
    }
}

#[tokio::test]
async fn mqtt311_3_1_2_4_without_clean_session_the_session_goes_on() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v311("c").durable()).await;
    assert!(!client.connack.session_present);
    client.subscribe("t", 1).await;
    client.disconnect().await;
    server.v311("publisher").await.publish(Publish::new("t", "while away").qos(1)).await;
    let mut again = server.client(Connect::v311("c").durable()).await;
    assert!(again.connack.session_present);
    assert_eq!(again.receive().await.text(), "while away");
}

#[tokio::test]
async fn mqtt311_3_1_2_6_a_clean_session_ends_with_its_connection() {
    let server = Server::start().await;
    server.client(Connect::v311("c").durable()).await.disconnect().await;
    server.v311("c").await.vanish().await;
    assert!(!server.client(Connect::v311("c").durable()).await.connack.session_present);
}

#[tokio::test]
async fn mqtt311_3_1_2_22_a_password_without_user_name_is_refused() {
    let server = Server::start().await;
    let connect = Connect { password: Some(b"secret".to_vec()), ..Connect::v311("c") };
    let code = refused(&server, Version::V311, connect.encode()).await;
    assert!(matches!(code, None | Some(4 | 5)), "refused with {code:?}");
}

#[tokio::test]
async fn mqtt311_3_1_2_24_silence_closes_the_connection() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v311("c").keep_alive(1)).await;
    client.disconnected(0).await;
}

#[tokio::test]
async fn mqtt311_3_1_3_8_no_client_id_without_clean_session_is_refused_with_code_2() {
    let server = Server::start().await;
    assert_eq!(refused(&server, Version::V311, Connect::v311("").resume().encode()).await, Some(2));
    server.v311("").await.ping().await;
}

#[tokio::test]
async fn mqtt311_3_1_4_2_a_take_over_closes_the_first_connection() {
    let server = Server::start().await;
    let mut first = server.v311("c").await;
    let mut second = server.v311("c").await;
    first.disconnected(0).await;
    second.ping().await;
}

#[tokio::test]
async fn mqtt311_3_8_3_4_reserved_bits_of_the_requested_qos_close_the_connection() {
    let server = Server::start().await;
    for options in [0x03, 0x04, 0x80] {
        let mut client = server.v311("c").await;
        client.send(crate::wire::encode::subscribe(Version::V311, 1, &[Filter { filter: "t".to_owned(), options }], &[])).await;
        client.disconnected(0).await;
    }
}

#[tokio::test]
async fn mqtt311_3_9_3_2_a_refused_filter_is_answered_with_0x80() {
    let server = Server::start().await;
    let mut client = server.v311("c").await;
    let codes = client.subscribe_with(&[Filter::new("a/#/b", 1), Filter::new("good", 2)], &[]).await.codes;
    assert_eq!(codes, [0x80, 2]);
}

#[tokio::test]
async fn mqtt311_3_10_4_5_unsuback_has_no_payload() {
    let server = Server::start().await;
    let mut client = server.v311("c").await;
    client.subscribe("t", 0).await;
    assert_eq!(client.unsubscribe(&["t", "never"]).await.codes, Vec::<u8>::new());
}

#[tokio::test]
async fn mqtt311_3_3_5_1_overlapping_subscriptions_deliver_with_the_highest_qos() {
    let server = Server::start().await;
    let mut client = server.v311("c").await;
    client.subscribe("a/#", 1).await;
    client.subscribe("+/b", 2).await;
    client.publish(Publish::new("a/b", "x").qos(2)).await;
    client.publish(Publish::new("a/b", "end").qos(2)).await;
    let mut highest = 0;
    loop {
        let message = client.receive().await;
        if message.text() == "end" {
            break;
        }
        highest = highest.max(message.qos);
    }
    assert_eq!(highest, 2);
}

#[tokio::test]
async fn mqtt311_3_12_4_1_pingreq_is_answered() {
    let server = Server::start().await;
    server.v311("c").await.ping().await;
}

#[tokio::test]
async fn mqtt31_clients_are_served() {
    let server = Server::start().await;
    let mut client = server.client(Connect::v31("c")).await;
    client.subscribe("t", 2).await;
    for qos in 0..=2 {
        client.publish(Publish::new("t", "old but gold").qos(qos)).await;
        assert_eq!(client.receive().await.qos, qos);
    }
    assert_eq!(refused(&server, Version::V31, frame(0x10, b"\x00\x04MQTT\x03\x02\x00\x3c\x00\x01c")).await.unwrap_or(1), 1);
}

#[tokio::test]
async fn the_three_versions_understand_each_other() {
    let server = Server::start().await;
    let connects = [Connect::v31("v31"), Connect::v311("v311"), Connect::v5("v5")];
    let mut clients: Vec<Client> = Vec::new();
    for connect in connects {
        let mut client = server.client(connect).await;
        client.subscribe("room", 2).await;
        clients.push(client);
    }
    for sender in 0..3 {
        for qos in 0..=2 {
            let property = crate::wire::Property::user("only", "version 5");
            let message = Publish::new("room", format!("{sender} says {qos}")).qos(qos).property(property.clone());
            clients[sender].publish(message).await;
            for (receiver, client) in clients.iter_mut().enumerate() {
                let message = client.receive().await;
                assert_eq!((message.text(), message.qos), (format!("{sender} says {qos}").as_str(), qos));
                assert_eq!(message.properties.contains(&property), sender == 2 && receiver == 2);
            }
        }
    }
}

#[tokio::test]
async fn a_version_3_client_gets_no_packet_it_does_not_know() {
    let server = Server::start().await;
    let mut client = server.v311("c").await;
    client.send([0xF0, 0x00]).await;
    assert_eq!(client.next().await, None::<Packet>, "AUTH does not exist here, and neither does a DISCONNECT from the server");
}
