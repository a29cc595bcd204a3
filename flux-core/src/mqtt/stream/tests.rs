use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Stream, Transport, accept};
use crate::types::limits;

const MAXIMUM_PACKET: u32 = 1024 * 1024;

/// A listener for one connection, and that connection once it is accepted.
async fn listen(transport: Transport) -> (TcpStream, JoinHandle<std::io::Result<Stream>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await?;
        accept(&transport, tcp, MAXIMUM_PACKET).await
    });
    (TcpStream::connect(address).await.expect("connected"), server)
}

async fn accepted(server: JoinHandle<std::io::Result<Stream>>) -> Stream {
    timeout(Duration::from_secs(10), server).await.expect("in time").expect("no panic").expect("accepted")
}

fn request(path: &str, subprotocols: Option<&str>) -> tokio_tungstenite::tungstenite::handshake::client::Request {
    let mut request = format!("ws://localhost{path}").into_client_request().expect("valid");
    if let Some(subprotocols) = subprotocols {
        request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocols.parse().expect("valid"));
    }
    request
}

/// A WebSocket client and the server's stream.
async fn websocket() -> (WebSocketStream<TcpStream>, Stream) {
    let (tcp, server) = listen(Transport::WebSocket).await;
    let (client, _) = client_async(request("/mqtt", Some("mqtt")), tcp).await.expect("handshake");
    (client, accepted(server).await)
}

/// A server with a fresh certificate and a client that trusts it.
fn tls() -> (TlsAcceptor, TlsConnector) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("generated");
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, pair.cert.pem()).expect("written");
    std::fs::write(&key, pair.signing_key.serialize_pem()).expect("written");
    let server = crate::mqtt::tls::server_config(&certificate, &key, None).expect("valid");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(pair.cert)).expect("valid");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("valid")
}

async fn read_exact(stream: &mut Stream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(Duration::from_secs(10), stream.read_exact(&mut bytes)).await.expect("in time").expect("read");
    bytes
}

#[test]
fn a_connection_over_tcp_is_no_larger_than_its_socket_and_a_tag() {
    assert!(size_of::<Stream>() <= size_of::<TcpStream>() + size_of::<usize>());
}

#[tokio::test]
async fn tcp_carries_bytes_both_ways() {
    let (mut client, server) = listen(Transport::Tcp).await;
    client.write_all(b"ping").await.expect("written");
    let mut server = accepted(server).await;
    assert_eq!(read_exact(&mut server, 4).await, b"ping");
    server.write_all(b"pong").await.expect("written");
    server.shutdown().await.expect("closed");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.expect("read");
    assert_eq!(answer, b"pong");
}

#[tokio::test]
async fn tls_carries_bytes_both_ways() {
    let (acceptor, connector) = tls();
    let (tcp, server) = listen(Transport::Tls(acceptor)).await;
    let mut client = connector.connect(localhost(), tcp).await.expect("handshake");
    let mut server = accepted(server).await;
    client.write_all(b"ping").await.expect("written");
    client.flush().await.expect("flushed");
    assert_eq!(read_exact(&mut server, 4).await, b"ping");
    server.write_all(b"pong").await.expect("written");
    server.shutdown().await.expect("closed");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.expect("read to the close_notify");
    assert_eq!(answer, b"pong");
}

