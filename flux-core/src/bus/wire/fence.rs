use crate::types::bytes::{Reader, put_length};

/// Where a message has its version. No version of the layout will be called so.
const FENCE: u8 = 0xfe;

/// Asks the node that reads it to say so: all that was sent before it by this way has been delivered then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence<'a> {
    /// Of the node that asks, and none of its others'.
    pub number: u64,
    /// Whom to answer.
    pub node: &'a str,
}

impl<'a> Fence<'a> {
    /// `None`: it is a message, or damaged.
    pub fn decode(part: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(part);
        let kind = reader.u8().ok()?;
        let number = reader.u64().ok()?;
        let node = std::str::from_utf8(reader.rest()).ok()?;
        (kind == FENCE).then_some(Fence { number, node })
    }
}

/// Adds a fence to a batch. Only for nodes that know what it is.
pub fn put_fence(number: u64, node: &str, batch: &mut Vec<u8>) {
    put_length(1 + 8 + node.len(), batch);
    batch.push(FENCE);
    batch.extend_from_slice(&number.to_le_bytes());
    batch.extend_from_slice(node.as_bytes());
}
