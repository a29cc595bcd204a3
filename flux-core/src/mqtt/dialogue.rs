//! What client and server say to each other once they are connected. Knows no socket: bytes in, bytes out, and what to wait for.
//!
//! `inbound` handles what the client sends, `outbound` what it is sent; this file holds the state and what belongs to neither.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use super::aliases::{IncomingAliases, OutgoingAliases};
use super::answers::{Answer, Answers};
use super::close::Close;
use super::codec;
use super::mailbox::{Command, Signal};
use super::outbound::Sending;
use super::packet::{Disconnect, Outgoing, Version};
use super::reason::Reason;
use super::reauthentication::ReAuthentication;
use super::server::Server;
use super::session::Session;
use super::tally::Tally;
use super::topics::Topics;
use crate::bus::Subscriber;
use crate::durable::Operation;
use crate::durable::Transaction;
use crate::hook::Identity;
use crate::receipt::Receipt;
use crate::telemetry::Direction;
use crate::telemetry::TraceRecord;
use crate::types::limits;
use crate::types::{DropReason, QoS, Timestamp, TopicName};

/// What was agreed in CONNECT and CONNACK.
#[derive(Debug, Clone)]
pub struct Agreed {
    pub version: Version,
    /// One and a half times the keep alive [MQTT-3.1.2-22]. Zero: no limit on the silence of the client.
    pub silence: Duration,
    /// Bytes; larger packets are not sent to this client.
    pub maximum_packet_size: u32,
    pub topic_alias_maximum: u16,
    /// Reason strings only if the client wants them (MQTT 5 §3.1.2.11.7).
    pub problem_information: bool,
    pub authentication_method: Option<Box<str>>,
    /// The session expiry of CONNECT: a zero cannot be raised later.
    pub session_expiry: u32,
}

pub struct Dialogue {
    pub(super) server: Arc<Server>,
    pub(super) session: Box<Session>,
    pub(super) identity: Identity,
    pub(super) agreed: Box<Agreed>,
    pub(super) answers: Answers,
    pub(super) topics: Topics,
    pub(super) aliases: IncomingAliases,
    pub(super) sending: Sending,
    /// Durable entries that the client has acknowledged in this turn.
    pub(super) acknowledged: Vec<Operation>,
    /// The last such transaction: what it removed must be gone before the session moves on.
    pub(super) settled: Receipt,
    pub(super) hold: Option<Box<Hold>>,
    /// Packets that came behind a held PUBLISH, whole.
    pub(super) deferred: Vec<u8>,
    pub(super) reauthentication: Option<Box<ReAuthentication>>,
    pub(super) tally: Tally,
}

/// Publishing waits for a subscriber that is behind.
pub struct Hold {
    subscriber: Arc<dyn Subscriber>,
    until: Instant,
}

impl Dialogue {
    pub fn new(server: Arc<Server>, session: Box<Session>, identity: Identity, agreed: Agreed) -> Self {
        let aliases = OutgoingAliases::new(agreed.topic_alias_maximum.min(server.settings.max_outgoing_aliases));
        let sending = Sending::new(aliases, session.resume_at);
        Dialogue {
            server,
            session,
            identity,
            agreed: Box::new(agreed),
            answers: Answers::default(),
            topics: Topics::default(),
            aliases: IncomingAliases::default(),
            sending,
            acknowledged: Vec::new(),
            settled: Receipt::SAFE,
            hold: None,
            deferred: Vec::new(),
            reauthentication: None,
            tally: Tally::default(),
        }
    }

    pub fn keep_alive(&self) -> Duration {
        self.agreed.silence
    }

    /// What an operator, another connection or a full mailbox wants of this connection.
    pub fn poll_signal(&mut self, context: &mut Context<'_>) -> Result<(), Close> {
        match self.session.mailbox().poll_signal(context) {
            None => Ok(()),
            Some(Signal::Command(command)) => Err(Close::Command(command)),
            Some(Signal::Overflowed) => Err(Close::server(Reason::QuotaExceeded, "the client reads too slowly")),
        }
    }

