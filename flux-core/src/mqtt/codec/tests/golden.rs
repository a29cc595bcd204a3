//! Bytes from the specification's figures, and the mapping to version 3.

use crate::mqtt::codec::*;
use crate::mqtt::packet::*;
use crate::mqtt::reason::Reason;
use crate::types::properties::Property;
use crate::types::{Properties, QoS};

fn decoded<'a>(frame: &'a [u8], version: Version, scratch: &'a mut Vec<u8>) -> Incoming<'a> {
    assert_eq!(frame_length(frame, LARGEST_PACKET), Ok(Some(frame.len())));
    decode(frame, version, scratch).expect("a valid packet")
}

fn encoded(packet: &Outgoing<'_>, version: Version) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encode(packet, version, &mut out);
    assert!(out.starts_with(b"before"), "encode appends");
    out.split_off(b"before".len())
}

fn connack(reason: Reason) -> ConnAck {
    ConnAck {
        session_present: false,
        reason,
        session_expiry: None,
        receive_maximum: None,
        maximum_qos: None,
        retain_available: None,
        maximum_packet_size: None,
        assigned_client_id: None,
        topic_alias_maximum: 0,
        reason_string: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
        user_properties: Vec::new(),
    }
}

const PUBLISH: Publish<'static> = Publish {
    dup: false,
    qos: QoS::AtMostOnce,
    retain: false,
    topic: "a/b",
    packet_id: 0,
    payload: b"hello",
    topic_alias: 0,
    message_expiry: None,
    subscription_identifiers: &[],
    properties: &[],
};

/// Table 1-1 of MQTT 5, and the example 321 of MQTT 3.1.1 §2.2.3.
#[test]
fn the_remaining_length_takes_one_to_four_bytes() {
    let lengths: [(&[u8], usize); 9] = [
        (&[0x00], 0),
        (&[0x7F], 127),
        (&[0x80, 0x01], 128),
        (&[0xC1, 0x02], 321),
        (&[0xFF, 0x7F], 16_383),
        (&[0x80, 0x80, 0x01], 16_384),
        (&[0xFF, 0xFF, 0x7F], 2_097_151),
        (&[0x80, 0x80, 0x80, 0x01], 2_097_152),
        (&[0xFF, 0xFF, 0xFF, 0x7F], 268_435_455),
    ];
    for (bytes, length) in lengths {
        let header = [&[0x30], bytes].concat();
        let whole = header.len() + length;
        let maximum = u32::try_from(whole).expect("small");
        for cut in 0..header.len() {
            assert_eq!(frame_length(&header[..cut], maximum), Ok(None), "{length}");
        }
        assert_eq!(frame_length(&header, maximum - 1), Err(DecodeError::TooLarge { size: maximum, maximum: maximum - 1 }));
        if length <= 16_384 {
            let mut packet = header.clone();
            packet.resize(whole - 1, 0);
            assert_eq!(frame_length(&packet, maximum), Ok(None), "{length}");
            packet.resize(whole + 10, 0);
            assert_eq!(frame_length(&packet, maximum), Ok(Some(whole)), "{length}");
        }
    }
    assert!(frame_length(&[0x30, 0x80, 0x80, 0x80, 0x80], LARGEST_PACKET).is_err());
}

/// Figure 3-6 of MQTT 5 with a payload.
#[test]
fn connect_of_version_5() {
    let frame = b"\x10\x32\x00\x04MQTT\x05\xCE\x00\x0A\x05\x11\x00\x00\x00\x0A\x00\x01c\
        \x05\x18\x00\x00\x00\x07\x00\x01w\x00\x05gone!\x00\x05alice\x00\x06secret";
    let connect = decode_connect(frame).expect("valid");
    let will = Will {
        topic: "w".into(),
        payload: (*b"gone!").into(),
        qos: QoS::AtLeastOnce,
        retain: false,
        delay: 7,
        message_expiry: None,
        properties: Properties::NONE,
    };
    let expected = Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 10,
        client_id: "c".into(),
        username: Some("alice".into()),
        password: Some((*b"secret").into()),
        will: Some(will),
        session_expiry: Some(10),
        receive_maximum: None,
        maximum_packet_size: None,
        topic_alias_maximum: 0,
        request_response_information: false,
        request_problem_information: true,
        authentication_method: None,
        authentication_data: None,
        user_properties: Vec::new(),
    };
    assert_eq!(connect, expected);
    assert_eq!(connect_version(frame), Ok(Version::V5));
}

