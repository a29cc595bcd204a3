use crate::mqtt::packet::UserProperty;

use super::error::DecodeError;
use super::reader::Reader;

/// Property identifiers (MQTT 5 §2.2.2.2).
pub(super) mod id {
    pub use crate::types::properties::id::*;

    pub const MESSAGE_EXPIRY: u8 = 0x02;
    pub const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
    pub const SESSION_EXPIRY: u8 = 0x11;
    pub const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub const AUTHENTICATION_METHOD: u8 = 0x15;
    pub const AUTHENTICATION_DATA: u8 = 0x16;
    pub const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub const WILL_DELAY: u8 = 0x18;
    pub const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub const RESPONSE_INFORMATION: u8 = 0x1A;
    pub const SERVER_REFERENCE: u8 = 0x1C;
    pub const REASON_STRING: u8 = 0x1F;
    pub const RECEIVE_MAXIMUM: u8 = 0x21;
    pub const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub const TOPIC_ALIAS: u8 = 0x23;
    pub const MAXIMUM_QOS: u8 = 0x24;
    pub const RETAIN_AVAILABLE: u8 = 0x25;
    pub const MAXIMUM_PACKET_SIZE: u8 = 0x27;
}

/// Walks the properties of one packet. The caller takes the value of each identifier from `values` before it asks for the next.
pub(super) struct PropertyReader<'a> {
    pub values: Reader<'a>,
    seen: u64,
}

impl<'a> PropertyReader<'a> {
    /// Takes the property length and the properties from `packet`.
    pub(super) fn take(packet: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let length = packet.variable("no property length")?;
        Ok(PropertyReader { values: packet.section(length as usize, "properties that end after the packet")?, seen: 0 })
    }

    /// The identifier of the next property. Only a user property may come twice in a packet from a client (MQTT 5 §2.2.2).
    pub(super) fn next(&mut self) -> Result<Option<u8>, DecodeError> {
        if self.values.is_empty() {
            return Ok(None);
        }
        let identifier = self.values.byte("no property identifier")?;
        // All identifiers are below 64; what is not one is refused by the caller.
        let bit = 1u64.checked_shl(u32::from(identifier)).unwrap_or_default();
        if self.seen & bit != 0 && identifier != id::USER_PROPERTY {
            return Err(self.values.protocol_error("the same property twice"));
        }
        self.seen |= bit;
        Ok(Some(identifier))
    }

    /// For an identifier that does not belong to the packet (MQTT 5 §2.2.2.2).
    #[cold]
    pub(super) fn foreign(&self) -> DecodeError {
        self.values.malformed("a property that does not belong here")
    }

    pub(super) fn user_property(&mut self) -> Result<(&'a str, &'a str), DecodeError> {
        Ok((self.values.text("a user property cut off")?, self.values.text("a user property cut off")?))
    }

    pub(super) fn owned_user_property(&mut self) -> Result<UserProperty, DecodeError> {
        self.user_property().map(|(name, value)| (name.into(), value.into()))
    }
}
