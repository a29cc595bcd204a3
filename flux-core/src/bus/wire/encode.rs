use super::{Audience, Double, EXPIRES, RETAIN, TIME, VERSION, field};
use crate::types::bytes::{put_block, put_length};
use crate::types::{Event, Timestamp};

/// An event's bytes, made once and shared by all messages that carry it.
#[derive(Debug, Clone)]
pub struct EncodedEvent(Box<[u8]>);

impl EncodedEvent {
    pub fn new(event: &Event) -> Self {
        let text = event.topic.as_str().len() + event.publisher.as_str().len();
        let mut out = Vec::with_capacity(64 + text + event.properties.as_bytes().len() + event.payload.len());
        let dated = id_time(event) != event.time;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = event.qos as u8 | flag(event.retain, RETAIN) | flag(event.expires_at.is_some(), EXPIRES) | flag(dated, TIME);
        out.extend_from_slice(&[VERSION, flags]);
        out.extend_from_slice(&event.id.0.to_le_bytes());
        if dated {
            out.extend_from_slice(&event.time.0.to_le_bytes());
        }
        if let Some(at) = event.expires_at {
            out.extend_from_slice(&at.0.to_le_bytes());
        }
        put_block(event.topic.as_str().as_bytes(), &mut out);
        put_block(event.publisher.as_str().as_bytes(), &mut out);
        put_block(event.properties.as_bytes(), &mut out);
        put_block(&event.payload, &mut out);
        EncodedEvent(out.into_boxed_slice())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The time that every id of an event carries in its first 48 bits.
pub(super) fn id_time(event: &Event) -> Timestamp {
    Timestamp((event.id.0 >> 80) as u64)
}

/// Adds one message to a batch.
pub fn put_message(event: &EncodedEvent, audience: &Audience, double: Option<Double>, batch: &mut Vec<u8>) {
    let mut fields = Vec::new();
    put_audience(audience, &mut fields);
    if let Some(double) = double {
        put_double(double, &mut fields);
    }
    put_length(event.0.len() + fields.len(), batch);
    batch.extend_from_slice(&event.0);
    batch.extend_from_slice(&fields);
}

/// Everyone and nobody else is what most messages are for: it takes no byte.
fn put_audience(audience: &Audience, out: &mut Vec<u8>) {
    let named = !audience.groups.is_empty() || audience.session.is_some();
    let mut put = |number: usize, value: &[u8]| {
        put_length(number, out);
        put_block(value, out);
    };
    for group in &audience.groups {
        put(field::GROUP, group.to_string().as_bytes());
    }
    if audience.everyone && named {
        put(field::EVERYONE, &[]);
    }
    if let Some(session) = &audience.session {
        put(field::SESSION, session.as_str().as_bytes());
    }
    if audience.hops > 0 {
        put(field::HOPS, &[audience.hops]);
    }
    if audience.refused {
        put(field::REFUSED, &[]);
    }
}

fn put_double(double: Double, out: &mut Vec<u8>) {
    put_length(field::DOUBLE, out);
    put_length(1 + 8 + 8, out);
    out.push(double.role as u8);
    out.extend_from_slice(&double.canary.to_le_bytes());
    out.extend_from_slice(&double.sent.to_le_bytes());
}