/// Figure 3.6 of MQTT 3.1.1, and the same in 3.1.
#[test]
fn connect_of_version_3() {
    let payload = b"\x00\x01c\x00\x01w\x00\x00\x00\x00\x00\x00";
    for (start, version) in [(&b"\x00\x04MQTT\x04"[..], Version::V311), (b"\x00\x06MQIsdp\x03", Version::V31)] {
        let body = [start, b"\xCE\x00\x0A", payload].concat();
        let frame = [&[0x10, u8::try_from(body.len()).expect("short")], &body[..]].concat();
        let connect = decode_connect(&frame).expect("valid");
        assert_eq!((connect.version, connect.keep_alive, &*connect.client_id), (version, 10, "c"));
        assert_eq!((connect.username.as_deref(), connect.password.as_deref()), (Some(""), Some(&b""[..])));
        assert_eq!(connect.will.map(|will| will.qos), Some(QoS::AtLeastOnce));
    }
}

/// MQTT 3.1: "the remaining length field takes precedence over the user name flag".
#[test]
fn in_version_31_user_name_and_password_may_be_missing() {
    let connect = decode_connect(b"\x10\x0F\x00\x06MQIsdp\x03\xC2\x00\x3C\x00\x01c").expect("valid");
    assert_eq!((connect.username, connect.password), (None, None));
    let refused = decode_connect(b"\x10\x0D\x00\x04MQTT\x04\xC2\x00\x3C\x00\x01c").expect_err("not in 3.1.1");
    assert_eq!(refused.reason(), Reason::MalformedPacket);
}

/// Figure 3-9 of MQTT 5, and of 3.1.1 without the property length.
#[test]
fn publish_at_least_once() {
    let expected = Publish { qos: QoS::AtLeastOnce, packet_id: 10, ..PUBLISH };
    for (frame, version) in [
        (&b"\x32\x0D\x00\x03a/b\x00\x0A\x00hello"[..], Version::V5),
        (b"\x32\x0C\x00\x03a/b\x00\x0Ahello", Version::V311),
        (b"\x32\x0C\x00\x03a/b\x00\x0Ahello", Version::V31),
    ] {
        assert_eq!(decoded(frame, version, &mut Vec::new()), Incoming::Publish(expected.clone()));
        assert_eq!(encoded(&Outgoing::Publish(expected.clone()), version), frame);
        assert_eq!(publish_size(&expected, version), frame.len());
    }
}

/// Figure 1-4 of MQTT 5: "A" and U+2A6D4.
#[test]
fn text_is_utf_8() {
    let frame = b"\x30\x08\x00\x05A\xF0\xAA\x9B\x94\x00";
    let expected = Publish { topic: "A\u{2A6D4}", payload: b"", ..PUBLISH };
    assert_eq!(decoded(frame, Version::V5, &mut Vec::new()), Incoming::Publish(expected));
}

#[test]
fn neighbouring_end_to_end_properties_are_borrowed_in_one_piece() {
    let frame = b"\x30\x1A\x00\x01t\x15\x23\x00\x07\x01\x01\x26\x00\x01k\x00\x01v\x02\x00\x00\x00\x3C\x03\x00\x01j!";
    let mut scratch = Vec::new();
    let Incoming::Publish(publish) = decoded(frame, Version::V5, &mut scratch) else { panic!("a PUBLISH") };
    assert_eq!((publish.topic_alias, publish.message_expiry, publish.payload), (7, Some(60), &b"!"[..]));
    // Message expiry stood between: here the scratch is used.
    let properties = Properties::from_wire(publish.properties);
    let expected = [Property::PayloadFormat(1), Property::User("k", "v"), Property::ContentType("j")];
    assert_eq!(properties.iter().collect::<Vec<_>>(), expected);

    let frame = b"\x30\x16\x00\x01t\x11\x23\x00\x07\x01\x01\x26\x00\x01k\x00\x01v\x02\x00\x00\x00\x3C!";
    let mut scratch = vec![9];
    let Incoming::Publish(publish) = decoded(frame, Version::V5, &mut scratch) else { panic!("a PUBLISH") };
    assert!(frame.as_ptr_range().contains(&publish.properties.as_ptr()), "borrowed from the frame");
    assert_eq!(publish.properties, b"\x01\x01\x26\x00\x01k\x00\x01v");
    assert_eq!(scratch, [9], "not touched");
}