    /// Whether more may be read: not while publishing is held and enough waits behind, nor while the store is behind with what was published.
    pub fn may_read(&mut self, context: &mut Context<'_>) -> bool {
        if self.hold.is_some() && self.deferred.len() >= limits::READ_BUFFER_BYTES {
            return false;
        }
        self.answers.is_empty()
            || (self.answers.len() < usize::from(self.server.settings.receive_maximum)
                && self.server.store.poll_room(context).is_ready())
    }

    pub(super) fn hold_for(&mut self, subscriber: Arc<dyn Subscriber>) {
        // A client that publishes to itself would wait for itself.
        if subscriber.id() != self.session.mailbox().id() {
            let until = Instant::now() + self.server.settings.slow_subscriber_grace;
            self.hold = Some(Box::new(Hold { subscriber, until }));
        }
    }

    pub fn held_until(&self) -> Option<Instant> {
        self.hold.as_ref().map(|hold| hold.until)
    }

    /// Publishing has waited for the whole grace: it goes on without the subscriber.
    pub fn hold_is_over(&mut self, now: Instant, context: &Context<'_>) {
        if let Some(hold) = &self.hold
            && hold.until <= now
        {
            hold.subscriber.give_up();
            // The next turn takes up what was deferred.
            context.waker().wake_by_ref();
        }
    }

