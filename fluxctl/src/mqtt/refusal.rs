//! What the other end says when it does not want to, as exit codes.

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, PubAckReason, PubRecReason, SubscribeReasonCode};
use rumqttc::v5::{ConnectionError, StateError};

use super::address::Address;
use crate::failure::{Exit, Failure};

/// The connection could not be made, or is lost.
pub fn connection(address: &Address, error: &ConnectionError) -> Failure {
    match error {
        ConnectionError::ConnectionRefused(code) => refused(address, *code),
        ConnectionError::MqttState(StateError::ConnFail { reason }) => refused(address, *reason),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
            let text = reason_string.clone().unwrap_or_else(|| spaced(&format!("{reason_code:?}")));
            Failure::new(Exit::Failed, "disconnected", format!("{address} closed the connection")).cause(text)
        }
        ConnectionError::MqttState(StateError::OutgoingPacketTooLarge { pkt_size, max }) => {
            let failure = Failure::new(Exit::Refused, "packet_too_large", "the event is too large for the server");
            failure.cause(format!("{pkt_size} bytes as a packet, and {address} takes {max}")).hint("raise mqtt.max_packet_size")
        }
        ConnectionError::Timeout(_) => late(address),
        ConnectionError::Tls(error) => untrusted(address, &error.to_string()),
        // What TLS says of a certificate comes as a failed read.
        ConnectionError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => untrusted(address, &error.to_string()),
        ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) => gone(address, &error.to_string()),
        other => gone(address, &other.to_string()),
    }
}

pub fn late(address: &Address) -> Failure {
    Failure::new(Exit::TimedOut, "timeout", format!("{address} did not answer in time"))
        .hint("wait longer with --timeout 30s; an event may have been published all the same")
}

fn gone(address: &Address, cause: &str) -> Failure {
    let failure = Failure::new(Exit::NoEndpoint, "no_endpoint", format!("no MQTT server answers at {address}"));
    failure.cause(cause).hint("name another with --mqtt=mqtt://HOST:PORT; fluxctl nodes list -o wide shows where nodes listen")
}

fn untrusted(address: &Address, cause: &str) -> Failure {
    let failure = Failure::new(Exit::NoEndpoint, "no_endpoint", format!("no trusted MQTT server answers at {address}"));
    failure.cause(cause).hint("name its certificate authority with --ca-file PATH")
}

fn refused(address: &Address, code: ConnectReturnCode) -> Failure {
    use ConnectReturnCode as Code;
    let (exit, hint) = match code {
        Code::BadUserNamePassword | Code::NotAuthorized | Code::Banned | Code::BadAuthenticationMethod => {
            (Exit::NotAllowed, "pass --mqtt-user NAME and the password in FLUX_MQTT_PASSWORD")
        }
        Code::ServerUnavailable | Code::ServiceUnavailable | Code::ServerBusy => (Exit::Unhealthy, "fluxctl cluster status"),
        Code::QuotaExceeded | Code::ConnectionRateExceeded | Code::UseAnotherServer | Code::ServerMoved => {
            (Exit::Refused, "fluxctl alarms list")
        }
        _ => (Exit::Failed, "fluxctl --mqtt speaks MQTT 5"),
    };
    let failure = Failure::new(exit, "connection_refused", format!("{address} refuses the connection"));
    failure.cause(spaced(&format!("{code:?}"))).hint(hint)
}

/// `Ok(true)`: taken, and nobody has subscribed to it.
pub fn acknowledged(reason: PubAckReason) -> Result<bool, Failure> {
    match reason {
        PubAckReason::Success => Ok(false),
        PubAckReason::NoMatchingSubscribers => Ok(true),
        PubAckReason::NotAuthorized => Err(event(Exit::NotAllowed, "not_authorized", "NotAuthorized")),
        PubAckReason::QuotaExceeded => Err(event(Exit::Refused, "quota_exceeded", "QuotaExceeded")),
        PubAckReason::TopicNameInvalid => Err(event(Exit::Usage, "invalid_topic", "TopicNameInvalid")),
        PubAckReason::PayloadFormatInvalid => Err(event(Exit::Usage, "invalid_payload", "PayloadFormatInvalid")),
        other => Err(event(Exit::Failed, "event_refused", &format!("{other:?}"))),
    }
}

pub fn received(reason: PubRecReason) -> Result<bool, Failure> {
    acknowledged(match reason {
        PubRecReason::Success => PubAckReason::Success,
        PubRecReason::NoMatchingSubscribers => PubAckReason::NoMatchingSubscribers,
        PubRecReason::UnspecifiedError => PubAckReason::UnspecifiedError,
        PubRecReason::ImplementationSpecificError => PubAckReason::ImplementationSpecificError,
        PubRecReason::NotAuthorized => PubAckReason::NotAuthorized,
        PubRecReason::TopicNameInvalid => PubAckReason::TopicNameInvalid,
        PubRecReason::PacketIdentifierInUse => PubAckReason::PacketIdentifierInUse,
        PubRecReason::QuotaExceeded => PubAckReason::QuotaExceeded,
        PubRecReason::PayloadFormatInvalid => PubAckReason::PayloadFormatInvalid,
    })
}

/// Of a filter that was not granted.
pub fn subscription(filter: &str, code: SubscribeReasonCode) -> Failure {
    use SubscribeReasonCode as Code;
    let exit = match code {
        Code::NotAuthorized => Exit::NotAllowed,
        Code::TopicFilterInvalid => Exit::Usage,
        Code::QuotaExceeded => Exit::Refused,
        _ => Exit::Failed,
    };
    let failure = Failure::new(exit, "subscription_refused", format!("the server does not grant '{filter}'"));
    failure.cause(spaced(&format!("{code:?}")))
}

fn event(exit: Exit, code: &str, reason: &str) -> Failure {
    Failure::new(exit, code, "the server refuses the event").cause(spaced(reason))
}

/// `NotAuthorized` → `not authorized`.
fn spaced(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            text.push(' ');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_become_the_exit_codes_that_are_promised() {
        let address = Address::parse("mqtt://a").unwrap();
        let exit = |code| refused(&address, code).exit();
        assert_eq!(exit(ConnectReturnCode::NotAuthorized), Exit::NotAllowed);
        assert_eq!(exit(ConnectReturnCode::ServerBusy), Exit::Unhealthy);
        assert_eq!(exit(ConnectReturnCode::QuotaExceeded), Exit::Refused);
        assert!(refused(&address, ConnectReturnCode::ServerMoved).as_text().contains("cause: server moved\n"));
        assert_eq!(acknowledged(PubAckReason::NoMatchingSubscribers), Ok(true));
        assert_eq!(received(PubRecReason::NotAuthorized).unwrap_err().exit(), Exit::NotAllowed);
    }
}