#[test]
fn message_expiry_0_is_a_message_that_is_over_at_once() {
    let frame = b"\x30\x09\x00\x01t\x05\x02\x00\x00\x00\x00";
    let mut scratch = Vec::new();
    let Incoming::Publish(publish) = decoded(frame, Version::V5, &mut scratch) else { panic!("a PUBLISH") };
    assert_eq!(publish.message_expiry, Some(0));
}

#[test]
fn publish_to_a_subscriber_says_all_of_its_properties() {
    let publish = Publish {
        qos: QoS::ExactlyOnce,
        packet_id: 1,
        dup: true,
        retain: true,
        topic: "",
        topic_alias: 3,
        message_expiry: Some(2),
        subscription_identifiers: &[1, 128],
        properties: b"\x01\x00",
        ..PUBLISH
    };
    let frame = b"\x3D\x19\x00\x00\x00\x01\x0F\x23\x00\x03\x02\x00\x00\x00\x02\x0B\x01\x0B\x80\x01\x01\x00hello";
    assert_eq!(encoded(&Outgoing::Publish(publish.clone()), Version::V5), frame);
    assert_eq!(publish_size(&publish, Version::V5), frame.len());
}

#[test]
fn acknowledgements_are_as_short_as_they_may_be() {
    let mut ack = Ack { packet_id: 0x1234, reason: Reason::Success, reason_string: None };
    assert_eq!(encoded(&Outgoing::PubAck(ack.clone()), Version::V5), b"\x40\x02\x12\x34");
    assert_eq!(encoded(&Outgoing::PubRel(ack.clone()), Version::V5), b"\x62\x02\x12\x34");
    ack.reason = Reason::PacketIdentifierNotFound;
    assert_eq!(encoded(&Outgoing::PubComp(ack.clone()), Version::V5), b"\x70\x03\x12\x34\x92");
    assert_eq!(encoded(&Outgoing::PubComp(ack.clone()), Version::V311), b"\x70\x02\x12\x34");
    assert_eq!(decoded(b"\x70\x03\x12\x34\x92", Version::V5, &mut Vec::new()), Incoming::PubComp(ack.clone()));
    ack.reason_string = Some("no".into());
    assert_eq!(encoded(&Outgoing::PubRec(ack.clone()), Version::V5), b"\x50\x09\x12\x34\x92\x05\x1F\x00\x02no");
    assert_eq!(encoded(&Outgoing::PubRec(ack), Version::V31), b"\x50\x02\x12\x34");
}

/// Figures 3-20 to 3-22 of MQTT 5.
#[test]
fn subscribe_to_two_filters() {
    let entry = |filter: &str, qos| SubscribeEntry {
        filter: filter.into(),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::SendAtSubscribe,
    };
    let expected = Subscribe {
        packet_id: 10,
        entries: vec![entry("a/b", QoS::AtLeastOnce), entry("c/d", QoS::ExactlyOnce)],
        identifier: None,
        user_properties: Vec::new(),
    };
    let frame = b"\x82\x0F\x00\x0A\x00\x00\x03a/b\x01\x00\x03c/d\x02";
    assert_eq!(decoded(frame, Version::V5, &mut Vec::new()), Incoming::Subscribe(expected.clone()));
    let frame = b"\x82\x0E\x00\x0A\x00\x03a/b\x01\x00\x03c/d\x02";
    assert_eq!(decoded(frame, Version::V311, &mut Vec::new()), Incoming::Subscribe(expected.clone()));
    // A repeated SUBSCRIBE of 3.1 has DUP.
    let frame = b"\x8A\x0E\x00\x0A\x00\x03a/b\x01\x00\x03c/d\x02";
    assert_eq!(decoded(frame, Version::V31, &mut Vec::new()), Incoming::Subscribe(expected));
}

/// Figure 3-30 of MQTT 5.
#[test]
fn unsubscribe_from_two_filters() {
    let expected = Unsubscribe { packet_id: 10, filters: vec!["a/b".into(), "c/d".into()], user_properties: Vec::new() };
    let frame = b"\xA2\x0D\x00\x0A\x00\x00\x03a/b\x00\x03c/d";
    assert_eq!(decoded(frame, Version::V5, &mut Vec::new()), Incoming::Unsubscribe(expected));
}

