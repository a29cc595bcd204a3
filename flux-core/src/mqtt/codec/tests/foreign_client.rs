//! What rmqtt-codec writes as a client, we read as it was meant.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{Bytes, BytesMut};
use rmqtt_codec::types::{Protocol, Publish as ForeignPublish, QoS as ForeignQoS};
use rmqtt_codec::{v3, v5};
use tokio_util::codec::Encoder;

use super::random::Random;
use crate::mqtt::codec::*;
use crate::mqtt::packet::*;
use crate::mqtt::reason::Reason;
use crate::types::properties::Property;
use crate::types::{Properties, QoS};

const PACKETS: usize = 1_000;

fn from_v5(packet: v5::Packet) -> Vec<u8> {
    let mut out = BytesMut::new();
    v5::Codec::new(0, 0).encode(packet, &mut out).expect("a valid packet");
    out.to_vec()
}

fn from_v3(packet: v3::Packet) -> Vec<u8> {
    let mut out = BytesMut::new();
    v3::Codec::new(0).encode(packet, &mut out).expect("a valid packet");
    out.to_vec()
}

fn check(frame: &[u8], version: Version, expected: Incoming<'_>) {
    assert_eq!(frame_length(frame, LARGEST_PACKET), Ok(Some(frame.len())));
    assert_eq!(decode(frame, version, &mut Vec::new()), Ok(expected));
}

fn foreign_qos(qos: QoS) -> ForeignQoS {
    ForeignQoS::try_from(u8::from(qos)).expect("the same three")
}

fn foreign_users(users: &[UserProperty]) -> v5::UserProperties {
    users.iter().map(|(name, value)| (name.clone().into(), value.clone().into())).collect()
}

fn id(value: u16) -> NonZeroU16 {
    NonZeroU16::new(value).expect("not 0")
}

/// The end-to-end properties of a message, in no order yet.
struct Message {
    correlation: Option<Vec<u8>>,
    content_type: Option<String>,
    response_topic: Option<String>,
    utf8: Option<bool>,
    users: Vec<UserProperty>,
}

impl Message {
    fn random(random: &mut Random) -> Self {
        Message {
            correlation: random.maybe(Random::bytes),
            content_type: random.maybe(Random::text),
            response_topic: random.maybe(Random::text),
            utf8: random.maybe(Random::coin),
            users: random.user_properties(),
        }
    }

    fn correlation(&self) -> Option<Property<'_>> {
        self.correlation.as_deref().map(Property::CorrelationData)
    }

    fn content_type(&self) -> Option<Property<'_>> {
        self.content_type.as_deref().map(Property::ContentType)
    }

    fn response_topic(&self) -> Option<Property<'_>> {
        self.response_topic.as_deref().map(Property::ResponseTopic)
    }

    fn users(&self) -> impl Iterator<Item = Property<'_>> {
        self.users.iter().map(|(name, value)| Property::User(name, value))
    }

    /// In the order in which they are written in PUBLISH; a payload format of 0 is left out there.
    fn of_publish(&self) -> Properties {
        let format = self.utf8.filter(|&utf8| utf8).map(|_| Property::PayloadFormat(1));
        let first = [self.correlation(), self.content_type(), format, self.response_topic()];
        Properties::from_properties(first.into_iter().flatten().chain(self.users())).expect("short values")
    }

    /// In the order in which they are written in a will.
    fn of_will(&self) -> Properties {
        let format = self.utf8.map(|utf8| Property::PayloadFormat(utf8.into()));
        let first = [format, self.content_type(), self.response_topic(), self.correlation()];
        Properties::from_properties(first.into_iter().flatten().chain(self.users())).expect("short values")
    }
}

