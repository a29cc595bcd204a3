//! What a client sends, packet by packet (MQTT 5 §3).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::aliases::AliasError;
use super::answers::{Answer, RetainedWanted};
use super::close::Close;
use super::codec;
use super::dialogue::Dialogue;
use super::inflight::{PubRec, Received};
use super::packet::{Ack, Disconnect, Incoming, Outgoing, Publish, Subscribe, SubscribeEntry, Unsubscribe, Version};
use super::reason::Reason;
use crate::durable::Operation;
use crate::ingress::NewEvent;
use crate::ingress::Submitted;
use crate::receipt::Receipt;
use crate::telemetry::Direction;
use crate::types::{Properties, QoS, Refusal, SubscribeOptions, Subscription, SubscriptionError, Timestamp};

/// First bytes of the packets that are handled although publishing is held: they free what others wait for.
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;

/// What subscribing leaves to do.
struct Subscribed {
    receipt: Receipt,
    wanted: Option<RetainedWanted>,
    /// The subscription, if it was not there before.
    new: Option<Subscription>,
}

impl Dialogue {
    /// Handles every whole packet in `bytes` and says how many bytes that was. While publishing is held, packets behind the held PUBLISH are put aside.
    pub fn consume(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, Close> {
        let now = Timestamp::now();
        self.tally.began.get_or_insert_with(Instant::now);
        let maximum = self.server.settings.max_packet_size;
        let mut scratch = Vec::new();
        let mut done = 0;
        while let Some(length) = codec::frame_length(&bytes[done..], maximum).map_err(Close::Undecodable)? {
            let frame = &bytes[done..done + length];
            done += length;
            if self.hold.is_some() && !matches!(frame[0], PUBACK | PUBREC | PUBREL | PUBCOMP) {
                self.deferred.extend_from_slice(frame);
                continue;
            }
            let packet = codec::decode(frame, self.agreed.version, &mut scratch).map_err(Close::Undecodable)?;
            self.tally.packets_in += 1;
            if self.server.traces.any() {
                let (topic, qos) = match &packet {
                    Incoming::Publish(publish) => (Some(publish.topic), Some(publish.qos)),
                    _ => (None, None),
                };
                self.trace(Direction::In, packet.name(), topic, qos, length, packet.reason());
            }
            self.receive(packet, now, out)?;
        }
        Ok(done)
    }

    fn receive(&mut self, packet: Incoming<'_>, now: Timestamp, out: &mut Vec<u8>) -> Result<(), Close> {
        match packet {
            Incoming::Publish(publish) => self.on_publish(&publish, now, out),
            Incoming::PubAck(ack) => {
                if let Some(done) = self.session.outbound.pub_ack(ack.packet_id) {
                    self.delivered(done);
                }
                Ok(())
            }
            Incoming::PubRec(ack) => self.on_pub_rec(&ack, out),
            Incoming::PubRel(ack) => self.on_pub_rel(ack.packet_id, out),
            Incoming::PubComp(ack) => {
                if let Some(done) = self.session.outbound.pub_comp(ack.packet_id) {
                    self.delivered(done);
                }
                Ok(())
            }
            Incoming::Subscribe(subscribe) => self.on_subscribe(subscribe, out),
            Incoming::Unsubscribe(unsubscribe) => self.on_unsubscribe(unsubscribe, out),
            Incoming::PingReq => {
                self.send(&Outgoing::PingResp, out);
                Ok(())
            }
            Incoming::Disconnect(disconnect) => Err(self.on_disconnect(&disconnect)),
            Incoming::Auth(auth) => self.on_auth(auth),
            // The codec answers a second CONNECT itself [MQTT-3.1.0-2].
            Incoming::Connect(_) => Err(Close::server(Reason::ProtocolError, "a second CONNECT")),
        }
    }

    fn on_publish(&mut self, publish: &Publish<'_>, now: Timestamp, out: &mut Vec<u8>) -> Result<(), Close> {
        let maximum = usize::from(self.server.settings.receive_maximum);
        let repeated = publish.qos == QoS::ExactlyOnce && self.session.inbound.contains(publish.packet_id);
        if self.agreed.version == Version::V5
            && publish.qos > QoS::AtMostOnce
            && !repeated
            && self.session.inbound.under_way() >= maximum
        {
            return Err(Close::server(Reason::ReceiveMaximumExceeded, "more messages under way than the receive maximum allows"));
        }
        let topic = if publish.topic_alias == 0 {
            publish.topic
        } else {
            let maximum = self.server.settings.topic_alias_maximum;
            self.aliases.resolve(publish.topic_alias, publish.topic, maximum).map_err(|error| match error {
                AliasError::Invalid => {
                    Close::server(Reason::TopicAliasInvalid, "the topic alias is above the topic alias maximum")
                }
                AliasError::Unknown => Close::server(Reason::ProtocolError, "the topic alias was never given a topic"),
            })?
        };
        let authorize =
            |name: &_| self.server.ingress.authorize(&self.identity, self.session.profile.client.as_str(), name).is_ok();
        let known = self
            .topics
            .get(topic, self.server.settings.max_topic_levels, authorize)
            .map_err(|_| Close::server(Reason::TopicNameInvalid, "the topic name is not valid, or has too many levels"))?;
        if !known.allowed {
            return self.refuse_publish(publish, Refusal::NotAuthorized, out);
        }
        let mut received = None;
        if publish.qos == QoS::ExactlyOnce {
            if self.session.inbound.take_exactly_once(publish.packet_id) == Received::Again {
                return self.answer(Receipt::SAFE, Answer::PubRec { id: publish.packet_id, matched: true }, out);
            }
            received = self.session.queue.map(|queue| Operation::MarkReceived { queue, packet_id: publish.packet_id });
        }
        let marked = received.is_some();
        let event = NewEvent {
            topic: known.name.clone(),
            payload: publish.payload.into(),
            qos: publish.qos,
            retain: publish.retain,
            properties: Properties::from_wire(publish.properties),
            expiry: publish.message_expiry.map(|seconds| Duration::from_secs(seconds.into())),
            publisher: self.session.profile.client.clone(),
        };
        let submitted = self.server.ingress.publish(event, &mut known.route, received, now);
        let Submitted { receipt, matched, pressed, mark, .. } = submitted;
        let receipt = match mark {
            Some(mark) => self.server.commit_after(receipt, mark),
            None => receipt,
        };
        if let Some(subscriber) = pressed {
            self.hold_for(subscriber);
        }
        let (id, matched) = (publish.packet_id, matched > 0);
        match publish.qos {
            QoS::AtMostOnce => Ok(()),
            QoS::AtLeastOnce => {
                self.session.inbound.take();
                self.answer(receipt, Answer::PubAck { id, matched }, out)
            }
            QoS::ExactlyOnce => {
                if marked {
                    // Whether it was stored or nothing had to be: forgetting an id that is not there costs nothing.
                    self.session.inbound.mark(id);
                }
                self.answer(receipt, Answer::PubRec { id, matched }, out)
            }
        }
    }

    /// Nothing refused is acknowledged as taken. Version 3 cannot say no: the connection ends [MQTT-3.3.5-2 of 3.1.1].
    pub(super) fn refuse_publish(&mut self, publish: &Publish<'_>, refusal: Refusal, out: &mut Vec<u8>) -> Result<(), Close> {
        self.server.metrics.refused.add(1);
        let id = publish.packet_id;
        match publish.qos {
            QoS::AtMostOnce => Ok(()),
            QoS::AtLeastOnce => {
                self.session.inbound.take();
                self.answer(Receipt::refused(refusal), Answer::PubAck { id, matched: false }, out)
            }
            QoS::ExactlyOnce => self.answer(Receipt::refused(refusal), Answer::PubRec { id, matched: false }, out),
        }
    }

    fn on_pub_rec(&mut self, ack: &Ack, out: &mut Vec<u8>) -> Result<(), Close> {
        let id = ack.packet_id;
        match self.session.outbound.pub_rec(id, ack.reason.is_error()) {
            PubRec::Release(None) | PubRec::ReleaseAgain => {
                self.answer(Receipt::SAFE, Answer::PubRel { id, reason: Reason::Success }, out)
            }
            PubRec::Release(Some(seq)) => {
                let Some(queue) = self.session.queue else { return Ok(()) };
                let receipt = self.server.commit(Operation::Release { queue, seq });
                self.answer(receipt, Answer::PubRel { id, reason: Reason::Success }, out)
            }
            PubRec::Refused(done) => {
                self.delivered(done);
                Ok(())
            }
            PubRec::NotFound => self.answer(Receipt::SAFE, Answer::PubRel { id, reason: Reason::PacketIdentifierNotFound }, out),
        }
    }

    fn on_pub_rel(&mut self, id: u16, out: &mut Vec<u8>) -> Result<(), Close> {
        let (receipt, reason) = match (self.session.inbound.release(id), self.session.queue) {
            (Some(true), Some(queue)) => {
                (self.server.commit(Operation::ForgetReceived { queue, packet_id: id }), Reason::Success)
            }
            (Some(_), _) => (Receipt::SAFE, Reason::Success),
            (None, _) => (Receipt::SAFE, Reason::PacketIdentifierNotFound),
        };
        self.answer(receipt, Answer::PubComp { id, reason }, out)
    }

    fn on_subscribe(&mut self, subscribe: Subscribe, out: &mut Vec<u8>) -> Result<(), Close> {
        let mut reasons = Vec::with_capacity(subscribe.entries.len());
        let (mut retained, mut added) = (Vec::new(), Vec::new());
        let mut receipt = Receipt::SAFE;
        let mut changed = false;
        for entry in &subscribe.entries {
            let (reason, subscribed) = self.subscribe(entry, subscribe.identifier);
            reasons.push(reason);
            let Some(Subscribed { receipt: pending, wanted, new }) = subscribed else { continue };
            changed = true;
            receipt = receipt.and(pending);
            retained.extend(wanted);
            added.extend(new);
        }
        if changed {
            receipt = receipt.and(self.server.store_session(&self.session, None));
        }
        self.answer(receipt, Answer::SubAck { id: subscribe.packet_id, reasons, retained, new: added }, out)
    }

    fn subscribe(&mut self, entry: &SubscribeEntry, identifier: Option<u32>) -> (Reason, Option<Subscribed>) {
        let subscription = match Subscription::parse(&entry.filter) {
            Ok(subscription) => subscription,
            Err(SubscriptionError::Filter(_) | SubscriptionError::ShareName) => return (Reason::TopicFilterInvalid, None),
        };
        if subscription.filter.levels() > self.server.settings.max_topic_levels {
            return (Reason::TopicFilterInvalid, None);
        }
        let profile = &self.session.profile;
        if !self.server.authorizer.may_subscribe(&self.identity, profile.client.as_str(), &subscription) {
            return (Reason::NotAuthorized, None);
        }
        let options = SubscribeOptions {
            qos: entry.qos,
            no_local: entry.no_local,
            retain_as_published: entry.retain_as_published,
            identifier,
        };
        let new = {
            let mut subscriptions = profile.subscriptions.lock();
            let new = !subscriptions.contains_key(&subscription);
            if new && subscriptions.len() >= self.server.settings.max_subscriptions_per_client {
                return (Reason::QuotaExceeded, None);
            }
            subscriptions.insert(subscription.clone(), options);
            new
        };
        if new {
            self.server.metrics.subscriptions.add(1);
        }
        let receipt = self.server.bus.subscribe(&subscription, options, Arc::clone(&profile.mailbox) as _);
        let granted = match entry.qos {
            QoS::AtMostOnce => Reason::Success,
            QoS::AtLeastOnce => Reason::GrantedQoS1,
            QoS::ExactlyOnce => Reason::GrantedQoS2,
        };
        let wanted = RetainedWanted::for_subscription(&subscription, options, entry.retain_handling, new);
        (granted, Some(Subscribed { receipt, wanted, new: new.then_some(subscription) }))
    }

    fn on_unsubscribe(&mut self, unsubscribe: Unsubscribe, out: &mut Vec<u8>) -> Result<(), Close> {
        let profile = self.session.profile.clone();
        let mut reasons = Vec::with_capacity(unsubscribe.filters.len());
        let mut changed = false;
        for filter in &unsubscribe.filters {
            let Ok(subscription) = Subscription::parse(filter) else {
                reasons.push(Reason::TopicFilterInvalid);
                continue;
            };
            let existed = self.server.unsubscribe(&profile, &subscription);
            changed |= existed;
            reasons.push(if existed { Reason::Success } else { Reason::NoSubscriptionExisted });
        }
        let receipt = if changed { self.server.store_session(&self.session, None) } else { Receipt::SAFE };
        self.answer(receipt, Answer::UnsubAck { id: unsubscribe.packet_id, reasons }, out)
    }

    fn on_disconnect(&mut self, disconnect: &Disconnect) -> Close {
        if let Some(expiry) = disconnect.session_expiry {
            // [MQTT-3.14.2-2]: what ended with its connection by CONNECT cannot be made to outlive it now.
            if self.agreed.session_expiry == 0 && expiry != 0 {
                return Close::server(
                    Reason::ProtocolError,
                    "session expiry was 0 in CONNECT and cannot be raised in DISCONNECT",
                );
            }
            self.session.set_expiry(self.server.settings.bounded_expiry(expiry));
        }
        Close::Client { with_will: disconnect.reason != Reason::Success }
    }
}
