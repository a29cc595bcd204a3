//! What we write as a server, rmqtt-codec reads as it was meant.

use std::num::NonZeroU16;

use bytes::BytesMut;
use rmqtt_codec::{v3, v5};
use tokio_util::codec::Decoder;

use super::random::Random;
use crate::mqtt::codec::*;
use crate::mqtt::packet::*;
use crate::mqtt::reason::Reason;
use crate::types::properties::Property;
use crate::types::{Properties, QoS};

const PACKETS: usize = 1_000;

fn encoded(packet: &Outgoing<'_>, version: Version) -> BytesMut {
    let mut out = Vec::new();
    encode(packet, version, &mut out);
    assert_eq!(frame_length(&out, LARGEST_PACKET), Ok(Some(out.len())));
    BytesMut::from(&out[..])
}

fn as_v5(packet: &Outgoing<'_>) -> v5::Packet {
    let mut bytes = encoded(packet, Version::V5);
    let (packet, _) = v5::Codec::new(0, 0).decode(&mut bytes).expect("valid").expect("whole");
    assert!(bytes.is_empty());
    packet
}

fn as_v3(packet: &Outgoing<'_>) -> v3::Packet {
    let mut bytes = encoded(packet, Version::V311);
    let (packet, _) = v3::Codec::new(0).decode(&mut bytes).expect("valid").expect("whole");
    assert!(bytes.is_empty());
    packet
}

fn owned(users: &v5::UserProperties) -> Vec<UserProperty> {
    users.iter().map(|(name, value)| (Box::from(&**name), Box::from(&**value))).collect()
}

macro_rules! text {
    ($text:expr) => {
        $text.as_deref().map(Box::<str>::from)
    };
}

#[test]
fn connack() {
    let mut random = Random::new();
    for _ in 0..PACKETS {
        let reason = random.one_of(&[Reason::Success, Reason::ServerMoved, Reason::BadUserNameOrPassword]);
        let expected = ConnAck {
            session_present: reason == Reason::Success && random.coin(),
            reason,
            session_expiry: random.maybe(Random::four_bytes),
            receive_maximum: random.maybe(Random::two_bytes),
            maximum_qos: random.maybe(|random| random.one_of(&[QoS::AtMostOnce, QoS::AtLeastOnce])),
            retain_available: random.maybe(Random::coin),
            maximum_packet_size: random.maybe(Random::four_bytes),
            assigned_client_id: random.maybe(Random::boxed_text),
            topic_alias_maximum: if random.coin() { random.two_bytes() } else { 0 },
            reason_string: random.maybe(Random::boxed_text),
            server_keep_alive: random.maybe(Random::two_bytes),
            response_information: random.maybe(Random::boxed_text),
            server_reference: random.maybe(Random::boxed_text),
            authentication_method: random.maybe(Random::boxed_text),
            authentication_data: random.maybe(|random| random.bytes().into()),
            user_properties: random.user_properties(),
        };
        let v5::Packet::ConnectAck(found) = as_v5(&Outgoing::ConnAck(expected.clone().into())) else { panic!("a CONNACK") };
        // Where it tells a default from an absent value no longer, neither do we.
        let found = ConnAck {
            session_present: found.session_present,
            reason: Reason::from_code(found.reason_code.into()).expect("known"),
            session_expiry: found.session_expiry_interval_secs,
            receive_maximum: expected.receive_maximum.map(|_| found.receive_max.get()),
            maximum_qos: expected.maximum_qos.map(|_| QoS::try_from(u8::from(found.max_qos)).expect("below 3")),
            retain_available: expected.retain_available.map(|_| found.retain_available),
            maximum_packet_size: found.max_packet_size,
            assigned_client_id: text!(found.assigned_client_id),
            topic_alias_maximum: found.topic_alias_max,
            reason_string: text!(found.reason_string),
            server_keep_alive: found.server_keepalive_sec,
            response_information: text!(found.response_info),
            server_reference: text!(found.server_reference),
            authentication_method: text!(found.auth_method),
            authentication_data: found.auth_data.as_deref().map(Into::into),
            user_properties: owned(&found.user_properties),
        };
        assert_eq!(found, expected);

        let v3::Packet::ConnectAck(found) = as_v3(&Outgoing::ConnAck(expected.clone().into())) else { panic!("a CONNACK") };
        let code = match expected.reason {
            Reason::Success => v3::ConnectAckReason::ConnectionAccepted,
            Reason::ServerMoved => v3::ConnectAckReason::ServiceUnavailable,
            _ => v3::ConnectAckReason::BadUserNameOrPassword,
        };
        assert_eq!(found, v3::ConnectAck { return_code: code, session_present: expected.session_present });
    }
}

