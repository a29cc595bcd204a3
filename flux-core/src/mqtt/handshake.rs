//! From an open stream to a connected session: CONNECT, authentication, the claim of the session, CONNACK (MQTT 5 §3.1, §3.2).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::close::Close;
use super::codec::{self, DecodeError};
use super::connection::Connection;
use super::dialogue::{Agreed, Dialogue};
use super::inflight::Outbound;
use super::packet::{Auth, ConnAck, Connect, Incoming, Outgoing, Version};
use super::reason::Reason;
use super::server::Server;
use super::session::{ConnectionInfo, Session};
use crate::api;
use crate::hook::AuthenticationError;
use crate::hook::Credentials;
use crate::hook::ExchangeStep;
use crate::hook::Identity;
use crate::receipt::Receipt;
use crate::telemetry::{Direction, TraceRecord};
use crate::types::{ClientId, Refusal, Timestamp, TopicName, limits};

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    pub peer: SocketAddr,
    pub transport: api::Transport,
}

/// Why there is no connection after all.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("refused: {}", .0.text())]
    Refused(Reason),
    #[error("another node has taken the session meanwhile")]
    Moved,
}

struct Handshake<S> {
    server: Arc<Server>,
    stream: S,
    origin: Origin,
    /// Read and not yet understood.
    input: Vec<u8>,
    /// Who it is for a trace, once CONNECT has said so.
    client: Option<ClientId>,
}

/// Who has come: CONNECT as it was sent, and what was found about its sender.
struct Arrival {
    connect: Connect,
    client: ClientId,
    /// The client id is one of ours.
    assigned: bool,
    identity: Identity,
    /// The server's last word of an enhanced authentication.
    authentication_data: Option<Box<[u8]>>,
}

