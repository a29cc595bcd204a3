//! What a client is sent: answers to its packets, retained messages, deliveries from the mailbox and from the durable queue.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::aliases::OutgoingAliases;
use super::answers::{Answer, RetainedWanted};
use super::close::Close;
use super::codec;
use super::dialogue::Dialogue;
use super::inflight::Done;
use super::mailbox::{Command, Item};
use super::packet::{Ack, Outgoing, Publish, Version};
use super::reason::Reason;
use crate::bus::Delivered;
use crate::bus::Handover;
use crate::bus::Subscriber;
use crate::durable::Entry;
use crate::durable::EntryState;
use crate::durable::Operation;
use crate::durable::Reading;
use crate::durable::Transaction;
use crate::receipt::Receipt;
use crate::telemetry::Direction;
use crate::telemetry::TraceRecord;
use crate::types::limits;
use crate::types::{Delivery, DropReason, QoS, QueueId, Refusal, Seq, Timestamp};

/// Packet ids repeat after this many durable entries.
const PACKET_IDS: u64 = 65_535;

/// Where sending stands.
pub struct Sending {
    aliases: OutgoingAliases,
    /// Retained messages for new subscriptions: they go before anything newer.
    retained: VecDeque<Delivery>,
    /// The next durable entry that has not been sent on this connection.
    next: Seq,
    /// Reused from turn to turn while there is traffic.
    batch: Vec<Item>,
    /// Entries that the store is fetching.
    reading: Option<Reading<Vec<Entry>>>,
}

impl Sending {
    pub fn new(aliases: OutgoingAliases, next: Seq) -> Self {
        Sending { aliases, retained: VecDeque::new(), next, batch: Vec::new(), reading: None }
    }

    pub fn next_entry(&self) -> Seq {
        self.next
    }

    /// Retained messages that were not sent.
    pub fn into_waiting(self) -> VecDeque<Delivery> {
        self.retained
    }
}

impl Dialogue {
    /// Sends `answer` as soon as its receipt allows, in the order of the calls.
    pub(super) fn answer(&mut self, receipt: Receipt, answer: Answer, out: &mut Vec<u8>) -> Result<(), Close> {
        match self.answers.push(receipt, answer) {
            Some((outcome, answer)) => {
                self.tally.answered_at_once += u64::from(matches!(answer, Answer::PubAck { .. } | Answer::PubRec { .. }));
                self.send_answer(outcome, answer, out)
            }
            None => Ok(()),
        }
    }

