//! MQTT 5 chapter 6: WebSocket.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::server::Server;
use crate::wire::decode::decode;
use crate::wire::encode::PINGREQ;
use crate::wire::{Connect, Packet, Publish, Version};

struct Socket {
    stream: WebSocketStream<TcpStream>,
    received: Vec<u8>,
}

impl Socket {
    async fn open(server: &Server) -> Socket {
        let address = server.ws_address();
        let mut request = format!("ws://{address}/mqtt").into_client_request().expect("a good URL");
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
        let tcp = TcpStream::connect(address).await.expect("a server listens");
        let (stream, response) = tokio_tungstenite::client_async(request, tcp).await.expect("an upgrade");
        assert_eq!(
            response.headers().get("Sec-WebSocket-Protocol").map(HeaderValue::as_bytes),
            Some(&b"mqtt"[..]),
            "[MQTT-6.0.0-4]"
        );
        Socket { stream, received: Vec::new() }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.send(Message::binary(bytes.to_vec())).await.expect("the server reads");
    }

    /// `None`: the server closed.
    async fn packet(&mut self) -> Option<Packet> {
        loop {
            if let Some((packet, length)) = decode(Version::V5, &self.received) {
                self.received.drain(..length);
                return Some(packet);
            }
            match tokio::time::timeout(crate::wire::client::DEADLINE, self.stream.next()).await.expect("in time") {
                Some(Ok(Message::Binary(bytes))) => self.received.extend(&bytes[..]),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("[MQTT-6.0.0-1] only binary frames carry MQTT, not {other:?}"),
            }
        }
    }

    async fn connected(server: &Server) -> Socket {
        let mut socket = Socket::open(server).await;
        socket.send(&Connect::v5("c").encode()).await;
        assert!(matches!(socket.packet().await, Some(Packet::ConnAck(connack)) if connack.code == 0));
        socket
    }
}

#[tokio::test]
async fn mqtt5_6_0_0_1_a_text_frame_closes_the_connection() {
    let server = Server::start().await;
    let mut socket = Socket::connected(&server).await;
    socket.stream.send(Message::text("hello")).await.expect("the server reads");
    while let Some(packet) = socket.packet().await {
        assert!(matches!(packet, Packet::Disconnect(_)), "{packet:?}");
    }
}

#[tokio::test]
async fn mqtt5_6_0_0_2_packets_are_not_frames() {
    let server = Server::start().await;
    let mut socket = Socket::open(&server).await;
    let mut bytes = Connect::v5("c").encode();
    for id in 1..=3 {
        bytes.extend(Publish::new("t", "x").qos(1).id(id).encode(Version::V5));
    }
    let (several, rest) = bytes.split_at(bytes.len() - 5);
    socket.send(several).await;
    for byte in rest {
        socket.send(&[*byte]).await;
    }
    assert!(matches!(socket.packet().await, Some(Packet::ConnAck(_))));
    for id in 1..=3 {
        assert!(matches!(socket.packet().await, Some(Packet::PubAck(ack)) if ack.id == id));
    }
}

#[tokio::test]
async fn mqtt5_6_0_0_4_the_server_selects_mqtt() {
    let server = Server::start().await;
    let mut socket = Socket::connected(&server).await;
    socket.send(&PINGREQ).await;
    assert_eq!(socket.packet().await, Some(Packet::PingResp));
}

#[tokio::test]
async fn websocket_pings_are_answered() {
    let server = Server::start().await;
    let mut socket = Socket::connected(&server).await;
    socket.stream.send(Message::Ping(vec![1, 2, 3].into())).await.expect("the server reads");
    loop {
        match tokio::time::timeout(crate::wire::client::DEADLINE, socket.stream.next()).await.expect("in time") {
            Some(Ok(Message::Pong(data))) => break assert_eq!(&data[..], [1, 2, 3]),
            other => assert!(matches!(other, Some(Ok(_))), "{other:?}"),
        }
    }
}

#[tokio::test]
async fn another_path_is_not_mqtt() {
    let server = Server::start().await;
    let address = server.ws_address();
    let mut request = format!("ws://{address}/other").into_client_request().expect("a good URL");
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
    let tcp = TcpStream::connect(address).await.expect("a server listens");
    assert!(tokio_tungstenite::client_async(request, tcp).await.is_err());
}
