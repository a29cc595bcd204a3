//! Packets that a server sends.

use super::encode::Publish;
use super::property::Property;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V31 = 3,
    V311 = 4,
    V5 = 5,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnAck {
    pub session_present: bool,
    /// Reason code in version 5, return code before.
    pub code: u8,
    pub properties: Vec<Property>,
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    pub id: u16,
    pub code: u8,
    pub properties: Vec<Property>,
}

/// SUBACK, UNSUBACK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    pub id: u16,
    pub properties: Vec<Property>,
    pub codes: Vec<u8>,
}

/// DISCONNECT, AUTH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub code: u8,
    pub properties: Vec<Property>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    ConnAck(ConnAck),
    Publish(Publish),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    SubAck(Codes),
    UnsubAck(Codes),
    PingResp,
    Disconnect(Reason),
    Auth(Reason),
}

/// The value of a property that may come once, by its variant: `property!(connack.properties, ServerKeepAlive)`.
#[macro_export]
macro_rules! property {
    ($properties:expr, $name:ident) => {
        $properties.iter().find_map(|property| match property {
            $crate::wire::Property::$name(value) => Some(value.clone()),
            _ => None,
        })
    };
}