#[test]
fn connect_of_version_5() {
    let mut random = Random::new();
    for _ in 0..PACKETS {
        let message = Message::random(&mut random);
        let method = random.maybe(Random::boxed_text);
        let data = method.as_ref().and_then(|_| random.maybe(Random::bytes));
        let expected = Connect {
            version: Version::V5,
            clean_start: true,
            keep_alive: random.two_bytes(),
            client_id: random.boxed_text(),
            username: random.maybe(Random::boxed_text),
            password: random.maybe(|random| random.bytes().into()),
            will: random.maybe(|random| Will {
                topic: random.boxed_text(),
                payload: random.bytes().into(),
                qos: random.qos(),
                retain: random.coin(),
                delay: random.four_bytes(),
                message_expiry: random.maybe(Random::four_bytes),
                properties: message.of_will(),
            }),
            session_expiry: random.maybe(Random::four_bytes),
            receive_maximum: random.maybe(Random::two_bytes),
            maximum_packet_size: random.maybe(Random::four_bytes),
            topic_alias_maximum: random.two_bytes(),
            request_response_information: random.coin(),
            request_problem_information: random.coin(),
            authentication_method: method,
            authentication_data: data.map(Into::into),
            user_properties: random.user_properties(),
        };
        let foreign_will = expected.will.as_ref().map(|will| v5::LastWill {
            qos: foreign_qos(will.qos),
            retain: will.retain,
            topic: will.topic.clone().into(),
            message: Bytes::copy_from_slice(&will.payload),
            will_delay_interval_sec: Some(will.delay),
            correlation_data: message.correlation.clone().map(Into::into),
            message_expiry_interval: will.message_expiry.and_then(NonZeroU32::new),
            content_type: message.content_type.clone().map(Into::into),
            user_properties: foreign_users(&message.users),
            is_utf8_payload: message.utf8,
            response_topic: message.response_topic.clone().map(Into::into),
        });
        let foreign = v5::Connect {
            clean_start: expected.clean_start,
            keep_alive: expected.keep_alive,
            session_expiry_interval_secs: expected.session_expiry.unwrap_or(0),
            auth_method: expected.authentication_method.clone().map(Into::into),
            auth_data: expected.authentication_data.as_deref().map(Bytes::copy_from_slice),
            request_problem_info: expected.request_problem_information,
            request_response_info: expected.request_response_information,
            receive_max: expected.receive_maximum.map(id),
            topic_alias_max: expected.topic_alias_maximum,
            user_properties: foreign_users(&expected.user_properties),
            max_packet_size: expected.maximum_packet_size.and_then(NonZeroU32::new),
            last_will: foreign_will,
            client_id: expected.client_id.clone().into(),
            username: expected.username.clone().map(Into::into),
            password: expected.password.as_deref().map(Bytes::copy_from_slice),
            cert: None,
        };
        assert_eq!(decode_connect(&from_v5(v5::Packet::Connect(foreign.into()))), Ok(expected));
    }
}

#[test]
fn connect_of_version_3() {
    let mut random = Random::new();
    for _ in 0..PACKETS {
        let username = random.maybe(Random::boxed_text);
        let password = username.as_ref().and_then(|_| random.maybe(Random::bytes));
        let will = random.maybe(|random| (random.text(), random.bytes(), random.qos(), random.coin()));
        // It writes the level of 3.1.1 whatever it is told.
        let foreign = v3::Connect {
            protocol: Protocol(4),
            clean_session: true,
            keep_alive: random.two_bytes(),
            last_will: will.clone().map(|(topic, message, qos, retain)| v3::LastWill {
                qos: foreign_qos(qos),
                retain,
                topic: topic.into(),
                message: message.into(),
            }),
            client_id: random.text().into(),
            username: username.clone().map(Into::into),
            password: password.clone().map(Into::into),
            cert: None,
        };
        let connect = decode_connect(&from_v3(v3::Packet::Connect(foreign.clone().into()))).expect("valid");
        assert_eq!((connect.version, connect.keep_alive), (Version::V311, foreign.keep_alive));
        assert_eq!(*connect.client_id, *foreign.client_id);
        assert_eq!((connect.username, connect.password.map(Vec::from)), (username, password));
        let found = connect.will.map(|will| (will.topic.into(), will.payload.into(), will.qos, will.retain));
        assert_eq!(found, will);
    }
}

