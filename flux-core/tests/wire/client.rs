//! A client that does what it is told, and waits for conditions instead of times.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connect::Connect;
use super::decode::decode;
use super::encode::{self, Filter, PINGREQ, PUBACK, PUBCOMP, PUBREC, PUBREL, Publish};
use super::packet::{Ack, Codes, ConnAck, Packet, Version};
use super::property::Property;

/// Long enough for a loaded machine, short enough to see what hangs.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub struct Client {
    pub connack: ConnAck,
    pub client_id: String,
    version: Version,
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    /// Messages that came while something else was awaited.
    waiting: VecDeque<Publish>,
    /// Bytes of the largest packet received.
    pub largest: usize,
    last_id: u16,
}

impl Client {
    /// A connection that has said nothing.
    pub async fn open(address: SocketAddr, version: Version) -> Client {
        Client::try_open(address, version).await.expect("a server listens")
    }

    /// An error when nobody listens.
    pub async fn try_open(address: SocketAddr, version: Version) -> std::io::Result<Client> {
        let stream = timeout(DEADLINE, TcpStream::connect(address)).await.expect("answered in time")?;
        stream.set_nodelay(true)?;
        Ok(Client::over(Box::new(stream), version))
    }

    pub fn over(stream: Box<dyn Stream>, version: Version) -> Client {
        let connack = ConnAck { session_present: false, code: 0, properties: Vec::new() };
        let (received, waiting) = (Vec::new(), VecDeque::new());
        Client { connack, client_id: String::new(), version, stream, received, waiting, largest: 0, last_id: 0 }
    }

    /// Sends CONNECT and expects to be accepted.
    pub async fn connect(address: SocketAddr, connect: Connect) -> Client {
        let client = Client::attempt(address, connect).await;
        assert_eq!(client.connack.code, 0, "{} is accepted, {:?}", client.client_id, client.connack.properties);
        client
    }

    /// Sends CONNECT and reads CONNACK, whatever it says.
    pub async fn attempt(address: SocketAddr, connect: Connect) -> Client {
        let mut client = Client::open(address, connect.version).await;
        client.introduce(&connect).await;
        client
    }

    pub async fn introduce(&mut self, connect: &Connect) {
        self.client_id.clone_from(&connect.client_id);
        self.send(connect.encode()).await;
        match self.packet().await {
            Packet::ConnAck(connack) => self.connack = connack,
            other => panic!("[MQTT-3.2.0-1] CONNACK comes first, not {other:?}"),
        }
    }

