use std::sync::Arc;

use super::stamp::{STAMP_BYTES, Stamp};

/// What every message of a run carries beside its stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// So many bytes that do not compress, the stamp first.
    Filler(usize),
    /// The user's bytes, the stamp after them.
    Text(Arc<[u8]>),
    /// The user's JSON object, the stamp as its first member, so that what parses payloads can.
    Json(Arc<[u8]>),
}

/// Where in a payload the stamp is, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Of the whole payload, bytes.
    pub size: usize,
    at: usize,
    hexadecimal: bool,
}

/// Of a JSON payload.
const MEMBER: &str = "\"flux_bench\":\"";

impl Payload {
    /// A JSON object stays one; everything else is taken as bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes) {
            Ok(_) => Payload::Json(bytes.into()),
            Err(_) => Payload::Text(bytes.into()),
        }
    }

    pub fn place(&self) -> Place {
        match self {
            Payload::Filler(size) => Place { size: *size, at: 0, hexadecimal: false },
            Payload::Text(text) => Place { size: text.len() + STAMP_BYTES, at: text.len(), hexadecimal: false },
            Payload::Json(text) => {
                let at = brace(text) + 1 + MEMBER.len();
                let separator = usize::from(!is_empty(text));
                Place { size: text.len() + MEMBER.len() + 2 * STAMP_BYTES + 1 + separator, at, hexadecimal: true }
            }
        }
    }

    /// One payload with room for a stamp; `seed` decides the filler.
    pub fn build(&self, seed: u64) -> Vec<u8> {
        match self {
            Payload::Filler(size) => filler(seed).take(*size).collect(),
            Payload::Text(text) => [text, &[0; STAMP_BYTES][..]].concat(),
            Payload::Json(text) => {
                let (before, after) = text.split_at(brace(text) + 1);
                let end: &[u8] = if is_empty(text) { b"\"" } else { b"\"," };
                [before, MEMBER.as_bytes(), &[b'0'; 2 * STAMP_BYTES], end, after].concat()
            }
        }
    }
}

impl Place {
    #[inline]
    pub fn write(&self, stamp: &Stamp, payload: &mut [u8]) {
        if !self.hexadecimal {
            return stamp.write(&mut payload[self.at..]);
        }
        let mut bytes = [0; STAMP_BYTES];
        stamp.write(&mut bytes);
        for (pair, byte) in payload[self.at..].chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
    }

    /// None when the payload is not one of these.
    #[inline]
    pub fn read(&self, payload: &[u8]) -> Option<Stamp> {
        if payload.len() != self.size {
            return None;
        }
        if !self.hexadecimal {
            return Stamp::read(&payload[self.at..]);
        }
        let mut bytes = [0; STAMP_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(payload[self.at..].chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Stamp::read(&bytes)
    }
}

fn brace(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b'{').unwrap_or(0)
}

/// Nothing but space between the braces.
fn is_empty(text: &[u8]) -> bool {
    text[brace(text) + 1..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}')
}

fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// xorshift64*: cheap, seeded, and good enough not to compress.
fn filler(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { run: 7, stream: 3, sequence: 99, intended: 1_000, sent: u64::MAX };

    fn stamped(payload: &Payload) -> Vec<u8> {
        let (mut bytes, place) = (payload.build(42), payload.place());
        assert_eq!(bytes.len(), place.size);
        place.write(&STAMP, &mut bytes);
        assert_eq!(place.read(&bytes), Some(STAMP));
        assert_eq!(place.read(&bytes[1..]), None, "cut on its way");
        bytes
    }

    #[test]
    fn a_stamp_is_read_where_it_was_written() {
        stamped(&Payload::Filler(STAMP_BYTES));
        stamped(&Payload::Filler(1_000));
        assert!(stamped(&Payload::of(b"21.5".to_vec())).starts_with(b"21.5"));
    }

    #[test]
    fn a_json_object_stays_one() {
        for text in [r#"{"temperature": 21.5}"#, " {\n} ", "{}"] {
            let payload = Payload::of(text.into());
            assert!(matches!(payload, Payload::Json(_)));
            let value: serde_json::Value = serde_json::from_slice(&stamped(&payload)).unwrap();
            assert_eq!(value["flux_bench"].as_str().unwrap().len(), 64, "{value}");
        }
        assert!(matches!(Payload::of(b"[1]".to_vec()), Payload::Text(_)));
    }
}