/// Brings a client to its session; the connection it gives is ready to run.
pub async fn connect<S>(server: Arc<Server>, stream: S, origin: Origin) -> Result<Box<Connection<S>>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let limit = server.settings.connect_timeout;
    let mut handshake = Handshake { server, stream, origin, input: Vec::new(), client: None };
    let arrival = tokio::time::timeout(limit, handshake.greet()).await;
    let arrival = arrival.map_err(|_| HandshakeError::Io(io::ErrorKind::TimedOut.into()))??;
    let version = arrival.connect.version;
    // From here on a session is in our hands: no timeout may drop it.
    match handshake.establish_again(&arrival).await {
        Ok(dialogue) => Ok(Box::new(Connection::new(handshake.stream, handshake.input, dialogue))),
        Err(HandshakeError::Refused(reason)) => {
            handshake.refuse(version, reason).await;
            Err(HandshakeError::Refused(reason))
        }
        Err(error) => Err(error),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Handshake<S> {
    /// The next whole packet.
    async fn frame(&mut self) -> Result<Vec<u8>, HandshakeError> {
        loop {
            if let Some(length) = codec::frame_length(&self.input, self.server.settings.max_packet_size)? {
                let rest = self.input.split_off(length);
                return Ok(std::mem::replace(&mut self.input, rest));
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(HandshakeError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    async fn send(&mut self, packet: &Outgoing<'_>, version: Version) -> io::Result<()> {
        let mut bytes = Vec::new();
        codec::encode(packet, version, &mut bytes);
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await?;
        self.trace(Direction::Out, packet.name(), bytes.len(), packet.reason());
        Ok(())
    }

    fn trace(&self, direction: Direction, packet: &'static str, size: usize, reason: Option<Reason>) {
        let Some(client) = self.client.as_ref().filter(|_| self.server.traces.any()) else { return };
        self.server.traces.record(TraceRecord {
            time: Timestamp::now(),
            client: client.clone(),
            direction,
            packet,
            topic: None,
            event: None,
            qos: None,
            size,
            reason: reason.map(Reason::text),
        });
    }

    async fn refuse(&mut self, version: Version, reason: Reason) {
        let reference = self.server.settings.server_reference.as_deref().filter(|_| reason == Reason::UseAnotherServer);
        let packet = ConnAck { reason, server_reference: reference.map(Into::into), ..ConnAck::default() };
        let packet = Outgoing::ConnAck(Box::new(packet));
        // The client may not wait for the answer.
        let _ = self.send(&packet, version).await;
        let _ = self.stream.shutdown().await;
    }

    /// [MQTT-3.1.2-2] of both versions: an unknown protocol level is answered, what is not CONNECT at all is not.
    async fn refuse_undecodable(&mut self, frame: &[u8], error: DecodeError) {
        match error {
            DecodeError::UnsupportedVersion { level, .. } => {
                let version = if level > Version::V5 as u8 { Version::V5 } else { Version::V311 };
                self.refuse(version, Reason::UnsupportedProtocolVersion).await;
            }
            other => {
                if codec::connect_version(frame).is_ok_and(|version| version == Version::V5) {
                    self.refuse(Version::V5, other.reason()).await;
                }
            }
        }
    }

    /// Reads CONNECT and finds out who sent it.
    async fn greet(&mut self) -> Result<Arrival, HandshakeError> {
        let frame = self.frame().await?;
        let connect = match codec::decode_connect(&frame) {
            Ok(connect) => connect,
            Err(error) => {
                self.refuse_undecodable(&frame, error).await;
                return Err(error.into());
            }
        };
        let version = connect.version;
        match self.identify(connect, frame.len()).await {
            Err(HandshakeError::Refused(reason)) => {
                self.refuse(version, reason).await;
                Err(HandshakeError::Refused(reason))
            }
            outcome => outcome,
        }
    }

    async fn identify(&mut self, connect: Connect, size: usize) -> Result<Arrival, HandshakeError> {
        let settings = &self.server.settings;
        if self.server.open.load(Ordering::Relaxed) > settings.max_connections {
            let elsewhere = connect.version == Version::V5 && settings.server_reference.is_some();
            return Err(HandshakeError::Refused(if elsewhere { Reason::UseAnotherServer } else { Reason::ServerBusy }));
        }
        let (client, assigned) = client_id(&connect)?;
        self.client = Some(client.clone());
        self.trace(Direction::In, "CONNECT", size, None);
        let (identity, authentication_data) = self.authenticate(&connect, &client).await?;
        self.check_will(&connect, &identity, &client)?;
        Ok(Arrival { connect, client, assigned, identity, authentication_data })
    }

    /// Another node may take the session at the same time: who comes last has it.
    async fn establish_again(&mut self, arrival: &Arrival) -> Result<Dialogue, HandshakeError> {
        for _ in 0..limits::CLAIMS_LOST {
            match self.establish(arrival).await {
                Err(HandshakeError::Moved) => tracing::debug!(client_id = %arrival.client, "the session moved meanwhile"),
                outcome => return outcome,
            }
        }
        Err(HandshakeError::Refused(Reason::ServerUnavailable))
    }

    async fn establish(&mut self, arrival: &Arrival) -> Result<Dialogue, HandshakeError> {
        let Arrival { connect, client, assigned, identity, authentication_data } = arrival;
        let (client, assigned, identity) = (client.clone(), *assigned, identity.clone());
        let server = self.server.clone();
        let expiry = server.settings.bounded_expiry(session_expiry(connect));
        let mut reservation = server.sessions.claim(&client).await;
        if server.store.is_shared() && reservation.session().is_none() {
            let claimed = server.claim_session(&client).await;
            *reservation.session() = claimed.map_err(|_| HandshakeError::Refused(Reason::ServerUnavailable))?;
        }
        let (connect_number, settled) = server.member.as_ref().map(|member| member.client_connected(&client)).unzip();
        let mut ended = Receipt::SAFE;
        let kept = if connect.clean_start {
            // [MQTT-3.1.2-4]: what was there before ends, its will included.
            if let Some(old) = reservation.session().take() {
                ended = server.end_session(old);
            }
            None
        } else {
            reservation.session().take()
        };
        let session_present = kept.is_some();
        if !session_present && server.metrics.sessions.get() >= server.settings.max_sessions as u64 {
            reservation.remove();
            return Err(HandshakeError::Refused(Reason::QuotaExceeded));
        }
        let mut session = kept.unwrap_or_else(|| server.new_session(&client, Timestamp::now()));
        session.profile.connect.store(connect_number.unwrap_or(0), Ordering::Release);
        if expiry > 0 {
            server.make_durable(&mut session);
        }
        self.prepare(&mut session, connect, expiry, &identity);
        let stored = server.store_session(&session, None);
        let will = session.will.as_ref().map(|will| server.store_will(&client, will, identity.username.as_deref()));
        let safe = ended.and(stored).and(will.unwrap_or(Receipt::SAFE)).await;
        if let Some(settled) = settled {
            settled.await;
        }
        if safe == Err(Refusal::Moved) {
            session.set_will(None);
            server.let_leave(session);
            reservation.remove();
            return Err(HandshakeError::Moved);
        }
        if safe.is_err() {
            // What cannot be kept must not be promised.
            if session_present {
                *reservation.session() = Some(session);
            } else {
                session.set_will(None);
                // The store has just refused; the client hears that it is not connected.
                drop(server.end_session(session));
                reservation.remove();
            }
            return Err(HandshakeError::Refused(Reason::ServerUnavailable));
        }

        let agreed = self.agree(connect, expiry);
        let acknowledgement =
            self.acknowledge(connect, assigned.then_some(&client), expiry, session_present, authentication_data.clone());
        session.mailbox().connect(session.queue.map(|_| session.resume_at));
        if session_present {
            server.renew_shared(&session.profile);
        }
        reservation.connect(session.profile.clone());
        server.metrics.connections.add(1);
        server.metrics.connections_opened.add(1);
        let dialogue = Dialogue::new(server.clone(), session, identity, agreed);
        let limit = server.settings.connect_timeout;
        let answer = Outgoing::ConnAck(Box::new(acknowledgement));
        let sent = tokio::time::timeout(limit, self.send(&answer, connect.version)).await;
        if let Err(error) = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            let kind = error.kind();
            dialogue.finish(Close::Lost(error)).await;
            return Err(HandshakeError::Io(kind.into()));
        }
        tracing::debug!(client_id = %client, peer = %self.origin.peer, transport = self.origin.transport.as_str(), session_present, "connected");
        Ok(dialogue)
    }

    async fn authenticate(
        &mut self,
        connect: &Connect,
        client: &ClientId,
    ) -> Result<(Identity, Option<Box<[u8]>>), HandshakeError> {
        let server = self.server.clone();
        if let Some(method) = &connect.authentication_method {
            return self.exchange(method, connect.authentication_data.as_deref().unwrap_or_default()).await;
        }
        let credentials = Credentials {
            client_id: client.as_str(),
            username: connect.username.as_deref(),
            password: connect.password.as_deref(),
            peer: self.origin.peer.ip(),
        };
        match server.authenticator.authenticate(credentials).await {
            Ok(identity) => Ok((identity, None)),
            Err(error) => Err(HandshakeError::Refused(reason_of(error))),
        }
    }

    /// Enhanced authentication (MQTT 5 §4.12).
    async fn exchange(&mut self, method: &str, first: &[u8]) -> Result<(Identity, Option<Box<[u8]>>), HandshakeError> {
        let refused = |error| HandshakeError::Refused(reason_of(error));
        let mut exchange = self.server.authenticator.begin(method).map_err(refused)?;
        let mut data: Box<[u8]> = first.into();
        loop {
            match exchange.step(&data).await.map_err(refused)? {
                ExchangeStep::Done { identity, data } => return Ok((identity, Some(data.into()))),
                ExchangeStep::Continue { data } => {
                    let auth = Auth {
                        reason: Reason::ContinueAuthentication,
                        method: Some(method.into()),
                        data: Some(data.into()),
                        reason_string: None,
                    };
                    self.send(&Outgoing::Auth(auth), Version::V5).await?;
                }
            }
            let frame = self.frame().await?;
            match codec::decode(&frame, Version::V5, &mut Vec::new()) {
                Ok(Incoming::Auth(auth))
                    if auth.reason == Reason::ContinueAuthentication && auth.method.as_deref() == Some(method) =>
                {
                    data = auth.data.unwrap_or_default();
                }
                // [MQTT-4.12.0-6]
                Ok(_) => return Err(HandshakeError::Refused(Reason::ProtocolError)),
                Err(error) => return Err(HandshakeError::Refused(error.reason())),
            }
        }
    }

    fn check_will(&self, connect: &Connect, identity: &Identity, client: &ClientId) -> Result<(), HandshakeError> {
        let Some(will) = &connect.will else { return Ok(()) };
        let topic = TopicName::parse(&will.topic).map_err(|_| HandshakeError::Refused(Reason::TopicNameInvalid))?;
        let allowed = self.server.ingress.authorize(identity, client.as_str(), &topic);
        allowed.map_err(|_| HandshakeError::Refused(Reason::NotAuthorized))
    }

    /// Makes the session what this CONNECT says.
    fn prepare(&self, session: &mut Session, connect: &Connect, expiry: u32, identity: &Identity) {
        let settings = &self.server.settings;
        let window = connect.receive_maximum.unwrap_or(u16::MAX).min(settings.max_inflight);
        session.outbound = Outbound::new(window);
        session.will_at = None;
        session.expires_at = None;
        session.set_expiry(expiry);
        session.set_will(connect.will.clone().map(Box::new));
        let mut facts = session.profile.facts.lock();
        facts.username = identity.username.clone();
        facts.version = connect.version;
        facts.disconnected_at = None;
        facts.expires_at = None;
        facts.window = window;
        facts.maximum_packet_size = connect.maximum_packet_size;
        facts.connection = Some(ConnectionInfo {
            peer: self.origin.peer,
            transport: self.origin.transport,
            connected_at: Timestamp::now(),
            keep_alive: self.keep_alive(connect).0,
            clean_start: connect.clean_start,
        });
    }

    /// Seconds, and whether they are ours rather than the client's [MQTT-3.2.2-21].
    fn keep_alive(&self, connect: &Connect) -> (u16, bool) {
        let maximum = self.server.settings.max_keep_alive;
        // Version 3 cannot be told, so it keeps what it asked for.
        if maximum == 0 || connect.version < Version::V5 || (1..=maximum).contains(&connect.keep_alive) {
            (connect.keep_alive, false)
        } else {
            (maximum, true)
        }
    }

    fn agree(&self, connect: &Connect, expiry: u32) -> Agreed {
        let keep_alive = u64::from(self.keep_alive(connect).0);
        Agreed {
            version: connect.version,
            silence: Duration::from_millis(keep_alive * 1500),
            maximum_packet_size: connect.maximum_packet_size.unwrap_or(u32::MAX).min(codec::LARGEST_PACKET),
            topic_alias_maximum: connect.topic_alias_maximum,
            problem_information: connect.request_problem_information,
            authentication_method: connect.authentication_method.clone(),
            session_expiry: expiry,
        }
    }

    fn acknowledge(
        &self,
        connect: &Connect,
        assigned: Option<&ClientId>,
        expiry: u32,
        session_present: bool,
        authentication_data: Option<Box<[u8]>>,
    ) -> ConnAck {
        let settings = &self.server.settings;
        let (keep_alive, ours) = self.keep_alive(connect);
        ConnAck {
            session_present,
            reason: Reason::Success,
            session_expiry: (expiry != session_expiry(connect)).then_some(expiry),
            receive_maximum: Some(settings.receive_maximum),
            maximum_packet_size: Some(settings.max_packet_size),
            assigned_client_id: assigned.map(|client| client.as_str().into()),
            topic_alias_maximum: settings.topic_alias_maximum,
            server_keep_alive: ours.then_some(keep_alive),
            // A place of its own for answers, which the default authorization lets it use (MQTT 5 §3.2.2.3.15).
            response_information: connect
                .request_response_information
                .then(|| format!("response/{}", assigned.map_or(&*connect.client_id, ClientId::as_str)).into()),
            authentication_method: authentication_data.is_some().then(|| connect.authentication_method.clone()).flatten(),
            authentication_data: authentication_data.filter(|data| !data.is_empty()),
            ..ConnAck::default()
        }
    }
}

/// The client's own identifier, or one of ours (MQTT 5 §3.1.3.1).
fn client_id(connect: &Connect) -> Result<(ClientId, bool), HandshakeError> {
    if !connect.client_id.is_empty() {
        return Ok((ClientId::new(&*connect.client_id), false));
    }
    // [MQTT-3.1.3-8] of 3.1.1: without an identifier there can be no session to come back to.
    if connect.version < Version::V5 && !connect.clean_start {
        return Err(HandshakeError::Refused(Reason::ClientIdentifierNotValid));
    }
    let random: u128 = rand::random();
    Ok((ClientId::new(format!("flux-{random:032x}")), true))
}

/// What the client asks for: version 3 knows only "until the next clean session" and "with the connection".
fn session_expiry(connect: &Connect) -> u32 {
    match connect.version {
        Version::V5 => connect.session_expiry.unwrap_or(0),
        Version::V31 | Version::V311 if connect.clean_start => 0,
        Version::V31 | Version::V311 => u32::MAX,
    }
}

fn reason_of(error: AuthenticationError) -> Reason {
    match error {
        AuthenticationError::BadCredentials => Reason::BadUserNameOrPassword,
        AuthenticationError::NotAuthorized => Reason::NotAuthorized,
        AuthenticationError::Busy => Reason::ServerBusy,
        AuthenticationError::BadMethod => Reason::BadAuthenticationMethod,
    }
}