    /// A peer that has gone is noticed by reading, not by writing.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _gone = timeout(DEADLINE, self.stream.write_all(bytes.as_ref())).await.expect("the server reads");
    }

    pub async fn send_publish(&mut self, publish: &Publish) {
        self.send(publish.encode(self.version)).await;
    }

    pub async fn send_ack(&mut self, first: u8, id: u16) {
        self.send(encode::ack(first, id, 0)).await;
    }

    pub fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }

    /// The next packet, `None` when the connection is closed. Never an error: a reset is a close.
    pub async fn next(&mut self) -> Option<Packet> {
        self.next_within(DEADLINE).await.unwrap_or_else(|| panic!("{}: nothing came within {DEADLINE:?}", self.client_id))
    }

    /// Outer `None`: nothing came in time.
    pub async fn next_within(&mut self, patience: Duration) -> Option<Option<Packet>> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            if let Some((packet, length)) = decode(self.version, &self.received) {
                self.received.drain(..length);
                self.largest = self.largest.max(length);
                return Some(Some(packet));
            }
            self.received.reserve(16 * 1024);
            match tokio::time::timeout_at(deadline, self.stream.read_buf(&mut self.received)).await {
                Err(_elapsed) => return None,
                Ok(Ok(0) | Err(_)) => return Some(None),
                Ok(Ok(_)) => {}
            }
        }
    }

    pub async fn packet(&mut self) -> Packet {
        self.next().await.unwrap_or_else(|| panic!("{} was disconnected", self.client_id))
    }

    /// The next packet that is not a PUBLISH; those wait for `receive`.
    pub async fn control(&mut self) -> Packet {
        loop {
            match self.packet().await {
                Packet::Publish(publish) => self.waiting.push_back(publish),
                other => return other,
            }
        }
    }

    pub async fn expect(&mut self, wanted: Packet) {
        assert_eq!(self.control().await, wanted);
    }

    /// The server closes; a DISCONNECT may come before.
    pub async fn closed(&mut self) {
        loop {
            match self.next().await {
                None => return,
                Some(Packet::Publish(_)) => {}
                Some(Packet::Disconnect(reason)) => {
                    assert!(reason.code >= 0x80, "a server disconnects for a reason");
                    assert_eq!(self.next().await, None, "[MQTT-3.14.4-1] nothing follows DISCONNECT");
                    return;
                }
                Some(other) => panic!("the connection is closed, but {other:?} came"),
            }
        }
    }

    /// The server says why (version 5) and closes.
    pub async fn disconnected(&mut self, code: u8) {
        loop {
            match self.next().await {
                Some(Packet::Publish(_)) => {}
                Some(Packet::Disconnect(reason)) if self.version == Version::V5 => {
                    assert_eq!(reason.code, code, "DISCONNECT says 0x{:02X}, not 0x{code:02X}", reason.code);
                    break;
                }
                None if self.version != Version::V5 => return,
                other => panic!("DISCONNECT 0x{code:02X} was expected, not {other:?}"),
            }
        }
        assert_eq!(self.next().await, None, "[MQTT-3.14.4-2] DISCONNECT is followed by the end");
    }

    pub async fn subscribe(&mut self, filter: &str, qos: u8) {
        let codes = self.subscribe_with(&[Filter::new(filter, qos)], &[]).await.codes;
        assert_eq!(codes, [qos], "{filter} is granted with QoS {qos}");
    }

    pub async fn subscribe_with(&mut self, filters: &[Filter], properties: &[Property]) -> Codes {
        let id = self.next_id();
        self.send(encode::subscribe(self.version, id, filters, properties)).await;
        match self.control().await {
            Packet::SubAck(codes) => {
                assert_eq!(codes.id, id, "[MQTT-3.8.4-2]");
                assert_eq!(codes.codes.len(), filters.len(), "[MQTT-3.8.4-6]");
                codes
            }
            other => panic!("SUBACK was expected, not {other:?}"),
        }
    }

    pub async fn unsubscribe(&mut self, filters: &[&str]) -> Codes {
        let id = self.next_id();
        self.send(encode::unsubscribe(self.version, id, filters)).await;
        match self.control().await {
            Packet::UnsubAck(codes) => {
                assert_eq!(codes.id, id, "[MQTT-3.10.4-5]");
                codes
            }
            other => panic!("UNSUBACK was expected, not {other:?}"),
        }
    }

    /// Publishes and carries the QoS handshake to its end. The reason code of PUBACK or PUBREC; with QoS 0 a ping shows that it was taken.
    pub async fn publish(&mut self, publish: Publish) -> u8 {
        match publish.qos {
            0 => {
                self.send_publish(&publish).await;
                self.ping().await;
                0
            }
            1 => {
                let id = self.next_id();
                self.send_publish(&publish.id(id)).await;
                let ack = self.puback().await;
                assert_eq!(ack.id, id, "[MQTT-2.2.1-5]");
                ack.code
            }
            _ => {
                let id = self.next_id();
                self.send_publish(&publish.id(id)).await;
                let ack = self.pubrec().await;
                assert_eq!(ack.id, id, "[MQTT-2.2.1-5]");
                if ack.code < 0x80 {
                    self.send_ack(PUBREL, id).await;
                    assert_eq!(self.pubcomp().await.id, id, "[MQTT-4.3.3-11]");
                }
                ack.code
            }
        }
    }

    pub async fn puback(&mut self) -> Ack {
        match self.control().await {
            Packet::PubAck(ack) => ack,
            other => panic!("PUBACK was expected, not {other:?}"),
        }
    }

    pub async fn pubrec(&mut self) -> Ack {
        match self.control().await {
            Packet::PubRec(ack) => ack,
            other => panic!("PUBREC was expected, not {other:?}"),
        }
    }

    pub async fn pubrel(&mut self) -> Ack {
        match self.control().await {
            Packet::PubRel(ack) => ack,
            other => panic!("PUBREL was expected, not {other:?}"),
        }
    }

    pub async fn pubcomp(&mut self) -> Ack {
        match self.control().await {
            Packet::PubComp(ack) => ack,
            other => panic!("PUBCOMP was expected, not {other:?}"),
        }
    }

    /// The next message, not acknowledged.
    pub async fn take(&mut self) -> Publish {
        if let Some(publish) = self.waiting.pop_front() {
            return publish;
        }
        match self.packet().await {
            Packet::Publish(publish) => publish,
            other => panic!("{} waits for a message, not for {other:?}", self.client_id),
        }
    }

    /// The next message, acknowledged as its QoS asks.
    pub async fn receive(&mut self) -> Publish {
        let publish = self.take().await;
        self.acknowledge(&publish).await;
        publish
    }

    pub async fn acknowledge(&mut self, publish: &Publish) {
        match publish.qos {
            0 => {}
            1 => self.send_ack(PUBACK, publish.id).await,
            _ => {
                self.send_ack(PUBREC, publish.id).await;
                assert_eq!(self.pubrel().await.id, publish.id);
                self.send_ack(PUBCOMP, publish.id).await;
            }
        }
    }

    pub async fn ping(&mut self) {
        self.send(PINGREQ).await;
        self.expect(Packet::PingResp).await;
    }

    /// No message waits for this client: one sent to itself now comes before any other.
    pub async fn has_nothing_more(&mut self) {
        let marker = format!("marker/{}/{}", self.client_id, self.last_id);
        self.subscribe(&marker, 1).await;
        self.publish(Publish::new(&marker, "marker").qos(1)).await;
        let next = self.receive().await;
        assert_eq!(next.topic, marker, "{} should have got nothing, but got {next:?}", self.client_id);
        self.unsubscribe(&[&marker]).await;
    }

    /// Nothing comes for a while, for what a marker cannot show (a closed window, a client that may only wait).
    pub async fn stays_silent(&mut self, patience: Duration) {
        assert_eq!(self.waiting.front(), None, "nothing was expected");
        let next = self.next_within(patience).await;
        assert_eq!(next, None, "nothing was expected within {patience:?}");
    }

    /// DISCONNECT 0x00, then the server's close.
    pub async fn disconnect(self) {
        self.disconnect_with(0, &[]).await;
    }

    pub async fn disconnect_with(mut self, code: u8, properties: &[Property]) {
        self.send(encode::disconnect(self.version, code, properties)).await;
        while let Some(packet) = self.next().await {
            assert!(matches!(packet, Packet::Publish(_)), "nothing answers DISCONNECT, but {packet:?} came");
        }
    }

    /// Says that nothing more will be sent; the server may still answer.
    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.ok();
    }

    /// Breaks the connection without a word and waits until the server has noticed.
    pub async fn vanish(mut self) {
        self.stream.shutdown().await.ok();
        while self.next().await.is_some() {}
    }
}
