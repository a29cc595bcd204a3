use crate::mqtt::packet::{RetainHandling, Subscribe, SubscribeEntry, Unsubscribe, UserProperty, Version};
use crate::mqtt::reason::Reason;
use crate::types::QoS;

use super::error::DecodeError;
use super::property::{PropertyReader, id};
use super::reader::Reader;
use super::writer;

/// SUBSCRIBE (MQTT 5 §3.8).
pub(super) fn decode_subscribe(mut body: Reader<'_>, version: Version) -> Result<Subscribe, DecodeError> {
    let mut subscribe =
        Subscribe { packet_id: body.packet_id()?, entries: Vec::new(), identifier: None, user_properties: Vec::new() };
    if version == Version::V5 {
        let mut properties = PropertyReader::take(&mut body)?;
        while let Some(identifier) = properties.next()? {
            match identifier {
                id::SUBSCRIPTION_IDENTIFIER => match properties.values.variable("subscription identifier cut off")? {
                    0 => return Err(body.protocol_error("subscription identifier 0")),
                    value => subscribe.identifier = Some(value),
                },
                id::USER_PROPERTY => subscribe.user_properties.push(properties.owned_user_property()?),
                _ => return Err(properties.foreign()),
            }
        }
    }
    while !body.is_empty() {
        let filter = body.text("topic filter cut off")?;
        subscribe.entries.push(entry(filter, &mut body, version)?);
    }
    if subscribe.entries.is_empty() {
        return Err(body.protocol_error("no topic filter"));
    }
    Ok(subscribe)
}

/// The subscription options (MQTT 5 §3.8.3.1); version 3 has only the QoS.
fn entry(filter: &str, body: &mut Reader<'_>, version: Version) -> Result<SubscribeEntry, DecodeError> {
    let options = body.byte("no subscription options")?;
    let reserved = if version == Version::V5 { 0b1100_0000 } else { 0b1111_1100 };
    if options & reserved != 0 {
        return Err(body.malformed("reserved bits set in the subscription options"));
    }
    let qos = QoS::try_from(options & 3).map_err(|_| body.malformed("QoS 3"))?;
    let retain_handling = match options >> 4 & 3 {
        0 => RetainHandling::SendAtSubscribe,
        1 => RetainHandling::SendIfNew,
        2 => RetainHandling::DoNotSend,
        _ => return Err(body.protocol_error("retain handling 3")),
    };
    let no_local = options & 0b0100 != 0;
    if no_local && filter.starts_with("$share/") {
        return Err(body.protocol_error("no local on a shared subscription"));
    }
    Ok(SubscribeEntry { filter: filter.into(), qos, no_local, retain_as_published: options & 0b1000 != 0, retain_handling })
}

/// UNSUBSCRIBE (MQTT 5 §3.10).
pub(super) fn decode_unsubscribe(mut body: Reader<'_>, version: Version) -> Result<Unsubscribe, DecodeError> {
    let packet_id = body.packet_id()?;
    let user_properties = if version == Version::V5 { only_user_properties(&mut body)? } else { Vec::new() };
    let mut filters = Vec::new();
    while !body.is_empty() {
        filters.push(body.text("topic filter cut off")?.into());
    }
    if filters.is_empty() {
        return Err(body.protocol_error("no topic filter"));
    }
    Ok(Unsubscribe { packet_id, filters, user_properties })
}

fn only_user_properties(body: &mut Reader<'_>) -> Result<Vec<UserProperty>, DecodeError> {
    let mut found = Vec::new();
    let mut properties = PropertyReader::take(body)?;
    while let Some(identifier) = properties.next()? {
        match identifier {
            id::USER_PROPERTY => found.push(properties.owned_user_property()?),
            _ => return Err(properties.foreign()),
        }
    }
    Ok(found)
}

/// SUBACK (MQTT 5 §3.9). Version 3 knows three grants and one failure.
pub(super) fn encode_suback(packet_id: u16, reasons: &[Reason], text: Option<&str>, version: Version, out: &mut Vec<u8>) {
    let code = |reason: &Reason| if version < Version::V5 && reason.is_error() { 0x80 } else { reason.code() };
    writer::packet(out, 0x90, |out| {
        acknowledge(packet_id, text, version, out);
        out.extend(reasons.iter().map(code));
    });
}

/// UNSUBACK (MQTT 5 §3.11). Version 3 has no codes.
pub(super) fn encode_unsuback(packet_id: u16, reasons: &[Reason], text: Option<&str>, version: Version, out: &mut Vec<u8>) {
    writer::packet(out, 0xB0, |out| {
        acknowledge(packet_id, text, version, out);
        if version == Version::V5 {
            out.extend(reasons.iter().map(|reason| reason.code()));
        }
    });
}

fn acknowledge(packet_id: u16, text: Option<&str>, version: Version, out: &mut Vec<u8>) {
    out.extend_from_slice(&packet_id.to_be_bytes());
    if version == Version::V5 {
        writer::prefixed(out, |out| writer::text_property(out, id::REASON_STRING, text));
    }
}
