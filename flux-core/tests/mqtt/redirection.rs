//! MQTT 5 §4.11: a client is pointed to another server when this one is full or stops.

use crate::property;
use crate::server::Server;
use crate::wire::{Client, Connect, Packet};

const ELSEWHERE: &str = "other.example:1883";

#[tokio::test]
async fn a_client_too_many_is_pointed_to_another_server() {
    let server = Server::with(&[("mqtt.max_connections", "1"), ("mqtt.server_reference", ELSEWHERE)]).await;
    let _only = server.v5("only").await;
    let Packet::ConnAck(answer) = first_packet(&server, Connect::v5("second")).await else { panic!("CONNACK was expected") };
    assert_eq!(answer.code, 0x9C);
    assert_eq!(property!(answer.properties, ServerReference).as_deref(), Some(ELSEWHERE));
    // Version 3 has no such answer: the server is unavailable.
    let Packet::ConnAck(answer) = first_packet(&server, Connect::v311("third")).await else { panic!("CONNACK was expected") };
    assert_eq!(answer.code, 3);
}

#[tokio::test]
async fn a_server_that_stops_points_its_clients_to_another() {
    let mut server = Server::with(&[("mqtt.server_reference", ELSEWHERE)]).await;
    let mut client = server.v5("c").await;
    server.stop().await;
    let Some(Packet::Disconnect(goodbye)) = client.next().await else { panic!("DISCONNECT was expected") };
    assert_eq!(goodbye.code, 0x9C);
    assert_eq!(property!(goodbye.properties, ServerReference).as_deref(), Some(ELSEWHERE));
}

async fn first_packet(server: &Server, connect: Connect) -> Packet {
    let mut client = Client::open(server.address(), connect.version).await;
    client.send(connect.encode()).await;
    client.packet().await
}
