use bytes::{Buf, BufMut};

/// What every payload begins with, little endian. Bytes that follow are filler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Tells this run's messages from those of an earlier one that a server kept.
    pub run: u32,
    /// Publisher and topic, numbered densely by the plan.
    pub stream: u32,
    /// Counts from 0 within the stream.
    pub sequence: u64,
    /// When the message was due, ns on the generator's clock.
    pub intended: u64,
    /// When it was put on its way, ns on the generator's clock.
    pub sent: u64,
}

/// The smallest payload the generator can send.
pub const STAMP_BYTES: usize = 32;

impl Stamp {
    pub fn write(&self, mut payload: &mut [u8]) {
        payload.put_u32_le(self.run);
        payload.put_u32_le(self.stream);
        payload.put_u64_le(self.sequence);
        payload.put_u64_le(self.intended);
        payload.put_u64_le(self.sent);
    }

    /// None when the payload is too short to be ours.
    pub fn read(mut payload: &[u8]) -> Option<Stamp> {
        if payload.len() < STAMP_BYTES {
            return None;
        }
        Some(Stamp {
            run: payload.get_u32_le(),
            stream: payload.get_u32_le(),
            sequence: payload.get_u64_le(),
            intended: payload.get_u64_le(),
            sent: payload.get_u64_le(),
        })
    }
}