#[test]
fn publish() {
    let mut random = Random::new();
    for _ in 0..PACKETS {
        let (topic, payload, qos) = (random.text(), random.bytes(), random.qos());
        let identifiers = random.several(0, Random::variable);
        let (content_type, correlation) = (random.text(), random.bytes());
        let users = random.user_properties();
        let properties =
            [Property::ContentType(&content_type), Property::PayloadFormat(1), Property::CorrelationData(&correlation)]
                .into_iter()
                .chain(users.iter().map(|(name, value)| Property::User(name, value)));
        let properties = Properties::from_properties(properties).expect("short values");
        let expected = Publish {
            dup: qos != QoS::AtMostOnce && random.coin(),
            qos,
            retain: random.coin(),
            topic: &topic,
            packet_id: if qos == QoS::AtMostOnce { 0 } else { random.two_bytes() },
            payload: &payload,
            topic_alias: if random.coin() { random.two_bytes() } else { 0 },
            message_expiry: random.maybe(Random::four_bytes),
            subscription_identifiers: &identifiers,
            properties: properties.as_bytes(),
        };
        let outgoing = Outgoing::Publish(expected.clone());
        for version in [Version::V31, Version::V311, Version::V5] {
            assert_eq!(publish_size(&expected, version), encoded(&outgoing, version).len());
        }
        let v5::Packet::Publish(found) = as_v5(&outgoing) else { panic!("a PUBLISH") };
        let header = (found.dup, u8::from(found.qos), found.retain, found.packet_id.map_or(0, NonZeroU16::get));
        assert_eq!(header, (expected.dup, u8::from(qos), expected.retain, expected.packet_id));
        assert_eq!((&*found.topic, &found.payload[..]), (&*topic, &payload[..]));
        let found = found.properties.expect("version 5 has them");
        assert_eq!(found.topic_alias.map_or(0, NonZeroU16::get), expected.topic_alias);
        assert_eq!(found.message_expiry_interval.map(Into::into), expected.message_expiry);
        assert_eq!(found.subscription_ids.into_iter().map(u32::from).collect::<Vec<_>>(), identifiers);
        assert_eq!((found.content_type.as_deref(), found.is_utf8_payload), (Some(&*content_type), true));
        assert_eq!((found.correlation_data.as_deref(), owned(&found.user_properties)), (Some(&correlation[..]), users));

        let v3::Packet::Publish(found) = as_v3(&outgoing) else { panic!("a PUBLISH") };
        assert_eq!((&*found.topic, &found.payload[..]), (&*topic, &payload[..]));
    }
}

#[test]
fn acknowledgements() {
    let mut random = Random::new();
    for _ in 0..PACKETS {
        let ack = Ack {
            packet_id: random.two_bytes(),
            reason: random.one_of(&[Reason::Success, Reason::QuotaExceeded]),
            reason_string: random.maybe(Random::boxed_text),
        };
        let (v5::Packet::PublishAck(puback), v5::Packet::PublishReceived(pubrec)) =
            (as_v5(&Outgoing::PubAck(ack.clone())), as_v5(&Outgoing::PubRec(ack.clone())))
        else {
            panic!("PUBACK and PUBREC")
        };
        for found in [puback, pubrec] {
            let reason = Reason::from_code(found.reason_code.into()).expect("known");
            assert_eq!(Ack { packet_id: found.packet_id.get(), reason, reason_string: text!(found.reason_string) }, ack);
        }
        let ack = Ack { reason: random.one_of(&[Reason::Success, Reason::PacketIdentifierNotFound]), ..ack };
        let (v5::Packet::PublishRelease(pubrel), v5::Packet::PublishComplete(pubcomp)) =
            (as_v5(&Outgoing::PubRel(ack.clone())), as_v5(&Outgoing::PubComp(ack.clone())))
        else {
            panic!("PUBREL and PUBCOMP")
        };
        for found in [pubrel, pubcomp] {
            let reason = Reason::from_code(found.reason_code.into()).expect("known");
            assert_eq!(Ack { packet_id: found.packet_id.get(), reason, reason_string: text!(found.reason_string) }, ack);
        }
        let packet_id = NonZeroU16::new(ack.packet_id).expect("not 0");
        assert_eq!(as_v3(&Outgoing::PubAck(ack.clone())), v3::Packet::PublishAck { packet_id });
        assert_eq!(as_v3(&Outgoing::PubRec(ack.clone())), v3::Packet::PublishReceived { packet_id });
        assert_eq!(as_v3(&Outgoing::PubRel(ack.clone())), v3::Packet::PublishRelease { packet_id });
        assert_eq!(as_v3(&Outgoing::PubComp(ack)), v3::Packet::PublishComplete { packet_id });
    }
}

