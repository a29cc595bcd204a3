use crate::mqtt::packet::{Disconnect, Incoming, Version};
use crate::mqtt::reason::Reason;

use super::error::DecodeError;
use super::frame::Frame;
use super::reader::Reader;
use super::{ack, disconnect, publish, subscribe};

/// The packets a client sends after CONNECT, by the upper four bits of the first byte (MQTT 5 §2.1.2).
const PACKETS: [&str; 16] = [
    "packet of type 0",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
];

/// Any packet after CONNECT. Borrows from `frame`, which is one packet as [`super::frame_length`] measured it, and from `scratch` in the uncommon
/// case that a PUBLISH has a property of its hop between two that travel end to end.
pub fn decode<'a>(frame: &'a [u8], version: Version, scratch: &'a mut Vec<u8>) -> Result<Incoming<'a>, DecodeError> {
    let frame = Frame::split(frame)?;
    let (kind, flags) = (frame.first >> 4, frame.first & 0x0F);
    let packet = PACKETS[usize::from(kind)];
    let body = Reader::new(packet, frame.body);
    if version == Version::V5 {
        frame.demand_shortest(packet)?;
    }
    if kind != 3 && flags != expected_flags(kind, flags, version) {
        return Err(body.malformed("reserved flags set in the fixed header"));
    }
    match kind {
        1 => Err(body.protocol_error("a second CONNECT")),
        3 => publish::decode(flags, body, version, scratch).map(Incoming::Publish),
        4 => ack::decode(body, version, ack::is_publish_reason).map(Incoming::PubAck),
        5 => ack::decode(body, version, ack::is_publish_reason).map(Incoming::PubRec),
        6 => ack::decode(body, version, ack::is_release_reason).map(Incoming::PubRel),
        7 => ack::decode(body, version, ack::is_release_reason).map(Incoming::PubComp),
        8 => subscribe::decode_subscribe(body, version).map(Incoming::Subscribe),
        10 => subscribe::decode_unsubscribe(body, version).map(Incoming::Unsubscribe),
        12 => body.end().map(|()| Incoming::PingReq),
        14 if version == Version::V5 => disconnect::decode_disconnect(body).map(Incoming::Disconnect),
        14 => body.end().map(|()| Incoming::Disconnect(NORMAL)),
        15 if version == Version::V5 => disconnect::decode_auth(body).map(Incoming::Auth),
        2 | 9 | 11 | 13 => Err(body.protocol_error("only a server sends it")),
        _ => Err(body.malformed("the type is reserved")),
    }
}

/// DISCONNECT of version 3 says nothing else.
const NORMAL: Disconnect =
    Disconnect { reason: Reason::Success, session_expiry: None, reason_string: None, server_reference: None };

/// The reserved flags of everything but PUBLISH (MQTT 5 §2.1.3). In 3.1 the bit of DUP has its meaning in the three packets that are sent again.
fn expected_flags(kind: u8, flags: u8, version: Version) -> u8 {
    match kind {
        6 | 8 | 10 if version == Version::V31 => 0b0010 | flags & 0b1000,
        6 | 8 | 10 => 0b0010,
        _ => 0,
    }
}
