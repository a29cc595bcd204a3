//! What must hold whatever bytes a client sends: the tests and the fuzzer ask the same question.

use std::borrow::Cow;

use crate::mqtt::packet::{Connect, Disconnect, Incoming, Outgoing, Publish, Version};
use crate::mqtt::reason::Reason;
use crate::types::Properties;

use super::connect::{connect_version, decode_connect};
use super::decode::decode;
use super::encode::encode;
use super::error::DecodeError;
use super::frame::{LARGEST_PACKET, frame_length};
use super::publish::publish_size;

/// Panics where `bytes`, read as a client's, break a promise of the codec. Says how many of the four readings (CONNECT and the three versions) were packets.
pub fn check(bytes: &[u8]) -> usize {
    let length = match frame_length(bytes, LARGEST_PACKET) {
        Ok(Some(length)) => length,
        Ok(None) => return 0,
        Err(error) => return refused(error),
    };
    assert!((2..=bytes.len()).contains(&length), "a frame is within its bytes");
    assert_eq!(frame_length(&bytes[..length - 1], LARGEST_PACKET), Ok(None), "a frame is whole or not there");
    let maximum = u32::try_from(length).expect("at most the largest packet") - 1;
    assert_eq!(frame_length(bytes, maximum).expect_err("too large").reason(), Reason::PacketTooLarge);
    let frame = &bytes[..length];
    let mut packets = match decode_connect(frame) {
        Ok(connect) => check_connect(frame, &connect),
        Err(error) => refused(error),
    };
    for version in [Version::V31, Version::V311, Version::V5] {
        packets += match decode(frame, version, &mut Vec::new()) {
            Ok(packet) => check_packet(&packet, version, length),
            Err(error) => refused(error),
        };
    }
    packets
}

fn refused(error: DecodeError) -> usize {
    assert!(error.reason().is_error() && !error.to_string().is_empty());
    0
}

fn check_connect(frame: &[u8], connect: &Connect) -> usize {
    assert_eq!(connect_version(frame), Ok(connect.version));
    assert!(connect.receive_maximum != Some(0) && connect.maximum_packet_size != Some(0));
    assert!(connect.authentication_data.is_none() || connect.authentication_method.is_some());
    let texts = [Some(&connect.client_id), connect.username.as_ref(), connect.will.as_ref().map(|will| &will.topic)];
    assert!(texts.into_iter().flatten().all(|text| !text.contains('\0')));
    if let Some(will) = &connect.will {
        check_properties(will.properties.as_bytes());
    }
    if connect.version < Version::V5 {
        assert!(connect.password.is_none() || connect.username.is_some());
        assert!(connect.session_expiry.is_none() && connect.user_properties.is_empty());
    }
    1
}

fn check_packet(packet: &Incoming<'_>, version: Version, length: usize) -> usize {
    // What both sides may send comes back as it was.
    let same = match packet {
        Incoming::Publish(publish) => {
            check_publish(publish, version, length);
            Outgoing::Publish(publish.clone())
        }
        Incoming::PubAck(ack) => Outgoing::PubAck(ack.clone()),
        Incoming::PubRec(ack) => Outgoing::PubRec(ack.clone()),
        Incoming::PubRel(ack) => Outgoing::PubRel(ack.clone()),
        Incoming::PubComp(ack) => Outgoing::PubComp(ack.clone()),
        Incoming::Auth(auth) => Outgoing::Auth(auth.clone()),
        Incoming::Disconnect(disconnect) if version == Version::V5 => Outgoing::Disconnect(disconnect.clone()),
        Incoming::Subscribe(subscribe) => {
            assert!(subscribe.packet_id != 0 && !subscribe.entries.is_empty() && subscribe.identifier != Some(0));
            assert!(subscribe.entries.iter().all(|entry| !entry.filter.contains('\0')));
            return 1;
        }
        Incoming::Unsubscribe(unsubscribe) => {
            assert!(unsubscribe.packet_id != 0 && !unsubscribe.filters.is_empty());
            return 1;
        }
        Incoming::PingReq | Incoming::Disconnect(_) => return 1,
        Incoming::Connect(_) => panic!("a second CONNECT is refused"),
    };
    let mut out = Vec::new();
    encode(&same, version, &mut out);
    let expected = match packet {
        // The only field that a server does not send.
        Incoming::Disconnect(disconnect) => {
            Cow::Owned(Incoming::Disconnect(Disconnect { session_expiry: None, ..disconnect.clone() }))
        }
        packet => Cow::Borrowed(packet),
    };
    assert_eq!(decode(&out, version, &mut Vec::new()).as_ref(), Ok(&*expected), "written and read again");
    1
}

fn check_publish(publish: &Publish<'_>, version: Version, length: usize) {
    let size = publish_size(publish, version);
    // Version 3 may have written its length in a longer form.
    assert!(size == length || version < Version::V5 && size < length, "{size} bytes from {length}");
    assert!(!publish.topic.contains('\0') && (publish.packet_id == 0) == (u8::from(publish.qos) == 0));
    assert!(version == Version::V5 || publish.properties.is_empty());
    check_properties(publish.properties);
}

fn check_properties(bytes: &[u8]) {
    let properties = Properties::from_wire(bytes);
    let again = Properties::from_properties(properties.iter()).expect("values that came from the wire fit it");
    assert_eq!(again.as_bytes(), bytes, "end-to-end properties are whole and of the five kinds");
}
