use crate::mqtt::packet::{Ack, Version};
use crate::mqtt::reason::Reason;

use super::error::DecodeError;
use super::property::{PropertyReader, id};
use super::reader::Reader;
use super::writer;

/// PUBACK and PUBREC (MQTT 5 §3.4.2.1, §3.5.2.1).
pub(super) fn is_publish_reason(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Success
            | Reason::NoMatchingSubscribers
            | Reason::Unspecified
            | Reason::ImplementationSpecific
            | Reason::NotAuthorized
            | Reason::TopicNameInvalid
            | Reason::PacketIdentifierInUse
            | Reason::QuotaExceeded
            | Reason::PayloadFormatInvalid
    )
}

/// PUBREL and PUBCOMP (MQTT 5 §3.6.2.1, §3.7.2.1).
pub(super) fn is_release_reason(reason: Reason) -> bool {
    matches!(reason, Reason::Success | Reason::PacketIdentifierNotFound)
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP: they differ in the reasons they may give.
pub(super) fn decode(mut body: Reader<'_>, version: Version, allowed: fn(Reason) -> bool) -> Result<Ack, DecodeError> {
    let mut ack = Ack { packet_id: body.packet_id()?, reason: Reason::Success, reason_string: None };
    if version == Version::V5 && !body.is_empty() {
        ack.reason = reason(&mut body, allowed)?;
        if !body.is_empty() {
            ack.reason_string = reason_string(PropertyReader::take(&mut body)?)?;
        }
    }
    body.end()?;
    Ok(ack)
}

/// A reason code that the packet may carry.
pub(super) fn reason(body: &mut Reader<'_>, allowed: fn(Reason) -> bool) -> Result<Reason, DecodeError> {
    let code = body.byte("no reason code")?;
    let reason = Reason::from_code(code).filter(|&reason| allowed(reason));
    reason.ok_or_else(|| body.protocol_error("a reason code that does not belong here"))
}

fn reason_string(mut properties: PropertyReader<'_>) -> Result<Option<Box<str>>, DecodeError> {
    let mut reason_string = None;
    while let Some(identifier) = properties.next()? {
        match identifier {
            id::REASON_STRING => reason_string = Some(properties.values.text("reason string cut off")?.into()),
            id::USER_PROPERTY => properties.user_property().map(drop)?,
            _ => return Err(properties.foreign()),
        }
    }
    Ok(reason_string)
}

pub(super) fn encode(first: u8, ack: &Ack, version: Version, out: &mut Vec<u8>) {
    let [high, low] = ack.packet_id.to_be_bytes();
    match (version, ack.reason, ack.reason_string.as_deref()) {
        (Version::V31 | Version::V311, ..) | (Version::V5, Reason::Success, None) => {
            out.extend_from_slice(&[first, 2, high, low])
        }
        (Version::V5, reason, None) => out.extend_from_slice(&[first, 3, high, low, reason.code()]),
        (Version::V5, reason, text) => writer::packet(out, first, |out| {
            out.extend_from_slice(&[high, low, reason.code()]);
            writer::prefixed(out, |out| writer::text_property(out, id::REASON_STRING, text));
        }),
    }
}
