use crate::mqtt::reason::Reason;

/// Why bytes are not a packet a client may send. The connection ends with [`DecodeError::reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes cannot be read as the packet they claim to be.
    #[error("malformed {packet}: {what}")]
    Malformed { packet: &'static str, what: &'static str },
    /// The bytes can be read and say something that is not allowed.
    #[error("protocol error in {packet}: {what}")]
    Protocol { packet: &'static str, what: &'static str },
    /// Of the whole packet, fixed header included.
    #[error("a packet of {size} bytes, but the maximum packet size here is {maximum}")]
    TooLarge { size: u32, maximum: u32 },
    #[error("PUBLISH with topic alias 0; aliases begin at 1")]
    TopicAlias,
    /// Answered by CONNACK in the form of version 5 for a level above 5, in that of version 3 for one below ([MQTT-3.1.2-2]).
    #[error("protocol level {level} of {name} is not known; this server speaks MQIsdp 3, MQTT 4 and MQTT 5")]
    UnsupportedVersion { name: &'static str, level: u8 },
}

impl DecodeError {
    /// What CONNACK or DISCONNECT say of it.
    pub fn reason(&self) -> Reason {
        match self {
            DecodeError::Malformed { .. } => Reason::MalformedPacket,
            DecodeError::Protocol { .. } => Reason::ProtocolError,
            DecodeError::TooLarge { .. } => Reason::PacketTooLarge,
            DecodeError::TopicAlias => Reason::TopicAliasInvalid,
            DecodeError::UnsupportedVersion { .. } => Reason::UnsupportedProtocolVersion,
        }
    }
}
