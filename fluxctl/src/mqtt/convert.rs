//! Between the API's event and MQTT's PUBLISH.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flux_core::api::{Event, EventProperties, PayloadError, PublishEvent, UserProperty, decode_payload, encode_payload};
use flux_core::types::{QoS, Timestamp};
use rumqttc::v5::mqttbytes::QoS as Wire;
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};

/// An event that cannot be put into a packet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("the payload {0}")]
    Payload(PayloadError),
    #[error("correlation_data is not base64: {0}")]
    Correlation(base64::DecodeError),
}

pub fn on_wire(qos: QoS) -> Wire {
    match qos {
        QoS::AtMostOnce => Wire::AtMostOnce,
        QoS::AtLeastOnce => Wire::AtLeastOnce,
        QoS::ExactlyOnce => Wire::ExactlyOnce,
    }
}

fn from_wire(qos: Wire) -> QoS {
    match qos {
        Wire::AtMostOnce => QoS::AtMostOnce,
        Wire::AtLeastOnce => QoS::AtLeastOnce,
        Wire::ExactlyOnce => QoS::ExactlyOnce,
    }
}

/// What PUBLISH carries of an event that is to be published.
pub fn publish(event: &PublishEvent) -> Result<(Vec<u8>, PublishProperties), Unusable> {
    let payload = match &event.payload {
        Some(payload) => decode_payload(payload.clone(), event.payload_encoding).map_err(Unusable::Payload)?.into_vec(),
        None => Vec::new(),
    };
    let EventProperties { payload_is_text, content_type, response_topic, correlation_data, user } = &event.properties;
    let correlation = correlation_data.as_ref().map(|text| STANDARD.decode(text)).transpose().map_err(Unusable::Correlation)?;
    let properties = PublishProperties {
        payload_format_indicator: payload_is_text.map(u8::from),
        message_expiry_interval: event.expiry_seconds,
        response_topic: response_topic.clone(),
        correlation_data: correlation.map(Into::into),
        content_type: content_type.clone(),
        user_properties: user.iter().map(|property| (property.name.clone(), property.value.clone())).collect(),
        ..PublishProperties::default()
    };
    Ok((payload, properties))
}

/// As `events tail` shows it. MQTT carries neither the id of an event nor its publisher: they are empty; the time is that of arrival.
pub fn event(publish: &Publish, now: Timestamp) -> Event {
    let (payload, payload_encoding) = encode_payload(&publish.payload);
    let properties = publish.properties.clone().unwrap_or_default();
    let expiry = properties.message_expiry_interval.map(|seconds| std::time::Duration::from_secs(seconds.into()));
    let correlation = properties.correlation_data.map(|bytes| STANDARD.encode(bytes));
    Event {
        id: String::new(),
        time: now.into(),
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload,
        payload_encoding,
        qos: from_wire(publish.qos),
        retain: publish.retain,
        publisher: String::new(),
        expires_at: expiry.map(|expiry| now.after(expiry).into()),
        properties: EventProperties {
            payload_is_text: properties.payload_format_indicator.map(|indicator| indicator == 1),
            content_type: properties.content_type,
            response_topic: properties.response_topic,
            correlation_data: correlation,
            user: properties.user_properties.into_iter().map(|(name, value)| UserProperty { name, value }).collect(),
        },
    }
}
