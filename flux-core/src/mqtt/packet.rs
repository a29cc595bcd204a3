//! MQTT control packets, one model for 3.1, 3.1.1 and 5.0. What borrows (`'a`) borrows from the read buffer: decoding a PUBLISH copies nothing.
//! Fields that a version does not have are absent (`None`, empty) when decoded from it and left out when encoded for it.

use crate::types::{Properties, QoS};

use super::reason::Reason;

/// The protocol level of CONNECT (MQTT 5 §3.1.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Version {
    V31 = 3,
    V311 = 4,
    V5 = 5,
}

/// A user property: name and value (MQTT 5 §2.2.2.2).
pub type UserProperty = (Box<str>, Box<str>);

/// From client to server.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming<'a> {
    Connect(Box<Connect>),
    Publish(Publish<'a>),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    PingReq,
    Disconnect(Disconnect),
    Auth(Auth),
}

/// From server to client.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing<'a> {
    ConnAck(Box<ConnAck>),
    Publish(Publish<'a>),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    SubAck { packet_id: u16, reasons: Vec<Reason>, reason_string: Option<Box<str>> },
    UnsubAck { packet_id: u16, reasons: Vec<Reason>, reason_string: Option<Box<str>> },
    PingResp,
    Disconnect(Disconnect),
    Auth(Auth),
}

impl Incoming<'_> {
    /// As the specification writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Incoming::Connect(_) => "CONNECT",
            Incoming::Publish(_) => "PUBLISH",
            Incoming::PubAck(_) => "PUBACK",
            Incoming::PubRec(_) => "PUBREC",
            Incoming::PubRel(_) => "PUBREL",
            Incoming::PubComp(_) => "PUBCOMP",
            Incoming::Subscribe(_) => "SUBSCRIBE",
            Incoming::Unsubscribe(_) => "UNSUBSCRIBE",
            Incoming::PingReq => "PINGREQ",
            Incoming::Disconnect(_) => "DISCONNECT",
            Incoming::Auth(_) => "AUTH",
        }
    }

    pub fn reason(&self) -> Option<Reason> {
        match self {
            Incoming::PubAck(ack) | Incoming::PubRec(ack) | Incoming::PubRel(ack) | Incoming::PubComp(ack) => Some(ack.reason),
            Incoming::Disconnect(disconnect) => Some(disconnect.reason),
            Incoming::Auth(auth) => Some(auth.reason),
            _ => None,
        }
    }
}

impl Outgoing<'_> {
    /// Without its reason string, if it has one: what is sent when it would not fit [MQTT-3.4.2-2], [MQTT-3.14.2-3] and their like.
    pub fn without_reason_string(&self) -> Option<Outgoing<'static>> {
        let bare = |ack: &Ack| ack.reason_string.is_some().then(|| Ack { reason_string: None, ..ack.clone() });
        match self {
            Outgoing::PubAck(ack) => bare(ack).map(Outgoing::PubAck),
            Outgoing::PubRec(ack) => bare(ack).map(Outgoing::PubRec),
            Outgoing::PubRel(ack) => bare(ack).map(Outgoing::PubRel),
            Outgoing::PubComp(ack) => bare(ack).map(Outgoing::PubComp),
            Outgoing::Disconnect(disconnect) if disconnect.reason_string.is_some() => {
                Some(Outgoing::Disconnect(Disconnect { reason_string: None, ..disconnect.clone() }))
            }
            _ => None,
        }
    }

    /// As the specification writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Outgoing::ConnAck(_) => "CONNACK",
            Outgoing::Publish(_) => "PUBLISH",
            Outgoing::PubAck(_) => "PUBACK",
            Outgoing::PubRec(_) => "PUBREC",
            Outgoing::PubRel(_) => "PUBREL",
            Outgoing::PubComp(_) => "PUBCOMP",
            Outgoing::SubAck { .. } => "SUBACK",
            Outgoing::UnsubAck { .. } => "UNSUBACK",
            Outgoing::PingResp => "PINGRESP",
            Outgoing::Disconnect(_) => "DISCONNECT",
            Outgoing::Auth(_) => "AUTH",
        }
    }

    pub fn reason(&self) -> Option<Reason> {
        match self {
            Outgoing::PubAck(ack) | Outgoing::PubRec(ack) | Outgoing::PubRel(ack) | Outgoing::PubComp(ack) => Some(ack.reason),
            Outgoing::ConnAck(connack) => Some(connack.reason),
            Outgoing::Disconnect(disconnect) => Some(disconnect.reason),
            Outgoing::Auth(auth) => Some(auth.reason),
            _ => None,
        }
    }
}

