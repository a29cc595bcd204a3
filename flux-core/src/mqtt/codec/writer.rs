use crate::mqtt::packet::UserProperty;

use super::property::id;

/// A variable byte integer (MQTT 5 §1.5.5). Callers keep packets below `LARGEST_PACKET`, so it always fits.
pub(super) fn variable(out: &mut Vec<u8>, value: usize) {
    debug_assert!(value <= 268_435_455, "a length of {value} bytes has no encoding");
    let mut rest = value;
    while rest > 0x7F {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Two bytes of length and the bytes. What is longer than that can say was parsed by nobody: topics and texts are bounded where they enter.
pub(super) fn block(out: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(bytes.len() <= usize::from(u16::MAX), "a block of {} bytes has no encoding", bytes.len());
    let length = bytes.len().min(usize::from(u16::MAX));
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(&bytes[..length]);
}

/// A whole packet whose body `write` appends.
pub(super) fn packet(out: &mut Vec<u8>, first: u8, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(first);
    prefixed(out, write);
}

/// What `write` appends, after its length as a variable byte integer: a packet's body or its properties.
pub(super) fn prefixed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.push(0);
    write(out);
    let length = out.len() - start - 1;
    if length <= 0x7F {
        out[start] = length as u8;
    } else {
        let mut prefix = Vec::with_capacity(4);
        variable(&mut prefix, length);
        out.splice(start..=start, prefix);
    }
}

pub(super) fn byte_property(out: &mut Vec<u8>, identifier: u8, value: u8) {
    out.extend_from_slice(&[identifier, value]);
}

pub(super) fn two_byte_property(out: &mut Vec<u8>, identifier: u8, value: u16) {
    out.push(identifier);
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn four_byte_property(out: &mut Vec<u8>, identifier: u8, value: u32) {
    out.push(identifier);
    out.extend_from_slice(&value.to_be_bytes());
}

/// Nothing when absent or too long for its two-byte length: every text the server adds may be left out.
pub(super) fn text_property(out: &mut Vec<u8>, identifier: u8, value: Option<&str>) {
    binary_property(out, identifier, value.map(str::as_bytes));
}

/// See [`text_property`].
pub(super) fn binary_property(out: &mut Vec<u8>, identifier: u8, value: Option<&[u8]>) {
    if let Some(value) = value.filter(|value| value.len() <= usize::from(u16::MAX)) {
        out.push(identifier);
        block(out, value);
    }
}

pub(super) fn user_properties(out: &mut Vec<u8>, properties: &[UserProperty]) {
    let fits = |text: &str| text.len() <= usize::from(u16::MAX);
    for (name, value) in properties.iter().filter(|(name, value)| fits(name) && fits(value)) {
        out.push(id::USER_PROPERTY);
        block(out, name.as_bytes());
        block(out, value.as_bytes());
    }
}
