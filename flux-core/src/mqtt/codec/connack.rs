use crate::mqtt::packet::{ConnAck, Version};
use crate::mqtt::reason::Reason;
use crate::types::QoS;

use super::property::id;
use super::writer;

/// CONNACK (MQTT 5 §3.2).
pub(super) fn encode(connack: &ConnAck, version: Version, out: &mut Vec<u8>) {
    // No session is present where there is no connection ([MQTT-3.2.2-6]).
    let session_present = u8::from(connack.session_present && connack.reason == Reason::Success);
    match version {
        // The byte is reserved in 3.1.
        Version::V31 => encode_version_3(0, connack.reason, out),
        Version::V311 => encode_version_3(session_present, connack.reason, out),
        Version::V5 => writer::packet(out, 0x20, |out| {
            out.extend_from_slice(&[session_present, connack.reason.code()]);
            writer::prefixed(out, |out| properties(connack, out));
        }),
    }
}

fn encode_version_3(session_present: u8, reason: Reason, out: &mut Vec<u8>) {
    if let Some(code) = return_code(reason) {
        out.extend_from_slice(&[0x20, 2, session_present, code]);
    }
}

/// The return code of version 3 (MQTT 3.1.1 §3.2.2.3). `None` where none applies: then the connection is closed without CONNACK ([MQTT-3.2.2-6] of 3.1.1).
fn return_code(reason: Reason) -> Option<u8> {
    match reason {
        Reason::Success => Some(0),
        Reason::UnsupportedProtocolVersion => Some(1),
        Reason::ClientIdentifierNotValid => Some(2),
        Reason::ServerUnavailable
        | Reason::ServerBusy
        | Reason::ServerShuttingDown
        | Reason::QuotaExceeded
        | Reason::ConnectionRateExceeded
        | Reason::UseAnotherServer
        | Reason::ServerMoved => Some(3),
        Reason::BadUserNameOrPassword => Some(4),
        Reason::NotAuthorized | Reason::Banned => Some(5),
        _ => None,
    }
}

/// What is available by default (wildcards, shared subscriptions, subscription identifiers) is always available here, so nothing is said of it.
fn properties(connack: &ConnAck, out: &mut Vec<u8>) {
    if let Some(seconds) = connack.session_expiry {
        writer::four_byte_property(out, id::SESSION_EXPIRY, seconds);
    }
    if let Some(messages) = connack.receive_maximum {
        writer::two_byte_property(out, id::RECEIVE_MAXIMUM, messages);
    }
    if let Some(qos) = connack.maximum_qos.filter(|&qos| qos != QoS::ExactlyOnce) {
        writer::byte_property(out, id::MAXIMUM_QOS, qos.into());
    }
    if let Some(available) = connack.retain_available {
        writer::byte_property(out, id::RETAIN_AVAILABLE, available.into());
    }
    if let Some(bytes) = connack.maximum_packet_size {
        writer::four_byte_property(out, id::MAXIMUM_PACKET_SIZE, bytes);
    }
    writer::text_property(out, id::ASSIGNED_CLIENT_ID, connack.assigned_client_id.as_deref());
    if connack.topic_alias_maximum != 0 {
        writer::two_byte_property(out, id::TOPIC_ALIAS_MAXIMUM, connack.topic_alias_maximum);
    }
    writer::text_property(out, id::REASON_STRING, connack.reason_string.as_deref());
    if let Some(seconds) = connack.server_keep_alive {
        writer::two_byte_property(out, id::SERVER_KEEP_ALIVE, seconds);
    }
    writer::text_property(out, id::RESPONSE_INFORMATION, connack.response_information.as_deref());
    writer::text_property(out, id::SERVER_REFERENCE, connack.server_reference.as_deref());
    writer::text_property(out, id::AUTHENTICATION_METHOD, connack.authentication_method.as_deref());
    writer::binary_property(out, id::AUTHENTICATION_DATA, connack.authentication_data.as_deref());
    writer::user_properties(out, &connack.user_properties);
}
