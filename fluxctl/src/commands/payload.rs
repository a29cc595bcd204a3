use flux_core::api::{Encoding, Event, PayloadError, PublishEvent, decode_payload};
use flux_core::output::{Cell, Column, Resource};
use serde_json::value::RawValue;

/// The payload of an event, byte for byte.
pub fn bytes(event: &Event) -> Result<Box<[u8]>, PayloadError> {
    let json = serde_json::to_string(&event.payload).expect("a string is always JSON");
    decode_payload(RawValue::from_string(json).expect("what was serialized as JSON is JSON"), Some(event.payload_encoding))
}

/// How long the payload of an event to publish is.
pub fn size(event: &PublishEvent) -> u64 {
    let payload = event.payload.clone().map(|payload| decode_payload(payload, event.payload_encoding));
    payload.and_then(Result::ok).map_or(0, |payload| payload.len() as u64)
}

pub struct Events;

impl Resource for Events {
    type Item = Event;

    const KIND: &'static str = "Event";

    fn columns() -> Vec<Column<Event>> {
        vec![
            Self::column("TIME", |event| Cell::Moment(event.time.0)),
            Self::wide("ID", |event| Cell::text(&event.id)),
            Self::wide("PUBLISHER", |event| Cell::text(&event.publisher)),
            Self::column("TOPIC", |event| Cell::text(&event.topic)),
            Self::column("QOS", |event| Cell::Count(event.qos as u64)),
            Self::wide("RETAIN", |event| Cell::Flag(event.retain)),
            Self::wide("TYPE", |event| Cell::maybe(event.properties.content_type.as_ref(), Cell::text)),
            Self::wide("USER", |event| Cell::text(user(event))),
            Self::wide("EXPIRES", |event| Cell::maybe(event.expires_at, |time| Cell::Time(time.0))),
            Self::column("PAYLOAD", |event| match event.payload_encoding {
                Encoding::Base64 => Cell::text(format!("base64:{}", event.payload)),
                Encoding::Text | Encoding::Json => Cell::text(&event.payload),
            }),
        ]
    }

    fn name(item: &Event) -> String {
        item.topic.clone()
    }
}

fn user(event: &Event) -> String {
    let user = event.properties.user.iter().map(|property| format!("{}={}", property.name, property.value));
    user.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_back_byte_for_byte() {
        let mut event: Event = serde_json::from_value(serde_json::json!({
            "id": "1", "time": "2026-02-11T14:03:22.123Z", "topic": "a", "payload": "AP8=", "payload_encoding": "base64",
            "qos": 1, "retain": false, "publisher": "p", "expires_at": null,
        }))
        .unwrap();
        assert_eq!(bytes(&event).unwrap().as_ref(), [0, 255]);
        event.payload_encoding = Encoding::Text;
        assert_eq!(bytes(&event).unwrap().as_ref(), b"AP8=");
    }
}