    pub fn poll_answers(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> Result<bool, Close> {
        let mut progress = false;
        while let Poll::Ready(Some((outcome, answer, since))) = self.answers.poll_next(context) {
            if matches!(answer, Answer::PubAck { .. } | Answer::PubRec { .. }) {
                self.server.metrics.publish_acknowledged.observe(since.elapsed());
            }
            self.send_answer(outcome, answer, out)?;
            progress = true;
        }
        Ok(progress)
    }

    fn send_answer(&mut self, outcome: Result<(), Refusal>, answer: Answer, out: &mut Vec<u8>) -> Result<(), Close> {
        let refused = outcome.err();
        if refused == Some(Refusal::Moved) {
            return Err(self.moved());
        }
        match answer {
            Answer::PubAck { id, matched } => {
                self.session.inbound.answer();
                let ack = self.publish_ack(id, matched, refused)?;
                self.send(&Outgoing::PubAck(ack), out);
            }
            Answer::PubRec { id, matched } => {
                if refused.is_some() {
                    self.session.inbound.refuse(id);
                }
                let ack = self.publish_ack(id, matched, refused)?;
                self.send(&Outgoing::PubRec(ack), out);
            }
            // What the store could not note is asked again after the next connect: saying nothing is the truth.
            Answer::PubRel { .. } | Answer::PubComp { .. } if refused.is_some() => return Err(store_failed()),
            Answer::PubRel { id, reason } => self.send(&Outgoing::PubRel(ack(id, reason)), out),
            Answer::PubComp { id, reason } => self.send(&Outgoing::PubComp(ack(id, reason)), out),
            Answer::SubAck { id, mut reasons, retained, new } => {
                if refused.is_some() {
                    // The client is told that it has not subscribed: then nothing must come.
                    for subscription in &new {
                        self.server.unsubscribe(&self.session.profile, subscription);
                    }
                    reasons.iter_mut().filter(|reason| !reason.is_error()).for_each(|reason| *reason = Reason::Unspecified);
                }
                self.send(&Outgoing::SubAck { packet_id: id, reasons, reason_string: None }, out);
                if refused.is_none() {
                    self.queue_retained(retained);
                }
            }
            Answer::UnsubAck { .. } if refused.is_some() => return Err(store_failed()),
            Answer::UnsubAck { id, reasons } => {
                self.send(&Outgoing::UnsubAck { packet_id: id, reasons, reason_string: None }, out);
            }
        }
        Ok(())
    }

    fn publish_ack(&self, id: u16, matched: bool, refused: Option<Refusal>) -> Result<Ack, Close> {
        let Some(refusal) = refused else {
            return Ok(ack(id, if matched { Reason::Success } else { Reason::NoMatchingSubscribers }));
        };
        let reason = match refusal {
            Refusal::NotAuthorized => Reason::NotAuthorized,
            Refusal::QueueFull | Refusal::QuotaExceeded => Reason::QuotaExceeded,
            Refusal::StoreFailed | Refusal::Unreachable => Reason::ImplementationSpecific,
            Refusal::Moved => return Err(self.moved()),
            Refusal::ShuttingDown => return Err(Close::server(Reason::ServerShuttingDown, "the server is shutting down")),
        };
        if self.agreed.version < Version::V5 {
            return Err(Close::server(reason, "a message was refused, and version 3 of MQTT has no other way to say so"));
        }
        let text = self.agreed.problem_information.then(|| refusal.to_string().into());
        Ok(Ack { packet_id: id, reason, reason_string: text })
    }

    /// The client has connected to another node, which has the session now.
    fn moved(&self) -> Close {
        self.session.profile.leave();
        Close::Command(Command::TakenOver)
    }

    /// A message has been delivered for good: it leaves the durable queue.
    pub(super) fn delivered(&mut self, done: Done) {
        self.tally.delivered(done.qos);
        if let Some(seq) = done.seq {
            self.forget_entry(seq, done.weight);
        }
    }

    fn forget_entry(&mut self, seq: Seq, weight: u64) {
        let Some(queue) = self.session.queue else { return };
        self.acknowledged.push(Operation::Remove { queue, seq });
        self.session.mailbox().entry_gone(weight);
    }

    /// Looks the retained messages up now and not before: what was published since the subscription began is then among them or behind them.
    fn queue_retained(&mut self, wanted: Vec<RetainedWanted>) {
        let mut handover = Handover::default();
        for RetainedWanted { subscription, options } in wanted {
            for event in self.server.ingress.retained().matching(&subscription.filter) {
                let qos = event.qos.min(options.qos);
                let identifiers = options.identifier.map(|identifier| [identifier].into());
                let delivery = Delivery { event, qos, retain: true, identifiers, shared: None };
                self.server.metrics.owed.add(1);
                if qos > QoS::AtMostOnce && self.session.queue.is_some() {
                    let mailbox = self.session.mailbox();
                    // A full queue refuses: the retained message stays retained.
                    if let Delivered::Refused(_) = mailbox.deliver(delivery, &mut handover) {
                        self.server.metrics.dropped.of(DropReason::QueueFull).add(1);
                    }
                } else {
                    self.sending.retained.push_back(delivery);
                }
            }
        }
        while !handover.appends.is_empty() {
            let rest = handover.appends.len().min(limits::COMMIT_BATCH);
            let operations = handover.appends.drain(..rest).map(Operation::Append).collect();
            self.settled = self.server.store.commit(Transaction { operations });
        }
    }

    /// Sends what may be sent now: as much as the client's window and the write buffer hold. `true` when something was sent.
    pub fn deliver(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let now = Timestamp::now();
        while out.len() < limits::WRITE_BUFFER_BYTES {
            let Some(delivery) = self.sending.retained.front() else { break };
            if delivery.qos > QoS::AtMostOnce && self.session.outbound.room() == 0 {
                return out.len() > before;
            }
            let Some(delivery) = self.sending.retained.pop_front() else { break };
            self.send_delivery(&delivery, None, now, out);
        }
        self.deliver_mailbox(now, out);
        while out.len() < limits::WRITE_BUFFER_BYTES
            && self.session.outbound.room() > 0
            && let Some((queue, from, last)) = self.session.mailbox().next_on_disk()
            && self.deliver_from_store(context, (queue, from, last), now, out)
        {}
        out.len() > before
    }

    fn deliver_mailbox(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        let mut batch = std::mem::take(&mut self.sending.batch);
        let mut budget = limits::WRITE_BUFFER_BYTES.saturating_sub(out.len());
        let mut room = self.session.outbound.room();
        let mut first_entry = None;
        let outbound = &self.session.outbound;
        self.session.profile.mailbox.take(&mut batch, |item| {
            let delivery = item.delivery();
            if budget == 0 || (delivery.qos > QoS::AtMostOnce && room == 0) {
                return false;
            }
            if let Item::Stored(seq, _) = item {
                let first = *first_entry.get_or_insert(seq.0);
                if seq.0 - first >= PACKET_IDS || !outbound.is_free(*seq) {
                    return false;
                }
            }
            room -= usize::from(delivery.qos > QoS::AtMostOnce);
            budget = budget.saturating_sub(delivery.event.weight());
            true
        });
        if let Some(oldest) = batch.first() {
            // One look for the batch, at the one that waited longest.
            let waited = now.since(oldest.delivery().event.time);
            self.server.metrics.publish_delivered.observe_many(waited, batch.len() as u64);
        }
        for item in batch.drain(..) {
            match item {
                Item::Live(delivery) => self.send_delivery(&delivery, None, now, out),
                Item::Stored(seq, delivery) => self.send_delivery(&delivery, Some(seq), now, out),
            }
        }
        // What an idle connection keeps costs more than what a busy one saves.
        if batch.capacity() <= 64 {
            self.sending.batch = batch;
        }
    }

    /// Sends entries of the durable queue that are not in memory. `false` when the window is full, or nothing could be read (yet).
    fn deliver_from_store(
        &mut self,
        context: &mut Context<'_>,
        (queue, from, last): (QueueId, Seq, Seq),
        now: Timestamp,
        out: &mut Vec<u8>,
    ) -> bool {
        let room = self.session.outbound.room().min(limits::QUEUE_READ_ENTRIES);
        let reading = self.sending.reading.take();
        let mut reading = reading.unwrap_or_else(|| self.server.store.read(queue, from, room, limits::QUEUE_READ_BYTES));
        let entries = match Pin::new(&mut reading).poll(context) {
            Poll::Pending => {
                self.sending.reading = Some(reading);
                return false;
            }
            // While it was fetched the oldest may have been displaced.
            Poll::Ready(Ok(entries)) => entries.into_iter().skip_while(|entry| entry.seq < from).collect::<Vec<_>>(),
            Poll::Ready(Err(error)) => {
                tracing::error!(client_id = %self.session.client(), %error, "a durable queue cannot be read");
                return false;
            }
        };
        // A read ends at its bounds, too: only one that finds nothing says that the rest was removed.
        if entries.first().is_none_or(|entry| entry.seq > last) {
            self.session.mailbox().read_up_to(last.next());
        }
        for entry in entries {
            if entry.seq > last {
                break;
            }
            if self.session.outbound.room() == 0 || !self.session.outbound.is_free(entry.seq) {
                self.session.mailbox().read_up_to(entry.seq);
                return false;
            }
            match entry.state {
                EntryState::Queued(delivery) => self.send_delivery(&delivery, Some(entry.seq), now, out),
                EntryState::Released => {
                    let packet_id = self.session.outbound.send_release(entry.seq);
                    self.sending.next = entry.seq.next();
                    self.send(&Outgoing::PubRel(ack(packet_id, Reason::Success)), out);
                }
            }
            self.session.mailbox().read_up_to(entry.seq.next());
        }
        true
    }

    fn send_delivery(&mut self, delivery: &Delivery, seq: Option<Seq>, now: Timestamp, out: &mut Vec<u8>) {
        let event = &delivery.event;
        let weight = event.weight() as u64;
        if let Some(seq) = seq {
            self.sending.next = seq.next();
        }
        let dup = seq.is_some_and(|seq| seq <= self.session.sent_up_to);
        // [MQTT-4.3.3-7]: what was once sent is owed, however late it has become.
        if event.expired(now) && !dup {
            return self.skip(DropReason::Expired, seq, weight);
        }
        let version = self.agreed.version;
        // [MQTT-3.3.2-6]: the time it has already waited here is taken off, rounded in the receiver's favour.
        let message_expiry =
            event.expires_at.map(|at| u32::try_from(at.since(now).as_millis().div_ceil(1000)).unwrap_or(u32::MAX));
        let (topic_alias, known) = match version {
            Version::V5 => self.sending.aliases.alias(&event.topic),
            Version::V31 | Version::V311 => (0, false),
        };
        let mut publish = Publish {
            dup,
            qos: delivery.qos,
            retain: delivery.retain,
            topic: if known { "" } else { event.topic.as_str() },
            packet_id: 0,
            payload: &event.payload,
            topic_alias,
            message_expiry,
            subscription_identifiers: delivery.identifiers.as_deref().unwrap_or_default(),
            properties: event.properties.as_bytes(),
        };
        let maximum = self.agreed.maximum_packet_size;
        if maximum < codec::LARGEST_PACKET && codec::publish_size(&publish, version) > maximum as usize {
            // [MQTT-3.1.2-25]: as if it had been delivered. Should the alias be new, the client never hears of it.
            if topic_alias != 0 && !known {
                self.sending.aliases.forget(&event.topic);
            }
            return self.skip(DropReason::TooLarge, seq, weight);
        }
        if delivery.qos > QoS::AtMostOnce {
            publish.packet_id = self.session.outbound.send(delivery, seq);
            self.tally.redelivered += u64::from(publish.dup);
            if let Some(seq) = seq {
                self.session.sent_up_to = self.session.sent_up_to.max(seq);
            }
        } else {
            self.tally.delivered(QoS::AtMostOnce);
        }
        let before = out.len();
        codec::encode(&Outgoing::Publish(publish), version, out);
        self.tally.packets_out += 1;
        if self.server.traces.any() {
            self.trace_delivery(delivery, out.len() - before);
        }
    }

    #[cold]
    fn trace_delivery(&self, delivery: &Delivery, size: usize) {
        self.server.traces.record(TraceRecord {
            time: Timestamp::now(),
            client: self.session.client().clone(),
            direction: Direction::Out,
            packet: "PUBLISH",
            topic: Some(delivery.event.topic.clone()),
            event: Some(delivery.event.id),
            qos: Some(delivery.qos),
            size,
            reason: None,
        });
    }

    fn skip(&mut self, reason: DropReason, seq: Option<Seq>, weight: u64) {
        self.server.metrics.dropped.of(reason).add(1);
        if let Some(seq) = seq {
            self.forget_entry(seq, weight);
        }
    }
}

fn ack(packet_id: u16, reason: Reason) -> Ack {
    Ack { packet_id, reason, reason_string: None }
}

fn store_failed() -> Close {
    Close::server(Reason::ImplementationSpecific, "the durable store cannot write")
}
