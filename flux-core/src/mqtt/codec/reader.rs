use super::error::DecodeError;

/// Reads the wire types (MQTT 5 §1.5) from the rest of one packet. `what` in its methods names the field for the error.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    packet: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(packet: &'static str, bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, packet }
    }

    #[cold]
    pub(super) fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::Malformed { packet: self.packet, what }
    }

    #[cold]
    pub(super) fn protocol_error(&self, what: &'static str) -> DecodeError {
        DecodeError::Protocol { packet: self.packet, what }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// All that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may follow what was read.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.malformed("bytes after its end")) }
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or_else(|| self.malformed(what))?;
        self.rest = rest;
        Ok(byte)
    }

    pub(super) fn two_bytes(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.malformed(what))?;
        self.rest = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    pub(super) fn four_bytes(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.malformed(what))?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    pub(super) fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.malformed(what))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A reader for the next `length` bytes.
    pub(super) fn section(&mut self, length: usize, what: &'static str) -> Result<Reader<'a>, DecodeError> {
        Ok(Reader { rest: self.take(length, what)?, packet: self.packet })
    }

    /// Two bytes of length and as many bytes.
    pub(super) fn binary(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = self.two_bytes(what)?;
        self.take(usize::from(length), what)
    }

    /// UTF-8 without surrogates ([MQTT-1.5.4-1], which Rust's check includes) and without U+0000 ([MQTT-1.5.4-2]).
    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let text = std::str::from_utf8(self.binary(what)?).map_err(|_| self.malformed("text that is not UTF-8"))?;
        if text.as_bytes().contains(&0) {
            return Err(self.malformed("text with the character U+0000"));
        }
        Ok(text)
    }

    /// A variable byte integer in its shortest form ([MQTT-1.5.5-1]).
    pub(super) fn variable(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        match variable(self.rest) {
            Variable::Whole { value, size } if size == variable_size(value) => {
                self.rest = &self.rest[size..];
                Ok(value)
            }
            Variable::Whole { .. } => Err(self.malformed("a variable byte integer that is not in its shortest form")),
            Variable::Cut => Err(self.malformed(what)),
            Variable::TooLong => Err(self.malformed("a variable byte integer of more than four bytes")),
        }
    }

    /// Two bytes, not 0 ([MQTT-2.2.1-3], [MQTT-2.2.1-4]).
    pub(super) fn packet_id(&mut self) -> Result<u16, DecodeError> {
        match self.two_bytes("no packet identifier")? {
            0 => Err(self.protocol_error("packet identifier 0")),
            id => Ok(id),
        }
    }

    /// A byte that is 0 or 1; anything else is a protocol error.
    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool, DecodeError> {
        match self.byte(what)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.protocol_error(what)),
        }
    }
}

/// What the bytes at the start of a slice say as a variable byte integer (MQTT 5 §1.5.5).
pub(super) enum Variable {
    Whole {
        value: u32,
        size: usize,
    },
    /// More bytes must come.
    Cut,
    TooLong,
}

pub(super) fn variable(bytes: &[u8]) -> Variable {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Variable::Whole { value, size: index + 1 };
        }
    }
    if bytes.len() < 4 { Variable::Cut } else { Variable::TooLong }
}

/// Bytes of the shortest form of `value`, which is at most 268,435,455.
pub(super) fn variable_size(value: u32) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}
