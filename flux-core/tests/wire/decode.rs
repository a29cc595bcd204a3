//! Bytes from a server to packets. Panics on everything a server must not send.

use super::encode::Publish;
use super::packet::{Ack, Codes, ConnAck, Packet, Reason, Version};
use super::property::{Property, put_variable};
use super::tables;

pub struct Reader<'a> {
    pub rest: &'a [u8],
}

impl Reader<'_> {
    pub fn bytes(&mut self, count: usize) -> &[u8] {
        assert!(self.rest.len() >= count, "the packet ends too early");
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    pub fn byte(&mut self) -> u8 {
        self.bytes(1)[0]
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.bytes(2).try_into().expect("two bytes"))
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes(4).try_into().expect("four bytes"))
    }

    pub fn binary(&mut self) -> Vec<u8> {
        let length = self.u16();
        self.bytes(usize::from(length)).to_vec()
    }

    /// [MQTT-1.5.4-1], [MQTT-1.5.4-2].
    pub fn text(&mut self) -> String {
        let text = String::from_utf8(self.binary()).expect("[MQTT-1.5.4-1] strings are UTF-8");
        assert!(!text.contains('\0'), "[MQTT-1.5.4-2] strings have no U+0000");
        text
    }

    /// [MQTT-1.5.5-1].
    pub fn variable(&mut self) -> u32 {
        let (value, length) = variable(self.rest).expect("a whole variable byte integer");
        self.bytes(length);
        value
    }

    fn properties(&mut self, kind: u8) -> Vec<Property> {
        let length = self.variable();
        let mut inner = Reader { rest: self.bytes(length as usize) };
        let mut properties: Vec<Property> = Vec::new();
        while !inner.rest.is_empty() {
            let property = Property::take(&mut inner);
            assert!(tables::properties(kind).contains(&property.id()), "{property:?} is not allowed in packet type {kind}");
            let several = matches!(property, Property::User(_) | Property::SubscriptionIdentifier(_));
            assert!(several || properties.iter().all(|other| other.id() != property.id()), "{property:?} came twice");
            properties.push(property);
        }
        properties
    }

    fn reason(&mut self, kind: u8) -> u8 {
        let code = self.byte();
        assert!(tables::reasons(kind).contains(&code), "reason code 0x{code:02X} is not allowed in packet type {kind}");
        code
    }

    fn reason_and_properties(&mut self, kind: u8) -> Reason {
        let code = if self.rest.is_empty() { 0 } else { self.reason(kind) };
        let properties = if self.rest.is_empty() { Vec::new() } else { self.properties(kind) };
        Reason { code, properties }
    }
}

/// Value and length in bytes; `None` while it is not complete.
fn variable(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(4) {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let mut shortest = Vec::new();
            put_variable(value, &mut shortest);
            assert_eq!(shortest.len(), index + 1, "[MQTT-1.5.5-1] a variable byte integer is as short as it can be");
            return Some((value, index + 1));
        }
    }
    assert!(bytes.len() < 4, "a variable byte integer has at most four bytes");
    None
}

/// The first packet in `bytes` and its whole length; `None` while it is not complete.
pub fn decode(version: Version, bytes: &[u8]) -> Option<(Packet, usize)> {
    let (remaining, width) = variable(bytes.get(1..)?)?;
    let total = 1 + width + remaining as usize;
    let body = bytes.get(1 + width..total)?;
    let (kind, flags) = (bytes[0] >> 4, bytes[0] & 0x0F);
    let mut reader = Reader { rest: body };
    let packet = body_of(version, kind, flags, &mut reader);
    assert!(reader.rest.is_empty(), "packet type {kind} has {} bytes too many", reader.rest.len());
    Some((packet, total))
}