#[test]
fn pings_and_farewells() {
    let scratch = &mut Vec::new();
    assert_eq!(decoded(b"\xC0\x00", Version::V31, scratch), Incoming::PingReq);
    assert_eq!(encoded(&Outgoing::PingResp, Version::V5), b"\xD0\x00");
    let normal = Disconnect { reason: Reason::Success, session_expiry: None, reason_string: None, server_reference: None };
    for version in [Version::V31, Version::V311, Version::V5] {
        assert_eq!(decoded(b"\xE0\x00", version, &mut Vec::new()), Incoming::Disconnect(normal.clone()));
    }
    let left = Disconnect { reason: Reason::DisconnectWithWill, session_expiry: Some(5), ..normal.clone() };
    let frame = b"\xE0\x07\x04\x05\x11\x00\x00\x00\x05";
    assert_eq!(decoded(frame, Version::V5, &mut Vec::new()), Incoming::Disconnect(left));
    assert_eq!(encoded(&Outgoing::Disconnect(normal.clone()), Version::V5), b"\xE0\x00");
    let moved = Disconnect { reason: Reason::ServerMoved, server_reference: Some("b".into()), ..normal };
    assert_eq!(encoded(&Outgoing::Disconnect(moved.clone()), Version::V5), b"\xE0\x06\x9D\x04\x1C\x00\x01b");
    assert_eq!(encoded(&Outgoing::Disconnect(moved), Version::V311), b"");
}

#[test]
fn connack_of_version_3_has_six_return_codes_and_silence_for_the_rest() {
    for (reason, code) in [
        (Reason::Success, 0),
        (Reason::UnsupportedProtocolVersion, 1),
        (Reason::ClientIdentifierNotValid, 2),
        (Reason::ServerBusy, 3),
        (Reason::BadUserNameOrPassword, 4),
        (Reason::NotAuthorized, 5),
    ] {
        assert_eq!(encoded(&Outgoing::ConnAck(connack(reason).into()), Version::V311), [0x20, 2, 0, code]);
    }
    assert_eq!(encoded(&Outgoing::ConnAck(connack(Reason::MalformedPacket).into()), Version::V311), b"");
    let present = ConnAck { session_present: true, ..connack(Reason::Success) };
    assert_eq!(encoded(&Outgoing::ConnAck(present.clone().into()), Version::V311), [0x20, 2, 1, 0]);
    assert_eq!(encoded(&Outgoing::ConnAck(present.into()), Version::V31), [0x20, 2, 0, 0]);
    let refused = ConnAck { session_present: true, ..connack(Reason::NotAuthorized) };
    assert_eq!(encoded(&Outgoing::ConnAck(refused.clone().into()), Version::V311), [0x20, 2, 0, 5]);
    assert_eq!(encoded(&Outgoing::ConnAck(refused.into()), Version::V5), [0x20, 3, 0, 0x87, 0]);
}

#[test]
fn suback_of_version_3_knows_one_failure_and_unsuback_no_code() {
    let reasons = vec![Reason::GrantedQoS2, Reason::NotAuthorized];
    let suback = Outgoing::SubAck { packet_id: 10, reasons: reasons.clone(), reason_string: None };
    assert_eq!(encoded(&suback, Version::V311), b"\x90\x04\x00\x0A\x02\x80");
    assert_eq!(encoded(&suback, Version::V5), b"\x90\x05\x00\x0A\x00\x02\x87");
    let unsuback = Outgoing::UnsubAck { packet_id: 10, reasons, reason_string: None };
    assert_eq!(encoded(&unsuback, Version::V311), b"\xB0\x02\x00\x0A");
    assert_eq!(encoded(&unsuback, Version::V5), b"\xB0\x05\x00\x0A\x00\x02\x87");
}

#[test]
fn long_properties_move_the_body_to_make_room_for_their_length() {
    let text: String = "x".repeat(200);
    let ack = Ack { packet_id: 1, reason: Reason::QuotaExceeded, reason_string: Some(text.as_str().into()) };
    let expected = [b"\x40\xD0\x01\x00\x01\x97\xCB\x01\x1F\x00\xC8", text.as_bytes()].concat();
    assert_eq!(encoded(&Outgoing::PubAck(ack.clone()), Version::V5), expected);
    assert_eq!(decoded(&expected, Version::V5, &mut Vec::new()), Incoming::PubAck(ack));
}