#[test]
fn publish_of_both_versions() {
    let mut random = Random::new();
    for _ in 0..PACKETS {
        let message = Message::random(&mut random);
        let properties = message.of_publish();
        let (topic, payload, qos) = (random.text(), random.bytes(), random.qos());
        let expected = Publish {
            dup: qos != QoS::AtMostOnce && random.coin(),
            qos,
            retain: random.coin(),
            topic: &topic,
            packet_id: if qos == QoS::AtMostOnce { 0 } else { random.two_bytes() },
            payload: &payload,
            topic_alias: if random.coin() { random.two_bytes() } else { 0 },
            message_expiry: random.maybe(Random::four_bytes),
            subscription_identifiers: &[],
            properties: properties.as_bytes(),
        };
        let foreign = ForeignPublish {
            dup: expected.dup,
            retain: expected.retain,
            qos: foreign_qos(qos),
            topic: topic.clone().into(),
            packet_id: NonZeroU16::new(expected.packet_id),
            payload: payload.clone().into(),
            properties: Some(v5::PublishProperties {
                topic_alias: NonZeroU16::new(expected.topic_alias),
                correlation_data: message.correlation.clone().map(Into::into),
                message_expiry_interval: expected.message_expiry.and_then(NonZeroU32::new),
                content_type: message.content_type.clone().map(Into::into),
                user_properties: foreign_users(&message.users),
                is_utf8_payload: message.utf8.unwrap_or(false),
                response_topic: message.response_topic.clone().map(Into::into),
                subscription_ids: Vec::new(),
            }),
        };
        check(&from_v5(v5::Packet::Publish(foreign.clone().into())), Version::V5, Incoming::Publish(expected.clone()));
        let expected = Publish { topic_alias: 0, message_expiry: None, properties: &[], ..expected };
        check(&from_v3(v3::Packet::Publish(foreign.into())), Version::V311, Incoming::Publish(expected));
    }
}

#[test]
fn acknowledgements_of_both_versions() {
    use v5::{PublishAck2Reason as ReleaseReason, PublishAckReason as PublishReason};
    let mut random = Random::new();
    for _ in 0..PACKETS {
        let ack = Ack { packet_id: random.two_bytes(), reason: Reason::Success, reason_string: random.maybe(Random::boxed_text) };
        let reason = random.one_of(&[PublishReason::Success, PublishReason::NoMatchingSubscribers, PublishReason::QuotaExceeded]);
        let expected = Ack { reason: Reason::from_code(reason.into()).expect("known"), ..ack.clone() };
        let foreign = v5::PublishAck {
            packet_id: id(ack.packet_id),
            reason_code: reason,
            properties: foreign_users(&random.user_properties()),
            reason_string: ack.reason_string.clone().map(Into::into),
        };
        check(&from_v5(v5::Packet::PublishAck(foreign.clone())), Version::V5, Incoming::PubAck(expected.clone()));
        check(&from_v5(v5::Packet::PublishReceived(foreign)), Version::V5, Incoming::PubRec(expected));

        let reason = random.one_of(&[ReleaseReason::Success, ReleaseReason::PacketIdNotFound]);
        let expected = Ack { reason: Reason::from_code(reason.into()).expect("known"), ..ack.clone() };
        let foreign = v5::PublishAck2 {
            packet_id: id(ack.packet_id),
            reason_code: reason,
            properties: foreign_users(&random.user_properties()),
            reason_string: ack.reason_string.clone().map(Into::into),
        };
        check(&from_v5(v5::Packet::PublishRelease(foreign.clone())), Version::V5, Incoming::PubRel(expected.clone()));
        check(&from_v5(v5::Packet::PublishComplete(foreign)), Version::V5, Incoming::PubComp(expected));

        let plain = Ack { reason_string: None, ..ack };
        let packet_id = id(plain.packet_id);
        check(&from_v3(v3::Packet::PublishAck { packet_id }), Version::V311, Incoming::PubAck(plain.clone()));
        check(&from_v3(v3::Packet::PublishReceived { packet_id }), Version::V311, Incoming::PubRec(plain.clone()));
        check(&from_v3(v3::Packet::PublishRelease { packet_id }), Version::V311, Incoming::PubRel(plain.clone()));
        check(&from_v3(v3::Packet::PublishComplete { packet_id }), Version::V311, Incoming::PubComp(plain));
    }
}