#[tokio::test]
async fn bytes_that_are_not_tls_are_refused() {
    let (acceptor, _) = tls();
    let (mut client, server) = listen(Transport::Tls(acceptor)).await;
    client.write_all(b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x3C\x00\x01c").await.expect("written");
    let error = server.await.expect("no panic").err().expect("refused");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

#[tokio::test]
async fn websocket_over_tls_carries_bytes_both_ways() {
    let (acceptor, connector) = tls();
    let (tcp, server) = listen(Transport::SecureWebSocket(acceptor)).await;
    let tls = connector.connect(localhost(), tcp).await.expect("handshake");
    let (mut client, _) = client_async(request("/mqtt", Some("mqtt")), tls).await.expect("handshake");
    let mut server = accepted(server).await;
    client.send(Message::binary(&b"ping"[..])).await.expect("sent");
    assert_eq!(read_exact(&mut server, 4).await, b"ping");
    server.write_all(b"pong").await.expect("written");
    server.flush().await.expect("flushed");
    assert_eq!(client.next().await.expect("a message").expect("valid"), Message::binary(&b"pong"[..]));
}

#[tokio::test]
async fn mqtt_6_0_0_2_packets_may_span_and_share_frames() {
    let (mut client, mut server) = websocket().await;
    for frame in [&b"\xC0"[..], b"", b"\x00\xC0\x00\xE0", b"\x00"] {
        client.send(Message::binary(frame)).await.expect("sent");
    }
    assert_eq!(read_exact(&mut server, 1).await, b"\xC0");
    assert_eq!(read_exact(&mut server, 5).await, b"\x00\xC0\x00\xE0\x00");
}

#[tokio::test]
async fn mqtt_6_0_0_4_the_subprotocol_is_answered() {
    for (offered, chosen) in [("mqtt", "mqtt"), ("chat, mqtt", "mqtt"), ("mqttv3.1", "mqttv3.1"), ("mqttv3.1,mqtt", "mqtt")] {
        let (tcp, server) = listen(Transport::WebSocket).await;
        let (_, response) = client_async(request("/mqtt", Some(offered)), tcp).await.expect("handshake");
        assert_eq!(response.headers()["Sec-WebSocket-Protocol"], chosen);
        accepted(server).await;
    }
}

#[tokio::test]
async fn mqtt_6_0_0_3_a_client_that_does_not_offer_mqtt_is_refused() {
    for (path, subprotocol, status) in [("/mqtt", None, 400), ("/mqtt", Some("chat"), 400), ("/", Some("mqtt"), 404)] {
        let (tcp, server) = listen(Transport::WebSocket).await;
        let Err(Error::Http(response)) = client_async(request(path, subprotocol), tcp).await else { panic!("refused") };
        assert_eq!(response.status(), status);
        let error = server.await.expect("no panic").err().expect("refused");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn mqtt_6_0_0_1_a_text_frame_ends_the_connection() {
    let (mut client, mut server) = websocket().await;
    client.send(Message::text("\u{10}")).await.expect("sent");
    let error = server.read(&mut [0; 8]).await.expect_err("refused");
    assert!(error.to_string().contains("MQTT-6.0.0-1"), "{error}");
    let Message::Close(Some(close)) = client.next().await.expect("a message").expect("valid") else { panic!("a close frame") };
    assert_eq!(close.code, CloseCode::Unsupported);
}

#[tokio::test]
async fn a_ping_is_answered_while_the_server_only_reads() {
    let (mut client, mut server) = websocket().await;
    client.send(Message::Ping(b"there?"[..].into())).await.expect("sent");
    let reading = tokio::spawn(async move { read_exact(&mut server, 1).await });
    assert_eq!(client.next().await.expect("a message").expect("valid"), Message::Pong(b"there?"[..].into()));
    client.send(Message::binary(&b"!"[..])).await.expect("sent");
    assert_eq!(reading.await.expect("no panic"), b"!");
}

#[tokio::test]
async fn a_frame_above_the_maximum_packet_size_is_refused() {
    let (mut client, mut server) = websocket().await;
    let reading = tokio::spawn(async move { server.read(&mut [0; 8]).await });
    // The server may close before all of it is written.
    let _ = client.send(Message::binary(vec![0; MAXIMUM_PACKET as usize + 1])).await;
    let error = reading.await.expect("no panic").expect_err("refused");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
}

#[tokio::test]
async fn more_than_the_buffers_hold_arrives_whole_in_both_directions() {
    let (mut client, mut server) = websocket().await;
    let sent: Vec<u8> = (0..8 * 1024 * 1024).map(|index: u32| (index % 251) as u8).collect();
    let expected = sent.clone();
    let writing = tokio::spawn(async move {
        for part in expected.chunks(700_000) {
            client.feed(Message::binary(part.to_vec())).await.expect("sent");
        }
        client.flush().await.expect("flushed");
        let mut received = Vec::new();
        while let Some(Ok(message)) = client.next().await {
            let Message::Binary(payload) = message else { continue };
            assert!(payload.len() <= limits::WEBSOCKET_WRITE_BYTES);
            received.extend_from_slice(&payload);
        }
        received
    });
    assert!(read_exact(&mut server, sent.len()).await == sent, "what the client sent");
    server.write_all(&sent).await.expect("written");
    server.shutdown().await.expect("closed");
    assert!(writing.await.expect("no panic") == sent, "what the server sent");
}

#[tokio::test]
async fn the_end_of_the_client_is_the_end_of_the_stream() {
    let (mut client, mut server) = websocket().await;
    client.close(None).await.expect("sent");
    assert_eq!(server.read(&mut [0; 8]).await.expect("an end"), 0, "after a close frame");
    assert!(matches!(client.next().await, Some(Ok(Message::Close(_)))), "which is answered");
    let (client, mut server) = websocket().await;
    drop(client);
    assert_eq!(server.read(&mut [0; 8]).await.expect("an end"), 0, "without one");
}

#[tokio::test]
async fn shutdown_sends_a_close_frame_and_may_be_repeated() {
    let (mut client, mut server) = websocket().await;
    server.shutdown().await.expect("closed");
    server.shutdown().await.expect("again");
    assert!(matches!(client.next().await, Some(Ok(Message::Close(_)))));
    assert!(client.next().await.is_none());
}