#[test]
fn suback_and_unsuback() {
    let mut random = Random::new();
    let code = |reason: &Reason| reason.code();
    for _ in 0..PACKETS {
        let packet_id = random.two_bytes();
        let reason_string = random.maybe(Random::boxed_text);
        let reasons =
            random.several(1, |random| random.one_of(&[Reason::Success, Reason::GrantedQoS2, Reason::TopicFilterInvalid]));
        let codes: Vec<u8> = reasons.iter().map(code).collect();
        let suback = Outgoing::SubAck { packet_id, reasons, reason_string: reason_string.clone() };
        let v5::Packet::SubscribeAck(found) = as_v5(&suback) else { panic!("a SUBACK") };
        assert_eq!((found.packet_id.get(), text!(found.reason_string)), (packet_id, reason_string.clone()));
        assert_eq!(found.status.into_iter().map(u8::from).collect::<Vec<_>>(), codes);
        let v3::Packet::SubscribeAck { status, .. } = as_v3(&suback) else { panic!("a SUBACK") };
        let granted = |code: &u8| match code {
            0..=2 => v3::SubscribeReturnCode::Success((*code).try_into().expect("below 3")),
            _ => v3::SubscribeReturnCode::Failure,
        };
        assert_eq!(status, codes.iter().map(granted).collect::<Vec<_>>());

        let reasons = random.several(1, |random| random.one_of(&[Reason::Success, Reason::NoSubscriptionExisted]));
        let codes: Vec<u8> = reasons.iter().map(code).collect();
        let unsuback = Outgoing::UnsubAck { packet_id, reasons, reason_string: reason_string.clone() };
        let v5::Packet::UnsubscribeAck(found) = as_v5(&unsuback) else { panic!("an UNSUBACK") };
        assert_eq!((found.packet_id.get(), text!(found.reason_string)), (packet_id, reason_string));
        assert_eq!(found.status.into_iter().map(u8::from).collect::<Vec<_>>(), codes);
        assert!(matches!(as_v3(&unsuback), v3::Packet::UnsubscribeAck { packet_id: found } if found.get() == packet_id));
    }
}

#[test]
fn pings_farewells_and_authentication() {
    let mut random = Random::new();
    assert_eq!(as_v5(&Outgoing::PingResp), v5::Packet::PingResponse);
    assert_eq!(as_v3(&Outgoing::PingResp), v3::Packet::PingResponse);
    for _ in 0..PACKETS {
        let expected = Disconnect {
            reason: random.one_of(&[Reason::Success, Reason::SessionTakenOver, Reason::ServerMoved]),
            session_expiry: None,
            reason_string: random.maybe(Random::boxed_text),
            server_reference: random.maybe(Random::boxed_text),
        };
        let v5::Packet::Disconnect(found) = as_v5(&Outgoing::Disconnect(expected.clone())) else { panic!("a DISCONNECT") };
        let reason = Reason::from_code(found.reason_code.into()).expect("known");
        let (reason_string, server_reference) = (text!(found.reason_string), text!(found.server_reference));
        assert_eq!(Disconnect { reason, session_expiry: None, reason_string, server_reference }, expected);

        let expected = Auth {
            reason: random.one_of(&[Reason::Success, Reason::ContinueAuthentication]),
            method: random.maybe(Random::boxed_text),
            data: random.maybe(|random| random.bytes().into()),
            reason_string: random.maybe(Random::boxed_text),
        };
        let v5::Packet::Auth(found) = as_v5(&Outgoing::Auth(expected.clone())) else { panic!("an AUTH") };
        let reason = Reason::from_code(found.reason_code.into()).expect("known");
        let (method, data) = (text!(found.auth_method), found.auth_data.as_deref().map(Into::into));
        assert_eq!(Auth { reason, method, data, reason_string: text!(found.reason_string) }, expected);
    }
}