/// CONNECT (MQTT 5 §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    pub version: Version,
    /// Clean start; in version 3 clean session.
    pub clean_start: bool,
    /// Seconds; 0 turns the mechanism off.
    pub keep_alive: u16,
    pub client_id: Box<str>,
    pub username: Option<Box<str>>,
    pub password: Option<Box<[u8]>>,
    pub will: Option<Will>,
    /// Seconds; absent means 0, `u32::MAX` never.
    pub session_expiry: Option<u32>,
    /// Not 0.
    pub receive_maximum: Option<u16>,
    /// Not 0.
    pub maximum_packet_size: Option<u32>,
    pub topic_alias_maximum: u16,
    pub request_response_information: bool,
    /// True unless the client says otherwise.
    pub request_problem_information: bool,
    pub authentication_method: Option<Box<str>>,
    pub authentication_data: Option<Box<[u8]>>,
    pub user_properties: Vec<UserProperty>,
}

/// The will of a CONNECT (MQTT 5 §3.1.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    pub topic: Box<str>,
    pub payload: Box<[u8]>,
    pub qos: QoS,
    pub retain: bool,
    /// Seconds.
    pub delay: u32,
    /// Seconds.
    pub message_expiry: Option<u32>,
    pub properties: Properties,
}

/// CONNACK (MQTT 5 §3.2). In version 3 only `session_present` and the return code that `reason` maps to are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnAck {
    pub session_present: bool,
    pub reason: Reason,
    pub session_expiry: Option<u32>,
    pub receive_maximum: Option<u16>,
    /// Left out when 2: absence means 2.
    pub maximum_qos: Option<QoS>,
    pub retain_available: Option<bool>,
    pub maximum_packet_size: Option<u32>,
    pub assigned_client_id: Option<Box<str>>,
    pub topic_alias_maximum: u16,
    pub reason_string: Option<Box<str>>,
    pub server_keep_alive: Option<u16>,
    pub response_information: Option<Box<str>>,
    pub server_reference: Option<Box<str>>,
    pub authentication_method: Option<Box<str>>,
    pub authentication_data: Option<Box<[u8]>>,
    pub user_properties: Vec<UserProperty>,
}

/// PUBLISH (MQTT 5 §3.3), in either direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish<'a> {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    /// Empty when only the alias names it. Valid UTF-8 without U+0000; whether it is a valid topic is for the session to say.
    pub topic: &'a str,
    /// 0 with QoS 0 and only then.
    pub packet_id: u16,
    pub payload: &'a [u8],
    /// 0 when absent: the specification forbids the value 0 ([MQTT-3.3.2-8]).
    pub topic_alias: u16,
    /// Seconds.
    pub message_expiry: Option<u32>,
    /// Server to client only.
    pub subscription_identifiers: &'a [u32],
    /// The end-to-end properties as whole encoded properties, in their order: what `Properties::from_wire` takes.
    pub properties: &'a [u8],
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP (MQTT 5 §3.4–3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Not 0.
    pub packet_id: u16,
    pub reason: Reason,
    pub reason_string: Option<Box<str>>,
}

/// SUBSCRIBE (MQTT 5 §3.8). At least one entry. Filters are UTF-8 without U+0000; whether they are valid filters is for the session to say,
/// entry by entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    pub packet_id: u16,
    pub entries: Vec<SubscribeEntry>,
    /// 1 to 268,435,455.
    pub identifier: Option<u32>,
    pub user_properties: Vec<UserProperty>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeEntry {
    pub filter: Box<str>,
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub retain_handling: RetainHandling,
}

/// When retained messages are sent (MQTT 5 §3.8.3.1). Version 3 always says `SendAtSubscribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    SendAtSubscribe = 0,
    SendIfNew = 1,
    DoNotSend = 2,
}

/// UNSUBSCRIBE (MQTT 5 §3.10). At least one filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    pub packet_id: u16,
    pub filters: Vec<Box<str>>,
    pub user_properties: Vec<UserProperty>,
}

/// DISCONNECT (MQTT 5 §3.14), in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    pub reason: Reason,
    /// Client to server only.
    pub session_expiry: Option<u32>,
    pub reason_string: Option<Box<str>>,
    /// Server to client only.
    pub server_reference: Option<Box<str>>,
}

/// AUTH (MQTT 5 §3.15), in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    pub reason: Reason,
    pub method: Option<Box<str>>,
    pub data: Option<Box<[u8]>>,
    pub reason_string: Option<Box<str>>,
}
