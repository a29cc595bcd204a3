//! MQTT 5 §4.13: what is wrong costs its own connection and nothing else.

use crate::connect::refused;
use crate::server::Server;
use crate::wire::encode::frame;
use crate::wire::{Client, Connect, Packet, Property, Publish, Version};

#[tokio::test]
async fn mqtt5_4_13_1_1_malformed_packets_and_protocol_errors_close_the_connection() {
    let server = Server::start().await;
    let malformed =
        [frame(0x00, &[]), frame(0x36, &[0, 1, b't', 0, 1, 0]), frame(0x82, &[0, 1, 0, 0, 9, b'a']), frame(0xC0, &[1])];
    for bytes in malformed {
        let mut client = server.v5("c").await;
        client.send(bytes).await;
        client.disconnected(0x81).await;
    }
    let mut client = server.v5("c").await;
    client.send(Connect::v5("c").encode()).await;
    client.disconnected(0x82).await;
}

#[tokio::test]
async fn mqtt5_4_13_2_1_an_error_in_connack_or_disconnect_closes_the_connection() {
    let server = Server::start().await;
    let method = Property::AuthenticationMethod("NONE".to_owned());
    assert_eq!(refused(&server, Version::V5, Connect::v5("c").property(method).encode()).await, Some(0x8C));
    let mut client = server.v5("c").await;
    client.send_publish(&Publish::new("t", "").property(Property::TopicAlias(0))).await;
    client.disconnected(0x94).await;
}

/// Deterministic noise: the same bytes in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length);
    for _ in 0..length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.push((state >> 32) as u8);
    }
    bytes
}

/// Reads until the server closes; whatever it says must be well formed, or `next` panics.
async fn drain(client: &mut Client) {
    while client.next().await.is_some() {}
}

#[tokio::test]
async fn noise_costs_its_own_connection_only() {
    let server = Server::start().await;
    let mut bystander = server.v5("bystander").await;
    bystander.subscribe("t", 1).await;
    for seed in 0..100 {
        let mut client = Client::open(server.address(), Version::V5).await;
        if seed % 2 == 0 {
            client.send(Connect::v5("noisy").encode()).await;
            assert!(matches!(client.packet().await, Packet::ConnAck(_)));
        }
        client.send(noise(seed, 64 + seed as usize * 8)).await;
        client.half_close().await;
        drain(&mut client).await;
    }
    bystander.publish(Publish::new("t", "unharmed").qos(1)).await;
    assert_eq!(bystander.receive().await.text(), "unharmed");
}

#[tokio::test]
async fn every_truncation_of_a_packet_is_survived() {
    let server = Server::start().await;
    let will = Publish::new("w", "x").qos(1).property(Property::WillDelay(1));
    let whole = Connect::v5("cut").login("u", "p").will(will).property(Property::SessionExpiry(1)).encode();
    for length in 1..whole.len() {
        // As bytes that end early, and as a packet whose length says that this is all.
        let mut client = Client::open(server.address(), Version::V5).await;
        client.send(&whole[..length]).await;
        client.half_close().await;
        drain(&mut client).await;
        if length > 2 {
            refused(&server, Version::V5, frame(0x10, &whole[2..length])).await;
        }
    }
    server.v5("after").await.ping().await;
}

#[tokio::test]
async fn bytes_that_come_one_by_one_are_understood() {
    let server = Server::start().await;
    let mut client = Client::open(server.address(), Version::V5).await;
    let mut bytes = Connect::v5("slow").encode();
    bytes.extend(Publish::new("t", "x").qos(1).id(1).encode(Version::V5));
    for byte in bytes {
        client.send([byte]).await;
    }
    assert!(matches!(client.packet().await, Packet::ConnAck(connack) if connack.code == 0));
    assert_eq!(client.puback().await.id, 1);
}