fn body_of(version: Version, kind: u8, flags: u8, reader: &mut Reader<'_>) -> Packet {
    let wanted = if kind == 6 { 0b0010 } else { 0 };
    assert!(kind == 3 || flags == wanted, "[MQTT-2.1.3-1] packet type {kind} has flags {flags:04b}");
    match kind {
        2 => Packet::ConnAck(connack(version, reader)),
        3 => Packet::Publish(publish(version, flags, reader)),
        4 => Packet::PubAck(ack(version, kind, reader)),
        5 => Packet::PubRec(ack(version, kind, reader)),
        6 => Packet::PubRel(ack(version, kind, reader)),
        7 => Packet::PubComp(ack(version, kind, reader)),
        9 => Packet::SubAck(codes(version, kind, reader)),
        11 => Packet::UnsubAck(codes(version, kind, reader)),
        13 => Packet::PingResp,
        14 | 15 => {
            assert_eq!(version, Version::V5, "packet type {kind} from a server is new in version 5");
            let reason = reader.reason_and_properties(kind);
            if kind == 14 { Packet::Disconnect(reason) } else { Packet::Auth(reason) }
        }
        other => panic!("a server never sends packet type {other}"),
    }
}

fn connack(version: Version, reader: &mut Reader<'_>) -> ConnAck {
    let flags = reader.byte();
    assert_eq!(flags & 0xFE, 0, "[MQTT-3.2.2-1] bits 7-1 of the acknowledge flags are reserved");
    let session_present = flags == 1;
    if version != Version::V5 || reader.rest.len() == 1 {
        let code = reader.byte();
        assert!(code <= 5 || version == Version::V5, "return code {code} does not exist");
        assert!(!session_present || code == 0, "[MQTT-3.2.2-4] (3.1.1) a refused client has no session");
        return ConnAck { session_present, code, properties: Vec::new() };
    }
    let code = reader.reason(2);
    assert!(!session_present || code == 0, "[MQTT-3.2.2-6] a refused client has no session");
    ConnAck { session_present, code, properties: reader.properties(2) }
}

fn publish(version: Version, flags: u8, reader: &mut Reader<'_>) -> Publish {
    let (dup, qos, retain) = (flags & 8 != 0, (flags >> 1) & 3, flags & 1 != 0);
    assert_ne!(qos, 3, "[MQTT-3.3.1-4] QoS 3 does not exist");
    assert!(qos > 0 || !dup, "[MQTT-3.3.1-2] DUP is 0 with QoS 0");
    let topic = reader.text();
    assert!(!topic.contains(['#', '+']), "[MQTT-3.3.2-2] topic names have no wildcards");
    let id = if qos > 0 { reader.u16() } else { 0 };
    assert!(qos == 0 || id != 0, "[MQTT-2.2.1-4] packet identifiers are not 0");
    let properties = if version == Version::V5 { reader.properties(3) } else { Vec::new() };
    assert!(!properties.contains(&Property::TopicAlias(0)), "[MQTT-3.3.2-8] topic aliases are not 0");
    assert!(
        !topic.is_empty() || properties.iter().any(|p| matches!(p, Property::TopicAlias(_))),
        "[MQTT-4.7.3-1] a topic is not empty"
    );
    let payload = reader.bytes(reader.rest.len()).to_vec();
    Publish { dup, qos, retain, topic, id, properties, payload }
}

fn ack(version: Version, kind: u8, reader: &mut Reader<'_>) -> Ack {
    let id = reader.u16();
    assert_ne!(id, 0, "packet identifiers are not 0");
    assert!(version == Version::V5 || reader.rest.is_empty(), "packet type {kind} is 2 bytes long before version 5");
    let reason = reader.reason_and_properties(kind);
    Ack { id, code: reason.code, properties: reason.properties }
}

fn codes(version: Version, kind: u8, reader: &mut Reader<'_>) -> Codes {
    let id = reader.u16();
    let properties = if version == Version::V5 { reader.properties(kind) } else { Vec::new() };
    let mut codes = Vec::new();
    while !reader.rest.is_empty() {
        let code = if version == Version::V5 { reader.reason(kind) } else { reader.byte() };
        assert!(
            version == Version::V5 || (kind == 9 && [0, 1, 2, 0x80].contains(&code)),
            "code 0x{code:02X} is not allowed before version 5"
        );
        codes.push(code);
    }
    Codes { id, properties, codes }
}
