use crate::mqtt::packet::{Connect, Version, Will};
use crate::types::{Properties, QoS};

use super::error::DecodeError;
use super::frame::Frame;
use super::message_properties::{Carrier, MessageProperties};
use super::property::{PropertyReader, id};
use super::reader::Reader;

/// Connect flags (MQTT 5 §3.1.2.3).
mod flag {
    pub const RESERVED: u8 = 1;
    pub const CLEAN_START: u8 = 1 << 1;
    pub const WILL: u8 = 1 << 2;
    pub const WILL_QOS: u8 = 3 << 3;
    pub const WILL_RETAIN: u8 = 1 << 5;
    pub const PASSWORD: u8 = 1 << 6;
    pub const USER_NAME: u8 = 1 << 7;
}

/// The version a CONNECT is written in, read before the rest: it says how to answer when the rest is wrong.
pub fn connect_version(frame: &[u8]) -> Result<Version, DecodeError> {
    open(frame).map(|(version, _)| version)
}

/// The first packet of a connection; says the version. Anything but CONNECT is a protocol error ([MQTT-3.1.0-1]).
pub fn decode_connect(frame: &[u8]) -> Result<Connect, DecodeError> {
    let (version, mut body) = open(frame)?;
    let flags = body.byte("no connect flags")?;
    check_flags(flags, version, &body)?;
    let mut connect = Connect {
        version,
        clean_start: flags & flag::CLEAN_START != 0,
        keep_alive: body.two_bytes("no keep alive")?,
        client_id: Box::default(),
        username: None,
        password: None,
        will: None,
        session_expiry: None,
        receive_maximum: None,
        maximum_packet_size: None,
        topic_alias_maximum: 0,
        request_response_information: false,
        request_problem_information: true,
        authentication_method: None,
        authentication_data: None,
        user_properties: Vec::new(),
    };
    if version == Version::V5 {
        read_properties(&mut connect, PropertyReader::take(&mut body)?)?;
    }
    connect.client_id = body.text("client identifier cut off")?.into();
    if flags & flag::WILL != 0 {
        connect.will = Some(will(flags, &mut body, version)?);
    }
    // In MQTT 3.1 the remaining length has precedence over the two flags (§3.1, "User name and password flags").
    let may_be_missing = |body: &Reader<'_>| version == Version::V31 && body.is_empty();
    if flags & flag::USER_NAME != 0 && !may_be_missing(&body) {
        connect.username = Some(body.text("user name cut off")?.into());
    }
    if flags & flag::PASSWORD != 0 && !may_be_missing(&body) {
        connect.password = Some(body.binary("password cut off")?.into());
    }
    body.end()?;
    Ok(connect)
}

/// Fixed header, protocol name and protocol level; the reader stands at the connect flags.
fn open(frame: &[u8]) -> Result<(Version, Reader<'_>), DecodeError> {
    let frame = Frame::split(frame)?;
    let mut body = Reader::new("CONNECT", frame.body);
    match frame.first {
        0x10 => {}
        0x11..=0x1F => return Err(body.malformed("reserved flags set in the fixed header")),
        _ => return Err(DecodeError::Protocol { packet: "the first packet", what: "it is not CONNECT" }),
    }
    let name = match body.binary("protocol name cut off")? {
        b"MQTT" => "MQTT",
        b"MQIsdp" => "MQIsdp",
        _ => return Err(body.protocol_error("a protocol name that is neither MQTT nor MQIsdp")),
    };
    let version = match (name, body.byte("no protocol level")?) {
        ("MQIsdp", 3) => Version::V31,
        ("MQTT", 4) => Version::V311,
        ("MQTT", 5) => Version::V5,
        (name, level) => return Err(DecodeError::UnsupportedVersion { name, level }),
    };
    if version == Version::V5 {
        frame.demand_shortest("CONNECT")?;
    }
    Ok((version, body))
}

fn check_flags(flags: u8, version: Version, body: &Reader<'_>) -> Result<(), DecodeError> {
    if flags & flag::RESERVED != 0 {
        return Err(body.malformed("the reserved connect flag is set"));
    }
    if flags & flag::WILL == 0 && flags & (flag::WILL_QOS | flag::WILL_RETAIN) != 0 {
        return Err(body.malformed("will QoS or will retain without a will"));
    }
    if flags & flag::WILL_QOS == flag::WILL_QOS {
        return Err(body.malformed("will QoS 3"));
    }
    if version < Version::V5 && flags & flag::PASSWORD != 0 && flags & flag::USER_NAME == 0 {
        return Err(body.malformed("a password without a user name"));
    }
    Ok(())
}

fn read_properties(connect: &mut Connect, mut properties: PropertyReader<'_>) -> Result<(), DecodeError> {
    while let Some(identifier) = properties.next()? {
        let values = &mut properties.values;
        match identifier {
            id::SESSION_EXPIRY => connect.session_expiry = Some(values.four_bytes("session expiry cut off")?),
            id::RECEIVE_MAXIMUM => match values.two_bytes("receive maximum cut off")? {
                0 => return Err(values.protocol_error("receive maximum 0")),
                value => connect.receive_maximum = Some(value),
            },
            id::MAXIMUM_PACKET_SIZE => match values.four_bytes("maximum packet size cut off")? {
                0 => return Err(values.protocol_error("maximum packet size 0")),
                value => connect.maximum_packet_size = Some(value),
            },
            id::TOPIC_ALIAS_MAXIMUM => connect.topic_alias_maximum = values.two_bytes("topic alias maximum cut off")?,
            id::REQUEST_RESPONSE_INFORMATION => {
                connect.request_response_information = values.flag("request response information that is neither 0 nor 1")?;
            }
            id::REQUEST_PROBLEM_INFORMATION => {
                connect.request_problem_information = values.flag("request problem information that is neither 0 nor 1")?;
            }
            id::USER_PROPERTY => connect.user_properties.push(properties.owned_user_property()?),
            id::AUTHENTICATION_METHOD => {
                connect.authentication_method = Some(values.text("authentication method cut off")?.into());
            }
            id::AUTHENTICATION_DATA => {
                connect.authentication_data = Some(values.binary("authentication data cut off")?.into());
            }
            _ => return Err(properties.foreign()),
        }
    }
    if connect.authentication_data.is_some() && connect.authentication_method.is_none() {
        return Err(properties.values.protocol_error("authentication data without an authentication method"));
    }
    Ok(())
}

fn will(flags: u8, body: &mut Reader<'_>, version: Version) -> Result<Will, DecodeError> {
    let mut scratch = Vec::new();
    let mut will = Will {
        topic: Box::default(),
        payload: Box::default(),
        qos: QoS::try_from((flags & flag::WILL_QOS) >> 3).map_err(|_| body.malformed("will QoS 3"))?,
        retain: flags & flag::WILL_RETAIN != 0,
        delay: 0,
        message_expiry: None,
        properties: Properties::NONE,
    };
    if version == Version::V5 {
        let properties = MessageProperties::read(PropertyReader::take(body)?, Carrier::Will, &mut scratch)?;
        will.delay = properties.will_delay;
        will.message_expiry = properties.message_expiry;
        will.properties = Properties::from_wire(properties.end_to_end);
    }
    will.topic = body.text("will topic cut off")?.into();
    will.payload = body.binary("will payload cut off")?.into();
    Ok(will)
}
