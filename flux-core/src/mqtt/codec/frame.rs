use super::error::DecodeError;
use super::reader::{Variable, variable, variable_size};

/// Bytes of the largest packet there can be: a fixed header of 5 bytes and a remaining length of 268,435,455 (MQTT 5 §2.1.4).
pub const LARGEST_PACKET: u32 = 268_435_455 + 5;

/// One packet, taken apart at its fixed header (MQTT 5 §2.1).
pub(super) struct Frame<'a> {
    /// The type in the upper four bits, flags in the lower four.
    pub first: u8,
    pub body: &'a [u8],
    /// The remaining length was in its shortest form, which version 5 demands ([MQTT-1.5.5-1]) and version 3 does not.
    pub shortest: bool,
}

/// Bytes of the first whole packet in `bytes`, if it is there. An error when the length field is malformed or the packet larger than `maximum` bytes,
/// which shows before the packet has arrived.
pub fn frame_length(bytes: &[u8], maximum: u32) -> Result<Option<usize>, DecodeError> {
    let Some((_, length)) = bytes.split_first() else { return Ok(None) };
    match variable(length) {
        Variable::Whole { value, size } => {
            // At most LARGEST_PACKET.
            let whole = 1 + size as u32 + value;
            if whole > maximum {
                return Err(DecodeError::TooLarge { size: whole, maximum });
            }
            let whole = whole as usize;
            Ok((bytes.len() >= whole).then_some(whole))
        }
        Variable::Cut => Ok(None),
        Variable::TooLong => Err(MALFORMED_LENGTH),
    }
}

impl<'a> Frame<'a> {
    /// `bytes` are one packet and no more: what [`frame_length`] measured.
    pub(super) fn split(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (&first, rest) = bytes.split_first().ok_or(NOT_ONE_PACKET)?;
        let Variable::Whole { value, size } = variable(rest) else { return Err(MALFORMED_LENGTH) };
        let body = &rest[size..];
        if body.len() != value as usize {
            return Err(NOT_ONE_PACKET);
        }
        Ok(Frame { first, body, shortest: size == variable_size(value) })
    }

    /// The check of [MQTT-1.5.5-1], once the version is known.
    pub(super) fn demand_shortest(&self, packet: &'static str) -> Result<(), DecodeError> {
        let what = "a remaining length that is not in its shortest form";
        if self.shortest { Ok(()) } else { Err(DecodeError::Malformed { packet, what }) }
    }
}

const MALFORMED_LENGTH: DecodeError =
    DecodeError::Malformed { packet: "fixed header", what: "a remaining length of more than four bytes" };

const NOT_ONE_PACKET: DecodeError =
    DecodeError::Malformed { packet: "fixed header", what: "a remaining length that is not that of the packet" };
