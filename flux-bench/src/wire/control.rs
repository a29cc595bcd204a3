use std::num::NonZeroU16;

use bytes::BytesMut;
use rmqtt_codec::types::{Protocol as Level, QoS};
use rmqtt_codec::{v3, v5};
use tokio_util::codec::{Decoder, Encoder};

use super::{Protocol, reason};

/// What a connection is opened with.
#[derive(Debug, Clone)]
pub struct Login {
    pub protocol: Protocol,
    /// Seconds.
    pub keep_alive: u16,
    /// A session that outlives its connection: clean session 0, or in MQTT 5 an expiry.
    pub persistent: bool,
    /// Seconds that a persistent session is kept (MQTT 5): long enough for every drill, not for ever.
    pub session_expiry: u32,
    pub username: Option<String>,
    pub password: Option<String>,
}

impl Default for Login {
    /// MQTT 3.1.1, a clean session, nobody in particular.
    fn default() -> Self {
        Self { protocol: Protocol::V4, keep_alive: 60, persistent: false, session_expiry: 3_600, username: None, password: None }
    }
}

/// What the server grants in CONNACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// How many QoS 1 and 2 messages may be unacknowledged (MQTT 5 §3.2.2.3.3); 65,535 in version 3.
    pub receive_maximum: u16,
    pub maximum_qos: u8,
    /// The server has kept the session of this client.
    pub session_present: bool,
    pub retain_available: bool,
    /// Bytes.
    pub maximum_packet_size: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    #[error("the server refused the connection: {reason} (code {code})")]
    Refused { code: u8, reason: String },
    #[error("the server refused the subscription to {filter}: {} (code {code:#04x})", reason::words(*code))]
    SubscriptionRefused { filter: String, code: u8 },
    #[error("the server granted QoS {granted} to {filter} where QoS {wanted} was asked")]
    LowerQos { filter: String, wanted: u8, granted: u8 },
    #[error("the server answered with another packet: {0}")]
    Unexpected(String),
    #[error("the server's answer could not be read: {0}")]
    Malformed(String),
}

pub const PING: [u8; 2] = [0xc0, 0x00];

/// CONNECT.
pub fn connect(login: &Login, client_id: &str) -> BytesMut {
    match login.protocol {
        Protocol::V4 => encode_v3(v3::Packet::from(v3::Connect {
            protocol: Level(4),
            clean_session: !login.persistent,
            keep_alive: login.keep_alive,
            client_id: client_id.to_owned().into(),
            username: login.username.clone().map(Into::into),
            password: login.password.clone().map(Into::into),
            ..Default::default()
        })),
        Protocol::V5 => encode_v5(v5::Packet::from(v5::Connect {
            clean_start: !login.persistent,
            keep_alive: login.keep_alive,
            session_expiry_interval_secs: if login.persistent { login.session_expiry } else { 0 },
            client_id: client_id.to_owned().into(),
            username: login.username.clone().map(Into::into),
            password: login.password.clone().map(Into::into),
            ..Default::default()
        })),
    }
}

/// Reads CONNACK.
pub fn connack(protocol: Protocol, frame: &[u8]) -> Result<Granted, ControlError> {
    match protocol {
        Protocol::V4 => match decode_v3(frame)? {
            v3::Packet::ConnectAck(ack) if ack.return_code == v3::ConnectAckReason::ConnectionAccepted => Ok(Granted {
                receive_maximum: u16::MAX,
                maximum_qos: 2,
                session_present: ack.session_present,
                retain_available: true,
                maximum_packet_size: None,
            }),
            v3::Packet::ConnectAck(ack) => Err(ControlError::Refused {
                code: ack.return_code.into(),
                reason: ack.return_code.reason().trim_start_matches("Connection Refused, ").to_owned(),
            }),
            other => Err(ControlError::Unexpected(format!("{other:?}"))),
        },
        Protocol::V5 => match decode_v5(frame)? {
            v5::Packet::ConnectAck(ack) if ack.reason_code == v5::ConnectAckReason::Success => Ok(Granted {
                receive_maximum: ack.receive_max.get(),
                maximum_qos: ack.max_qos.value(),
                session_present: ack.session_present,
                retain_available: ack.retain_available,
                maximum_packet_size: ack.max_packet_size,
            }),
            v5::Packet::ConnectAck(ack) => Err(ControlError::Refused {
                code: ack.reason_code.into(),
                reason: explained(reason::words(ack.reason_code.into()), ack.reason_string.as_deref()),
            }),
            v5::Packet::Disconnect(packet) => {
                let code = packet.reason_code.into();
                Err(ControlError::Refused { code, reason: explained(reason::words(code), packet.reason_string.as_deref()) })
            }
            other => Err(ControlError::Unexpected(format!("{other:?}"))),
        },
    }
}

/// SUBSCRIBE to every filter at one QoS.
pub fn subscribe(protocol: Protocol, packet_id: NonZeroU16, filters: &[String], qos: u8) -> BytesMut {
    let qos = QoS::try_from(qos).expect("the command line admits 0, 1 and 2");
    match protocol {
        Protocol::V4 => {
            let topic_filters = filters.iter().map(|filter| (filter.clone().into(), qos)).collect();
            encode_v3(v3::Packet::Subscribe { packet_id, topic_filters })
        }
        Protocol::V5 => {
            let options = v5::SubscriptionOptions { qos, ..Default::default() };
            let topic_filters = filters.iter().map(|filter| (filter.clone().into(), options)).collect();
            encode_v5(v5::Packet::Subscribe(v5::Subscribe { packet_id, id: None, user_properties: vec![], topic_filters }))
        }
    }
}

