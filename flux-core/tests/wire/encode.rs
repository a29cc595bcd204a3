//! Packets that a client sends, to bytes. Nothing is checked: tests send what must not be sent.

use super::packet::Version;
use super::property::{Field, Property, put_all, put_variable};

/// Fixed header and body.
pub fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    put_variable(body.len() as u32, &mut packet);
    packet.extend(body);
    packet
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publish {
    pub dup: bool,
    pub qos: u8,
    pub retain: bool,
    pub topic: String,
    /// 0 with QoS 0.
    pub id: u16,
    pub properties: Vec<Property>,
    pub payload: Vec<u8>,
}

impl Publish {
    pub fn new(topic: &str, payload: impl AsRef<[u8]>) -> Publish {
        Publish { topic: topic.to_owned(), payload: payload.as_ref().to_vec(), ..Publish::default() }
    }

    pub fn qos(self, qos: u8) -> Publish {
        Publish { qos, ..self }
    }

    pub fn retain(self) -> Publish {
        Publish { retain: true, ..self }
    }

    pub fn id(self, id: u16) -> Publish {
        Publish { id, ..self }
    }

    pub fn dup(self) -> Publish {
        Publish { dup: true, ..self }
    }

    pub fn property(mut self, property: Property) -> Publish {
        self.properties.push(property);
        self
    }

    /// The payload as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("tests send text")
    }

    pub fn encode(&self, version: Version) -> Vec<u8> {
        let mut body = Vec::new();
        self.topic.put(&mut body);
        if self.qos > 0 {
            self.id.put(&mut body);
        }
        if version == Version::V5 {
            put_all(&self.properties, &mut body);
        }
        body.extend(&self.payload);
        frame(0x30 | u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain), &body)
    }
}

/// A topic filter and its subscription options (MQTT 5 §3.8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub filter: String,
    pub options: u8,
}

impl Filter {
    pub fn new(filter: &str, qos: u8) -> Filter {
        Filter { filter: filter.to_owned(), options: qos }
    }

    pub fn no_local(self) -> Filter {
        Filter { options: self.options | 0x04, ..self }
    }

    pub fn retain_as_published(self) -> Filter {
        Filter { options: self.options | 0x08, ..self }
    }

    pub fn retain_handling(self, handling: u8) -> Filter {
        Filter { options: self.options | handling << 4, ..self }
    }
}

pub fn subscribe(version: Version, id: u16, filters: &[Filter], properties: &[Property]) -> Vec<u8> {
    let mut body = Vec::new();
    id.put(&mut body);
    if version == Version::V5 {
        put_all(properties, &mut body);
    }
    for filter in filters {
        filter.filter.put(&mut body);
        body.push(filter.options);
    }
    frame(0x82, &body)
}

pub fn unsubscribe(version: Version, id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    id.put(&mut body);
    if version == Version::V5 {
        body.push(0);
    }
    for filter in filters {
        filter.to_string().put(&mut body);
    }
    frame(0xA2, &body)
}

pub const PUBACK: u8 = 0x40;
pub const PUBREC: u8 = 0x50;
pub const PUBREL: u8 = 0x62;
pub const PUBCOMP: u8 = 0x70;

/// PUBACK, PUBREC, PUBREL, PUBCOMP by their first byte. Code 0 is left out, as every version allows.
pub fn ack(first: u8, id: u16, code: u8) -> Vec<u8> {
    let mut body = Vec::new();
    id.put(&mut body);
    if code != 0 {
        body.push(code);
    }
    frame(first, &body)
}

pub const PINGREQ: [u8; 2] = [0xC0, 0];

pub fn disconnect(version: Version, code: u8, properties: &[Property]) -> Vec<u8> {
    let mut body = Vec::new();
    if version == Version::V5 && (code != 0 || !properties.is_empty()) {
        body.push(code);
        put_all(properties, &mut body);
    }
    frame(0xE0, &body)
}

pub fn auth(code: u8, properties: &[Property]) -> Vec<u8> {
    let mut body = vec![code];
    put_all(properties, &mut body);
    frame(0xF0, &body)
}
