use std::io;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::clock::Clock;
use crate::plan::server::Server;
use crate::wire::control::{self, ControlError, Granted, Login};
use crate::wire::scan::{self, Scan};

use super::stream::{Stream, dial};

/// A server that does not answer within this time is not going to.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much is kept of what arrives before an answer: a server may send messages of a subscription before its SUBACK.
const LONGEST_ANSWER: usize = 64 * 1_024 * 1_024;

const CONNACK: u8 = 0x20;
const SUBACK: u8 = 0x90;

#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectFailure {
    #[error("cannot connect: {0}")]
    Socket(String),
    #[error("{0}")]
    Control(#[from] ControlError),
    #[error("the server closed the connection while {0}")]
    Closed(&'static str),
    #[error("the server did not answer within 30 s while {0}")]
    Silent(&'static str),
    #[error("the server grants QoS {0} at most")]
    MaximumQos(u8),
    #[error("the server takes packets of {0} bytes at most")]
    MaximumPacketSize(u32),
    #[error("the server keeps no retained messages")]
    Retain,
}

/// Why one connection could not be opened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("client {client_id}: {failure}")]
pub struct ConnectError {
    pub client_id: String,
    pub failure: ConnectFailure,
}

/// What a connection should become.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    pub server: &'a Server,
    pub source: Option<IpAddr>,
    pub login: &'a Login,
    pub client_id: &'a str,
    /// Subscribed to after CONNACK.
    pub filters: &'a [String],
    /// The highest it will publish or subscribe at.
    pub qos: u8,
    pub subscribe_qos: u8,
    /// It will publish retained messages.
    pub retain: bool,
    /// The largest packet this connection will send, bytes.
    pub largest: usize,
}

/// A connection with CONNACK, and SUBACK if it subscribes.
#[derive(Debug)]
pub struct Opened {
    pub stream: Stream,
    pub granted: Granted,
    /// Bytes that came beside the answers.
    pub leftover: Vec<u8>,
    /// From the connect call to CONNACK, ns.
    pub took: u64,
    /// When SUBSCRIBE was sent, ns; None without filters.
    pub subscribed_at: Option<u64>,
}

pub async fn open(opening: Opening<'_>, clock: Clock) -> Result<Opened, ConnectFailure> {
    let started = clock.now();
    let mut stage = "connecting";
    match tokio::time::timeout(PATIENCE, open_patiently(opening, clock, started, &mut stage)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(ConnectFailure::Silent(stage)),
    }
}

async fn open_patiently(
    opening: Opening<'_>,
    clock: Clock,
    started: u64,
    stage: &mut &'static str,
) -> Result<Opened, ConnectFailure> {
    let dialled = dial(opening.server, opening.source, stage).await;
    let mut stream = dialled.map_err(|error| ConnectFailure::Socket(explain(&error)))?;
    let protocol = opening.login.protocol;
    let mut received = vec![];

    *stage = "waiting for CONNACK";
    let answer =
        exchange(&mut stream, &control::connect(opening.login, opening.client_id), &mut received, CONNACK, stage).await?;
    let granted = control::connack(protocol, &answer)?;
    let took = clock.now() - started;
    if granted.maximum_qos < opening.qos {
        return Err(ConnectFailure::MaximumQos(granted.maximum_qos));
    }
    if opening.retain && !granted.retain_available {
        return Err(ConnectFailure::Retain);
    }
    if let Some(limit) = granted.maximum_packet_size.filter(|limit| (*limit as usize) < opening.largest) {
        return Err(ConnectFailure::MaximumPacketSize(limit));
    }

    let mut subscribed_at = None;
    if !opening.filters.is_empty() {
        subscribed_at = Some(clock.now());
        *stage = "waiting for SUBACK";
        let packet = control::subscribe(protocol, NonZeroU16::MIN, opening.filters, opening.subscribe_qos);
        let answer = exchange(&mut stream, &packet, &mut received, SUBACK, stage).await?;
        control::suback(protocol, &answer, opening.filters, opening.subscribe_qos)?;
    }
    Ok(Opened { stream, granted, leftover: received, took, subscribed_at })
}

/// Sends a packet and returns the answer of the type `wanted`, taken from `received`. Messages that come before it stay there.
async fn exchange(
    stream: &mut Stream,
    packet: &[u8],
    received: &mut Vec<u8>,
    wanted: u8,
    stage: &'static str,
) -> Result<Vec<u8>, ConnectFailure> {
    let broken = |error: io::Error| ConnectFailure::Socket(explain(&error));
    stream.write_all(packet).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut looked = 0;
    loop {
        match scan::frame(&received[looked..]) {
            Scan::Frame(frame) if wanted != CONNACK && matches!(frame.kind(), scan::PUBLISH | 0x60) => {
                looked += frame.whole.len();
                continue;
            }
            Scan::Frame(frame) => {
                let end = looked + frame.whole.len();
                return Ok(received.drain(looked..end).collect());
            }
            Scan::Malformed => return Err(ControlError::Malformed("its length is not MQTT".to_owned()).into()),
            Scan::Incomplete if received.len() > LONGEST_ANSWER => {
                return Err(ControlError::Malformed("64 MB came before it".to_owned()).into());
            }
            Scan::Incomplete => {}
        }
        let mut chunk = [0; 4_096];
        match stream.read(&mut chunk).await.map_err(broken)? {
            0 => return Err(ConnectFailure::Closed(stage)),
            read => received.extend_from_slice(&chunk[..read]),
        }
    }
}

/// The system's message and, where it is known to puzzle, what to do.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nothing listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => {
            "no source port is left; wait a minute for closed connections to be forgotten, or use fewer --conns".to_owned()
        }
        _ if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            format!("TLS: {error}; --ca FILE names the authority to trust, --insecure asks for none")
        }
        _ => error.to_string(),
    }
}
