use crate::mqtt::packet::{Publish, Version};
use crate::types::QoS;

use super::error::DecodeError;
use super::message_properties::{Carrier, MessageProperties};
use super::property::{PropertyReader, id};
use super::reader::{Reader, variable_size};
use super::writer;

/// PUBLISH (MQTT 5 §3.3). `flags` are the lower four bits of the first byte.
pub(super) fn decode<'a>(
    flags: u8,
    mut body: Reader<'a>,
    version: Version,
    scratch: &'a mut Vec<u8>,
) -> Result<Publish<'a>, DecodeError> {
    let qos = QoS::try_from(flags >> 1 & 3).map_err(|_| body.malformed("QoS 3"))?;
    let dup = flags & 0b1000 != 0;
    if dup && qos == QoS::AtMostOnce {
        return Err(body.malformed("DUP with QoS 0"));
    }
    let topic = body.text("topic name cut off")?;
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { body.packet_id()? };
    let mut publish = Publish {
        dup,
        qos,
        retain: flags & 1 != 0,
        topic,
        packet_id,
        payload: &[],
        topic_alias: 0,
        message_expiry: None,
        subscription_identifiers: &[],
        properties: &[],
    };
    if version == Version::V5 {
        let properties = PropertyReader::take(&mut body)?;
        if !properties.values.is_empty() {
            let properties = MessageProperties::read(properties, Carrier::Publish, scratch)?;
            publish.topic_alias = properties.topic_alias;
            publish.message_expiry = properties.message_expiry;
            publish.properties = properties.end_to_end;
        }
    }
    if topic.is_empty() && publish.topic_alias == 0 {
        return Err(body.protocol_error("neither a topic name nor a topic alias"));
    }
    publish.payload = body.rest();
    Ok(publish)
}

/// Bytes that [`super::encode`] writes for it, fixed header included: what the client's maximum packet size is compared with.
pub fn publish_size(publish: &Publish<'_>, version: Version) -> usize {
    let remaining = remaining_length(publish, version);
    1 + variable_size(u32::try_from(remaining).unwrap_or(u32::MAX)) + remaining
}

pub(super) fn encode(publish: &Publish<'_>, version: Version, out: &mut Vec<u8>) {
    let remaining = remaining_length(publish, version);
    out.reserve(5 + remaining);
    let flags = u8::from(publish.dup) << 3 | u8::from(publish.qos) << 1 | u8::from(publish.retain);
    out.push(0x30 | flags);
    writer::variable(out, remaining);
    writer::block(out, publish.topic.as_bytes());
    if publish.qos != QoS::AtMostOnce {
        out.extend_from_slice(&publish.packet_id.to_be_bytes());
    }
    if version == Version::V5 {
        writer::variable(out, properties_length(publish));
        if publish.topic_alias != 0 {
            writer::two_byte_property(out, id::TOPIC_ALIAS, publish.topic_alias);
        }
        if let Some(seconds) = publish.message_expiry {
            writer::four_byte_property(out, id::MESSAGE_EXPIRY, seconds);
        }
        for &identifier in publish.subscription_identifiers {
            out.push(id::SUBSCRIPTION_IDENTIFIER);
            writer::variable(out, identifier as usize);
        }
        out.extend_from_slice(publish.properties);
    }
    out.extend_from_slice(publish.payload);
}

fn remaining_length(publish: &Publish<'_>, version: Version) -> usize {
    let packet_id = if publish.qos == QoS::AtMostOnce { 0 } else { 2 };
    let properties = if version == Version::V5 {
        let length = properties_length(publish);
        variable_size(u32::try_from(length).unwrap_or(u32::MAX)) + length
    } else {
        0
    };
    2 + publish.topic.len() + packet_id + properties + publish.payload.len()
}

fn properties_length(publish: &Publish<'_>) -> usize {
    let alias = if publish.topic_alias == 0 { 0 } else { 3 };
    let expiry = if publish.message_expiry.is_none() { 0 } else { 5 };
    let identifiers: usize = publish.subscription_identifiers.iter().map(|&identifier| 1 + variable_size(identifier)).sum();
    alias + expiry + identifiers + publish.properties.len()
}