#[test]
fn subscribe_and_unsubscribe_of_both_versions() {
    let mut random = Random::new();
    let handlings = [
        (RetainHandling::SendAtSubscribe, v5::RetainHandling::AtSubscribe),
        (RetainHandling::SendIfNew, v5::RetainHandling::AtSubscribeNew),
        (RetainHandling::DoNotSend, v5::RetainHandling::NoAtSubscribe),
    ];
    for _ in 0..PACKETS {
        let mut expected = Subscribe {
            packet_id: random.two_bytes(),
            entries: Vec::new(),
            identifier: random.maybe(Random::variable),
            user_properties: random.user_properties(),
        };
        let mut filters = Vec::new();
        for _ in 0..=random.below(5) {
            let (retain_handling, foreign_handling) = random.one_of(&handlings);
            let entry = SubscribeEntry {
                filter: random.boxed_text(),
                qos: random.qos(),
                no_local: random.coin(),
                retain_as_published: random.coin(),
                retain_handling,
            };
            let options = v5::SubscriptionOptions {
                qos: foreign_qos(entry.qos),
                no_local: entry.no_local,
                retain_as_published: entry.retain_as_published,
                retain_handling: foreign_handling,
            };
            filters.push((entry.filter.clone().into(), options));
            expected.entries.push(entry);
        }
        let packet_id = id(expected.packet_id);
        let foreign = v5::Subscribe {
            packet_id,
            id: expected.identifier.and_then(NonZeroU32::new),
            user_properties: foreign_users(&expected.user_properties),
            topic_filters: filters,
        };
        check(&from_v5(v5::Packet::Subscribe(foreign)), Version::V5, Incoming::Subscribe(expected.clone()));

        let foreign = v5::Unsubscribe {
            packet_id,
            user_properties: foreign_users(&expected.user_properties),
            topic_filters: expected.entries.iter().map(|entry| entry.filter.clone().into()).collect(),
        };
        let unsubscribe = Unsubscribe {
            packet_id: expected.packet_id,
            filters: expected.entries.iter().map(|entry| entry.filter.clone()).collect(),
            user_properties: expected.user_properties.clone(),
        };
        check(&from_v5(v5::Packet::Unsubscribe(foreign)), Version::V5, Incoming::Unsubscribe(unsubscribe.clone()));

        let topic_filters = unsubscribe.filters.iter().map(|filter| filter.clone().into()).collect();
        let unsubscribe = Unsubscribe { user_properties: Vec::new(), ..unsubscribe };
        let foreign = v3::Packet::Unsubscribe { packet_id, topic_filters };
        check(&from_v3(foreign), Version::V311, Incoming::Unsubscribe(unsubscribe));

        let topic_filters = expected.entries.iter().map(|entry| (entry.filter.clone().into(), foreign_qos(entry.qos))).collect();
        expected.identifier = None;
        expected.user_properties.clear();
        for entry in &mut expected.entries {
            (entry.no_local, entry.retain_as_published) = (false, false);
            entry.retain_handling = RetainHandling::SendAtSubscribe;
        }
        check(&from_v3(v3::Packet::Subscribe { packet_id, topic_filters }), Version::V311, Incoming::Subscribe(expected));
    }
}

#[test]
fn pings_farewells_and_authentication() {
    let mut random = Random::new();
    check(&from_v5(v5::Packet::PingRequest), Version::V5, Incoming::PingReq);
    check(&from_v3(v3::Packet::PingRequest), Version::V311, Incoming::PingReq);
    let normal = Disconnect { reason: Reason::Success, session_expiry: None, reason_string: None, server_reference: None };
    check(&from_v3(v3::Packet::Disconnect), Version::V311, Incoming::Disconnect(normal.clone()));
    for _ in 0..PACKETS {
        let reason =
            random.one_of(&[v5::DisconnectReasonCode::NormalDisconnection, v5::DisconnectReasonCode::DisconnectWithWillMessage]);
        let expected = Disconnect {
            reason: Reason::from_code(reason.into()).expect("known"),
            session_expiry: random.maybe(Random::four_bytes),
            reason_string: random.maybe(Random::boxed_text),
            server_reference: None,
        };
        let foreign = v5::Disconnect {
            reason_code: reason,
            session_expiry_interval_secs: expected.session_expiry,
            server_reference: None,
            reason_string: expected.reason_string.clone().map(Into::into),
            user_properties: foreign_users(&random.user_properties()),
        };
        check(&from_v5(v5::Packet::Disconnect(foreign)), Version::V5, Incoming::Disconnect(expected));

        let reason = random.one_of(&[v5::AuthReasonCode::ContinueAuth, v5::AuthReasonCode::ReAuth]);
        let expected = Auth {
            reason: Reason::from_code(reason.into()).expect("known"),
            method: Some(random.boxed_text()),
            data: random.maybe(|random| random.bytes().into()),
            reason_string: random.maybe(Random::boxed_text),
        };
        let foreign = v5::Auth {
            reason_code: reason,
            auth_method: expected.method.clone().map(Into::into),
            auth_data: expected.data.as_deref().map(Bytes::copy_from_slice),
            reason_string: expected.reason_string.clone().map(Into::into),
            user_properties: foreign_users(&random.user_properties()),
        };
        check(&from_v5(v5::Packet::Auth(foreign)), Version::V5, Incoming::Auth(expected));
    }
}