    /// Goes on with what was deferred once the subscriber has room.
    pub fn poll_hold(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> Result<bool, Close> {
        let Some(hold) = &self.hold else { return Ok(false) };
        if hold.subscriber.poll_room(context).is_pending() {
            return Ok(false);
        }
        self.hold = None;
        let deferred = std::mem::take(&mut self.deferred);
        self.consume(&deferred, out)?;
        Ok(true)
    }

    /// Hands what was acknowledged in this turn to the store.
    pub fn settle(&mut self) {
        if !self.acknowledged.is_empty() {
            let operations = std::mem::take(&mut self.acknowledged).into();
            self.settled = self.server.store.commit(Transaction { operations });
        }
    }

    pub fn end_turn(&mut self) {
        self.settle();
        self.tally.flush(&self.server.metrics);
        let inflight = u32::try_from(self.session.outbound.len()).unwrap_or(u32::MAX);
        self.session.profile.inflight.store(inflight, Ordering::Relaxed);
        let inflight = u32::try_from(self.session.inbound.exactly_once()).unwrap_or(u32::MAX);
        self.session.profile.inflight_in.store(inflight, Ordering::Relaxed);
    }

    pub(super) fn send(&mut self, packet: &Outgoing<'_>, out: &mut Vec<u8>) {
        let before = out.len();
        codec::encode(packet, self.agreed.version, out);
        if out.len() - before > self.agreed.maximum_packet_size as usize
            && let Some(shorter) = packet.without_reason_string()
        {
            out.truncate(before);
            codec::encode(&shorter, self.agreed.version, out);
        }
        self.tally.packets_out += 1;
        if self.server.traces.any() {
            self.trace(Direction::Out, packet.name(), None, None, out.len() - before, packet.reason());
        }
    }

    #[cold]
    pub(super) fn trace(
        &self,
        direction: Direction,
        packet: &'static str,
        topic: Option<&str>,
        qos: Option<QoS>,
        size: usize,
        reason: Option<Reason>,
    ) {
        self.server.traces.record(TraceRecord {
            time: Timestamp::now(),
            client: self.session.client().clone(),
            direction,
            packet,
            topic: topic.and_then(|topic| TopicName::parse(topic).ok()),
            event: None,
            qos,
            size,
            reason: reason.map(Reason::text),
        });
    }

    /// The last packet of a connection that we end [MQTT-3.14.0-1].
    pub fn say_goodbye(&mut self, close: &Close, out: &mut Vec<u8>) {
        let Some(mut reason) = close.reason() else { return };
        let detail = if self.agreed.problem_information { close.detail() } else { None };
        let mut server_reference = None;
        if let (Reason::ServerShuttingDown, Some(reference)) = (reason, &self.server.settings.server_reference) {
            reason = Reason::UseAnotherServer;
            server_reference = Some((**reference).into());
        }
        let reason_string = detail.map(Into::into);
        let disconnect = Disconnect { reason, session_expiry: None, reason_string, server_reference };
        self.send(&Outgoing::Disconnect(disconnect), out);
    }

    /// Lets go of the session: ends it or parks it, once everything that was published or acknowledged is settled.
    pub async fn finish(mut self, close: Close) {
        let reason = close.reason().map_or("", Reason::text);
        tracing::debug!(client_id = %self.session.client(), reason, detail = close.detail(), "disconnected");
        if close
            .reason()
            .is_some_and(|reason| (Reason::MalformedPacket.code()..=Reason::ProtocolError.code()).contains(&reason.code()))
        {
            self.server.metrics.protocol_errors.add(1);
        }
        if matches!(close, Close::Command(Command::CutOff)) {
            self.server.metrics.connections_cut_off.add(1);
        }
        self.end_turn();
        self.hold = None;
        self.topics.clear();
        self.settle_answers().await;
        let _ = (&mut self.settled).await;
        self.server.metrics.connections.sub(1);
        self.server.metrics.connections_closed.add(1);
        self.release_session(&close).await;
    }

    /// What was published and not yet answered: the client will ask again, and must then be told the truth.
    async fn settle_answers(&mut self) {
        while let Some((outcome, answer, _)) = std::future::poll_fn(|context| self.answers.poll_next(context)).await {
            if outcome.is_err()
                && let Answer::PubRec { id, .. } = answer
            {
                self.session.inbound.refuse(id);
            }
        }
        self.session.inbound.interrupt();
    }

    async fn release_session(mut self, close: &Close) {
        let server = self.server;
        let profile = self.session.profile.clone();
        profile.facts.lock().connection = None;
        profile.inflight.store(0, Ordering::Relaxed);
        let interrupted = self.session.outbound.interrupt();
        let next = self.sending.next_entry();
        self.session.resume_at = interrupted.first_durable.map_or(next, |first| first.min(next));
        let undelivered =
            interrupted.shared.into_iter().chain(self.sending.into_waiting()).chain(self.session.mailbox().disconnect());
        let ended = interrupted.unshared + server.reassign(&profile, undelivered);
        let reason = if self.session.queue.is_some() { DropReason::Offline } else { DropReason::SessionEnded };
        server.metrics.dropped.of(reason).add(ended);

        if profile.has_left() {
            // All of it is another node's now, its will included.
            self.session.set_will(None);
            server.let_leave(self.session);
            server.sessions.remove(&profile.client);
            return;
        }
        if close.discards_will() && self.session.will.is_some() {
            self.session.set_will(None);
            server.forget_will(self.session.client());
        }
        let deleted = matches!(close, Close::Command(Command::Delete));
        let now = Timestamp::now();
        if deleted || self.session.park(now).is_none() {
            let client = self.session.client().clone();
            // Who asked for it waits for the store (`delete`), or is gone.
            drop(server.end_session(self.session));
            server.sessions.remove(&client);
            return;
        }
        if self.session.will_at.is_some_and(|at| at <= now)
            && let Some(will) = self.session.will.take()
        {
            self.session.will_at = None;
            self.session.set_will(None);
            let username = profile.username();
            server.publish_will(self.session.client(), username, *will);
        }
        // Not stored means that after a crash the time without a connection counts from the restart: later, never earlier.
        let _ = server.store_session(&self.session, Some(now)).await;
        server.renew_shared(&profile);
        server.park(self.session);
    }
}
