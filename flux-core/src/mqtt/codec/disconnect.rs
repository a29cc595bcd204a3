use crate::mqtt::packet::{Auth, Disconnect};
use crate::mqtt::reason::Reason;

use super::ack::reason;
use super::error::DecodeError;
use super::property::{PropertyReader, id};
use super::reader::Reader;
use super::writer;

/// What a client may give as its reason to leave (MQTT 5 §3.14.2.1 and, for the authentication method, §2.4).
fn is_client_reason(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Success
            | Reason::DisconnectWithWill
            | Reason::Unspecified
            | Reason::MalformedPacket
            | Reason::ProtocolError
            | Reason::ImplementationSpecific
            | Reason::BadAuthenticationMethod
            | Reason::TopicNameInvalid
            | Reason::ReceiveMaximumExceeded
            | Reason::TopicAliasInvalid
            | Reason::PacketTooLarge
            | Reason::MessageRateTooHigh
            | Reason::QuotaExceeded
            | Reason::AdministrativeAction
            | Reason::PayloadFormatInvalid
    )
}

/// What a client may say in AUTH (MQTT 5 §3.15.2.1): success is for the server to say.
fn is_client_authentication(reason: Reason) -> bool {
    matches!(reason, Reason::ContinueAuthentication | Reason::ReAuthenticate)
}

/// DISCONNECT of version 5 (§3.14). Without a body it is a normal disconnection.
pub(super) fn decode_disconnect(mut body: Reader<'_>) -> Result<Disconnect, DecodeError> {
    let mut disconnect =
        Disconnect { reason: Reason::Success, session_expiry: None, reason_string: None, server_reference: None };
    if body.is_empty() {
        return Ok(disconnect);
    }
    disconnect.reason = reason(&mut body, is_client_reason)?;
    if body.is_empty() {
        return Ok(disconnect);
    }
    let mut properties = PropertyReader::take(&mut body)?;
    while let Some(identifier) = properties.next()? {
        let values = &mut properties.values;
        match identifier {
            id::SESSION_EXPIRY => disconnect.session_expiry = Some(values.four_bytes("session expiry cut off")?),
            id::REASON_STRING => disconnect.reason_string = Some(values.text("reason string cut off")?.into()),
            id::SERVER_REFERENCE => return Err(values.protocol_error("a server reference from a client")),
            id::USER_PROPERTY => properties.user_property().map(drop)?,
            _ => return Err(properties.foreign()),
        }
    }
    body.end()?;
    Ok(disconnect)
}

/// AUTH (MQTT 5 §3.15).
pub(super) fn decode_auth(mut body: Reader<'_>) -> Result<Auth, DecodeError> {
    if body.is_empty() {
        return Err(body.protocol_error("success is for the server to say"));
    }
    let reason = reason(&mut body, is_client_authentication)?;
    let mut auth = Auth { reason, method: None, data: None, reason_string: None };
    let mut properties = PropertyReader::take(&mut body)?;
    while let Some(identifier) = properties.next()? {
        let values = &mut properties.values;
        match identifier {
            id::AUTHENTICATION_METHOD => auth.method = Some(values.text("authentication method cut off")?.into()),
            id::AUTHENTICATION_DATA => auth.data = Some(values.binary("authentication data cut off")?.into()),
            id::REASON_STRING => auth.reason_string = Some(values.text("reason string cut off")?.into()),
            id::USER_PROPERTY => properties.user_property().map(drop)?,
            _ => return Err(properties.foreign()),
        }
    }
    body.end()?;
    if auth.method.is_none() {
        return Err(body.protocol_error("no authentication method"));
    }
    Ok(auth)
}

pub(super) fn encode_disconnect(disconnect: &Disconnect, out: &mut Vec<u8>) {
    writer::packet(out, 0xE0, |out| {
        let Disconnect { reason, session_expiry: _, reason_string, server_reference } = disconnect;
        let bare = reason_string.is_none() && server_reference.is_none();
        if bare && *reason == Reason::Success {
            return;
        }
        out.push(reason.code());
        if !bare {
            writer::prefixed(out, |out| {
                writer::text_property(out, id::REASON_STRING, reason_string.as_deref());
                writer::text_property(out, id::SERVER_REFERENCE, server_reference.as_deref());
            });
        }
    });
}

pub(super) fn encode_auth(auth: &Auth, out: &mut Vec<u8>) {
    writer::packet(out, 0xF0, |out| {
        out.push(auth.reason.code());
        writer::prefixed(out, |out| {
            writer::text_property(out, id::AUTHENTICATION_METHOD, auth.method.as_deref());
            writer::binary_property(out, id::AUTHENTICATION_DATA, auth.data.as_deref());
            writer::text_property(out, id::REASON_STRING, auth.reason_string.as_deref());
        });
    });
}
