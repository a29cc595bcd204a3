use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v3::{Codec, ConnectAck, ConnectAckReason, Packet, SubscribeReturnCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::codec::{Decoder, Encoder};

use super::faults::{Committed, Fate, Faults};

/// Packets that may wait for one client; a publisher waits when its subscriber's queue is full.
const QUEUE: usize = 256;

/// An MQTT 3.1.1 server with exact filters and `PREFIX/#`, QoS 0 to 2, and faults. It keeps nothing and forgives nothing.
#[derive(Debug)]
pub struct Broker {
    listener: TcpListener,
    shared: Arc<Mutex<Shared>>,
}

/// Reads what the server has done so far.
#[derive(Debug, Clone)]
pub struct Books(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    faults: Faults,
    committed: Committed,
    subscribers: Vec<Subscriber>,
    topics: HashMap<String, Topic>,
    messages: u64,
}

#[derive(Debug, Clone)]
struct Subscriber {
    filter: String,
    qos: QoS,
    queue: mpsc::Sender<Packet>,
    last_id: u16,
}

#[derive(Debug, Default)]
struct Topic {
    messages: u64,
    held: Option<Publish>,
}

/// What is to be sent, decided under the lock and done outside it.
type Deliveries = Vec<(mpsc::Sender<Packet>, Packet)>;

impl Broker {
    /// On a free loopback port.
    pub async fn bind(faults: Faults) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self { listener, shared: Arc::new(Mutex::new(Shared { faults, ..Default::default() })) })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub fn books(&self) -> Books {
        Books(Arc::clone(&self.shared))
    }

    /// Serves until it is dropped; its connections end with it.
    pub async fn serve(self) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = self.listener.accept().await {
            connections.spawn(serve(stream, Arc::clone(&self.shared)));
            while connections.try_join_next().is_some() {}
        }
    }
}

impl Books {
    pub fn committed(&self) -> Committed {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).committed
    }

    /// Messages that publishers sent, whatever became of them.
    pub fn taken(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).messages
    }

    /// Messages that are held back, waiting for a successor.
    pub fn held(&self) -> u64 {
        let shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.topics.values().filter(|topic| topic.held.is_some()).count() as u64
    }
}

/// A connection that breaks the protocol is closed; nobody is told why.
async fn serve(stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    let (queue, mut packets) = mpsc::channel::<Packet>(QUEUE);
    let write = async move {
        let (mut codec, mut out) = (Codec::new(0), BytesMut::new());
        let mut batch = vec![];
        while packets.recv_many(&mut batch, QUEUE).await > 0 {
            for packet in batch.drain(..) {
                if codec.encode(packet, &mut out).is_err() {
                    return;
                }
            }
            if writer.write_all(&out).await.is_err() {
                return;
            }
            out.clear();
        }
    };
    tokio::select! {
        () = write => {}
        _ = read(reader, queue, shared) => {}
    }
}

async fn read(mut reader: OwnedReadHalf, queue: mpsc::Sender<Packet>, shared: Arc<Mutex<Shared>>) -> Option<()> {
    let (mut codec, mut received) = (Codec::new(0), BytesMut::new());
    loop {
        while let Some((packet, _)) = codec.decode(&mut received).ok()? {
            let answer = match packet {
                Packet::Connect(_) => Some(Packet::ConnectAck(ConnectAck {
                    return_code: ConnectAckReason::ConnectionAccepted,
                    session_present: false,
                })),
                Packet::Subscribe { packet_id, topic_filters } => {
                    let status = topic_filters.iter().map(|(_, qos)| SubscribeReturnCode::Success(*qos)).collect();
                    let mut shared = shared.lock().ok()?;
                    shared.subscribers.extend(topic_filters.into_iter().map(|(filter, qos)| Subscriber {
                        filter: filter.to_string(),
                        qos,
                        queue: queue.clone(),
                        last_id: 0,
                    }));
                    Some(Packet::SubscribeAck { packet_id, status })
                }
                Packet::Publish(publish) => {
                    let (id, qos) = (publish.packet_id, publish.qos);
                    let (deliveries, stall) = shared.lock().ok()?.take(*publish);
                    if let Some(stall) = stall {
                        let began = Instant::now();
                        tokio::time::sleep(stall).await;
                        shared.lock().ok()?.committed.stalled = began.elapsed();
                    }
                    for (queue, packet) in deliveries {
                        // A subscriber that has gone misses it.
                        let _ = queue.send(packet).await;
                    }
                    match (qos, id) {
                        (QoS::AtLeastOnce, Some(packet_id)) => Some(Packet::PublishAck { packet_id }),
                        (QoS::ExactlyOnce, Some(packet_id)) => Some(Packet::PublishReceived { packet_id }),
                        _ => None,
                    }
                }
                Packet::PublishReceived { packet_id } => Some(Packet::PublishRelease { packet_id }),
                Packet::PublishRelease { packet_id } => Some(Packet::PublishComplete { packet_id }),
                Packet::PingRequest => Some(Packet::PingResponse),
                Packet::Disconnect => return None,
                _ => None,
            };
            if let Some(answer) = answer {
                queue.send(answer).await.ok()?;
            }
        }
        if reader.read_buf(&mut received).await.ok()? == 0 {
            return None;
        }
    }
}

impl Shared {
    fn take(&mut self, publish: Publish) -> (Deliveries, Option<std::time::Duration>) {
        self.messages += 1;
        let stall = self.faults.stall.filter(|(after, _)| *after == self.messages).map(|(_, length)| length);
        let topic = self.topics.entry(publish.topic.to_string()).or_default();
        topic.messages += 1;
        let fate = self.faults.fate(topic.messages);
        let mut out = vec![];
        match fate {
            Fate::Drop => self.committed.dropped += 1,
            // One at a time is held: a second would no longer be a swap of neighbours.
            Fate::Hold if topic.held.is_none() => topic.held = Some(publish),
            Fate::Hold | Fate::Deliver | Fate::Duplicate => {
                let held = topic.held.take();
                if fate == Fate::Duplicate {
                    self.committed.duplicated += 1;
                    self.forward(&publish, &mut out);
                }
                self.forward(&publish, &mut out);
                if let Some(held) = held {
                    self.committed.swapped += 1;
                    self.forward(&held, &mut out);
                }
            }
        }
        (out, stall)
    }

    fn forward(&mut self, publish: &Publish, out: &mut Deliveries) {
        self.subscribers.retain(|subscriber| !subscriber.queue.is_closed());
        for subscriber in self.subscribers.iter_mut().filter(|subscriber| matches(&subscriber.filter, &publish.topic)) {
            let qos = publish.qos.less_value(subscriber.qos);
            let packet_id = (qos != QoS::AtMostOnce).then(|| {
                subscriber.last_id = subscriber.last_id.checked_add(1).unwrap_or(1);
                NonZeroU16::new(subscriber.last_id).expect("it counts from 1")
            });
            let payload: Bytes = publish.payload.clone();
            let copy = Publish { dup: false, retain: false, qos, packet_id, payload, ..publish.clone() };
            out.push((subscriber.queue.clone(), Packet::Publish(Box::new(copy))));
            self.committed.forwarded += 1;
        }
    }
}

fn matches(filter: &str, topic: &str) -> bool {
    match filter.strip_suffix("/#") {
        Some(prefix) => topic.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        None => filter == topic,
    }
}