/// Reads SUBACK and wants every filter granted as asked.
pub fn suback(protocol: Protocol, frame: &[u8], filters: &[String], qos: u8) -> Result<(), ControlError> {
    let codes: Vec<u8> = match protocol {
        Protocol::V4 => match decode_v3(frame)? {
            v3::Packet::SubscribeAck { status, .. } => status
                .into_iter()
                .map(|code| match code {
                    v3::SubscribeReturnCode::Success(granted) => granted.value(),
                    v3::SubscribeReturnCode::Failure => 0x80,
                })
                .collect(),
            other => return Err(ControlError::Unexpected(format!("{other:?}"))),
        },
        Protocol::V5 => match decode_v5(frame)? {
            v5::Packet::SubscribeAck(ack) => ack.status.into_iter().map(u8::from).collect(),
            other => return Err(ControlError::Unexpected(format!("{other:?}"))),
        },
    };
    if codes.len() != filters.len() {
        return Err(ControlError::Malformed(format!("SUBACK has {} codes for {} filters", codes.len(), filters.len())));
    }
    for (filter, code) in filters.iter().zip(codes) {
        if code >= 0x80 {
            return Err(ControlError::SubscriptionRefused { filter: filter.clone(), code });
        }
        if code < qos {
            return Err(ControlError::LowerQos { filter: filter.clone(), wanted: qos, granted: code });
        }
    }
    Ok(())
}

/// DISCONNECT; `forget` ends a persistent session too, in MQTT 5.
pub fn disconnect(protocol: Protocol, forget: bool) -> BytesMut {
    match protocol {
        Protocol::V4 => encode_v3(v3::Packet::Disconnect),
        Protocol::V5 => {
            let session_expiry_interval_secs = forget.then_some(0);
            encode_v5(v5::Packet::Disconnect(v5::Disconnect { session_expiry_interval_secs, ..Default::default() }))
        }
    }
}

/// Why the server closed the connection, from its DISCONNECT (MQTT 5 only).
pub fn farewell(frame: &[u8]) -> String {
    match decode_v5(frame) {
        Ok(v5::Packet::Disconnect(packet)) => {
            let code = u8::from(packet.reason_code);
            let why = explained(reason::words(code), packet.reason_string.as_deref());
            format!("the server sent DISCONNECT: {why} (code {code:#04x})")
        }
        _ => "the server sent a DISCONNECT that could not be read".to_owned(),
    }
}

/// The code's meaning, and what the server had to say beside it.
fn explained(meaning: &str, said: Option<&str>) -> String {
    match said.filter(|said| !said.is_empty()) {
        Some(said) => format!("{meaning}, {said}"),
        None => meaning.to_owned(),
    }
}

fn encode_v3(packet: v3::Packet) -> BytesMut {
    let mut out = BytesMut::new();
    v3::Codec::new(0).encode(packet, &mut out).expect("a packet built here is well formed");
    out
}

fn encode_v5(packet: v5::Packet) -> BytesMut {
    let mut out = BytesMut::new();
    v5::Codec::new(0, 0).encode(packet, &mut out).expect("a packet built here is well formed");
    out
}

fn decode_v3(frame: &[u8]) -> Result<v3::Packet, ControlError> {
    match v3::Codec::new(0).decode(&mut BytesMut::from(frame)) {
        Ok(Some((packet, _))) => Ok(packet),
        Ok(None) => Err(ControlError::Malformed("the packet is cut".to_owned())),
        Err(error) => Err(ControlError::Malformed(error.to_string())),
    }
}

fn decode_v5(frame: &[u8]) -> Result<v5::Packet, ControlError> {
    match v5::Codec::new(0, 0).decode(&mut BytesMut::from(frame)) {
        Ok(Some((packet, _))) => Ok(packet),
        Ok(None) => Err(ControlError::Malformed("the packet is cut".to_owned())),
        Err(error) => Err(ControlError::Malformed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_reason() {
        let refused = connack(Protocol::V4, &[0x20, 2, 0, 5]).unwrap_err();
        assert_eq!(refused, ControlError::Refused { code: 5, reason: "not authorized".to_owned() });
    }

    #[test]
    fn in_version_5_a_refusal_names_the_code_and_what_the_server_says() {
        let refused = connack(Protocol::V5, &[0x20, 8, 0, 0x86, 5, 0x1f, 0, 2, b'n', b'o']).unwrap_err();
        assert_eq!(refused, ControlError::Refused { code: 0x86, reason: "bad user name or password, no".to_owned() });
        assert_eq!(farewell(&[0xe0, 2, 0x8e, 0]), "the server sent DISCONNECT: session taken over (code 0x8e)");
    }

    #[test]
    fn a_persistent_session_of_version_5_says_how_long_it_is_kept() {
        let login = Login { protocol: Protocol::V5, persistent: true, session_expiry: 77, ..Default::default() };
        let Ok(v5::Packet::Connect(packet)) = decode_v5(&connect(&login, "c")) else { panic!("a CONNECT") };
        assert_eq!((packet.clean_start, packet.session_expiry_interval_secs), (false, 77));
    }

    #[test]
    fn a_refused_or_weakened_subscription_is_an_error() {
        let filters = ["a".to_owned(), "b".to_owned()];
        assert_eq!(suback(Protocol::V4, &[0x90, 4, 0, 1, 1, 1], &filters, 1), Ok(()));
        assert!(matches!(
            suback(Protocol::V4, &[0x90, 4, 0, 1, 1, 0x80], &filters, 1),
            Err(ControlError::SubscriptionRefused { .. })
        ));
        assert!(matches!(suback(Protocol::V4, &[0x90, 4, 0, 1, 1, 0], &filters, 1), Err(ControlError::LowerQos { .. })));
    }
}
