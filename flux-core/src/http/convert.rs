//! Events between the API's words and ours.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::Error;
use crate::api::{Event as Shown, EventProperties, PublishEvent, Retained, Time, UserProperty, decode_payload, encode_payload};
use crate::ingress::NewEvent;
use crate::types::properties::{Property, PropertyTooLong};
use crate::types::{ClientId, Event, Properties, TopicError, TopicName};

/// Checks an event that is to be published.
pub(super) fn new_event(given: PublishEvent, publisher: &ClientId) -> Result<NewEvent, Error> {
    let topic = TopicName::parse(&given.topic).map_err(|error| Error::topic("topic", error))?;
    let payload = match given.payload {
        Some(value) => decode_payload(value, given.payload_encoding).map_err(|error| Error::invalid("payload", error))?,
        None => Box::default(),
    };
    if given.expiry_seconds == Some(0) {
        return Err(Error::invalid("expiry_seconds", "is 0: nobody could ever receive the event; leave it out for no expiry"));
    }
    let properties = if given.properties.is_empty() { Properties::NONE } else { wire(&given.properties, &payload)? };
    Ok(NewEvent {
        topic,
        payload,
        qos: given.qos,
        retain: given.retain,
        properties,
        expiry: given.expiry_seconds.map(|seconds| Duration::from_secs(seconds.into())),
        publisher: publisher.clone(),
    })
}

fn wire(given: &EventProperties, payload: &[u8]) -> Result<Properties, Error> {
    if given.payload_is_text == Some(true) && std::str::from_utf8(payload).is_err() {
        return Err(Error::invalid("properties.payload_is_text", "is true and the payload is not UTF-8"));
    }
    let text = |name: &str, value: &str| match value.contains('\0') {
        true => Err(Error::invalid(name, "contains the character U+0000, which MQTT does not allow")),
        false => Ok(()),
    };
    for (name, value) in [("content_type", &given.content_type), ("response_topic", &given.response_topic)] {
        if let Some(value) = value {
            text(&format!("properties.{name}"), value)?;
        }
    }
    if let Some(topic) = &given.response_topic
        && let Err(error) = TopicName::parse(topic)
        && error != TopicError::TooManyLevels
    {
        return Err(Error::topic("properties.response_topic", error));
    }
    for UserProperty { name, value } in &given.user {
        text("properties.user.name", name).and_then(|()| text("properties.user.value", value))?;
    }
    let correlation = given.correlation_data.as_ref().map(|data| STANDARD.decode(data)).transpose();
    let correlation =
        correlation.map_err(|error| Error::invalid("properties.correlation_data", format!("is not base64: {error}")))?;
    let single = [
        given.payload_is_text.map(|is_text| Property::PayloadFormat(is_text.into())),
        given.content_type.as_deref().map(Property::ContentType),
        given.response_topic.as_deref().map(Property::ResponseTopic),
        correlation.as_deref().map(Property::CorrelationData),
    ];
    let user = given.user.iter().map(|property| Property::User(&property.name, &property.value));
    Properties::from_properties(single.into_iter().flatten().chain(user))
        .map_err(|PropertyTooLong| Error::invalid("properties", "has a value that is longer than 65,535 bytes"))
}

/// An event as the API shows it.
pub(super) fn shown(event: &Event) -> Shown {
    let (payload, payload_encoding) = encode_payload(&event.payload);
    Shown {
        id: event.id.to_string(),
        time: event.time.into(),
        topic: event.topic.to_string(),
        payload,
        payload_encoding,
        qos: event.qos,
        retain: event.retain,
        publisher: event.publisher.to_string(),
        expires_at: event.expires_at.map(Time),
        properties: shown_properties(&event.properties),
    }
}

fn shown_properties(properties: &Properties) -> EventProperties {
    let mut shown = EventProperties::default();
    for property in properties.iter() {
        match property {
            Property::PayloadFormat(format) => shown.payload_is_text = Some(format == 1),
            Property::ContentType(text) => shown.content_type = Some(text.to_owned()),
            Property::ResponseTopic(topic) => shown.response_topic = Some(topic.to_owned()),
            Property::CorrelationData(data) => shown.correlation_data = Some(STANDARD.encode(data)),
            Property::User(name, value) => shown.user.push(UserProperty { name: name.to_owned(), value: value.to_owned() }),
        }
    }
    shown
}

/// A retained message as a row.
pub(super) fn retained(event: &Event) -> Retained {
    Retained {
        topic: event.topic.to_string(),
        payload_bytes: event.payload.len() as u64,
        qos: event.qos,
        publisher: event.publisher.to_string(),
        time: event.time.into(),
        expires_at: event.expires_at.map(Time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Code;

    fn parse(json: &str) -> Result<NewEvent, Error> {
        new_event(serde_json::from_str(json).expect("well-formed event"), &ClientId::new("test"))
    }

    #[test]
    fn properties_reach_the_wire_form_and_come_back() {
        let json = r#"{"topic":"a","payload":"x","properties":{"payload_is_text":true,"content_type":"text/plain","response_topic":"r",
            "correlation_data":"AP8=","user":[{"name":"a","value":"1"},{"name":"a","value":"2"}]}}"#;
        let given: PublishEvent = serde_json::from_str(json).expect("well-formed event");
        let wanted = given.properties.clone();
        let event = new_event(given, &ClientId::new("test")).expect("valid event");
        assert_eq!(shown_properties(&event.properties), wanted);
    }

    #[test]
    fn every_refusal_names_its_field() {
        for (field, json) in [
            ("topic", r#"{"topic":"a/+"}"#),
            ("topic", r#"{"topic":""}"#),
            ("payload", r#"{"topic":"a","payload":1,"payload_encoding":"base64"}"#),
            ("expiry_seconds", r#"{"topic":"a","expiry_seconds":0}"#),
            (
                "properties.payload_is_text",
                r#"{"topic":"a","payload":"/w==","payload_encoding":"base64","properties":{"payload_is_text":true}}"#,
            ),
            ("properties.content_type", r#"{"topic":"a","properties":{"content_type":"a\u0000"}}"#),
            ("properties.response_topic", r##"{"topic":"a","properties":{"response_topic":"#"}}"##),
            ("properties.correlation_data", r#"{"topic":"a","properties":{"correlation_data":"?"}}"#),
            ("properties.user.value", r#"{"topic":"a","properties":{"user":[{"name":"a","value":"\u0000"}]}}"#),
        ] {
            let Error(problem) = parse(json).expect_err(json);
            assert_eq!((problem.code, problem.status, problem.errors[0].field.as_str()), (Code::InvalidRequest, 422, field));
        }
    }

    #[test]
    fn no_payload_is_empty_and_null_is_json() {
        assert!(parse(r#"{"topic":"a"}"#).expect("valid").payload.is_empty());
        assert_eq!(&*parse(r#"{"topic":"a","payload":null}"#).expect("valid").payload, b"null");
    }
}
