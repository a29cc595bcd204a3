//! What a group commit consists of: one record for each change. A record's kind and its first fields never change their meaning.

use super::encoding::{DecodeError, text};
use crate::types::bytes::{Reader, put_block};
use crate::types::{QueueId, Seq};

/// Borrowed from the bytes of a frame. `next` is the seq that the queue's next entry gets: it must never be forgotten, so whatever
/// names it (an entry implies it) stays until something later does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// `content`: bytes of payload, topic and properties, from which the weight in memory follows. `body`: see `encoding`.
    Entry {
        queue: QueueId,
        seq: Seq,
        content: u32,
        body: &'a [u8],
    },
    Remove {
        queue: QueueId,
        seq: Seq,
    },
    Release {
        queue: QueueId,
        seq: Seq,
    },
    MarkReceived {
        queue: QueueId,
        packet_id: u16,
    },
    ForgetReceived {
        queue: QueueId,
        packet_id: u16,
    },
    Session {
        queue: QueueId,
        next: Seq,
        record: &'a [u8],
    },
    DeleteSession {
        queue: QueueId,
    },
    ClearQueue {
        queue: QueueId,
        next: Seq,
    },
    Next {
        queue: QueueId,
        next: Seq,
    },
    Will {
        client: &'a str,
        record: &'a [u8],
    },
    DeleteWill {
        client: &'a str,
    },
    Retained {
        topic: &'a str,
        event: &'a [u8],
    },
    DeleteRetained {
        topic: &'a str,
    },
}

mod kind {
    pub(super) const ENTRY: u8 = 1;
    pub(super) const REMOVE: u8 = 2;
    pub(super) const RELEASE: u8 = 3;
    pub(super) const MARK_RECEIVED: u8 = 4;
    pub(super) const FORGET_RECEIVED: u8 = 5;
    pub(super) const SESSION: u8 = 6;
    pub(super) const DELETE_SESSION: u8 = 7;
    pub(super) const CLEAR_QUEUE: u8 = 8;
    pub(super) const NEXT: u8 = 9;
    pub(super) const WILL: u8 = 10;
    pub(super) const DELETE_WILL: u8 = 11;
    pub(super) const RETAINED: u8 = 12;
    pub(super) const DELETE_RETAINED: u8 = 13;
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        fn numbers(kind: u8, queue: QueueId, second: Option<Seq>, out: &mut Vec<u8>) {
            out.push(kind);
            out.extend_from_slice(&queue.0.to_le_bytes());
            if let Some(second) = second {
                out.extend_from_slice(&second.0.to_le_bytes());
            }
        }
        match *self {
            Record::Entry { queue, seq, content, body } => {
                Record::entry_head(queue, seq, content, out);
                out.extend_from_slice(body);
            }
            Record::Remove { queue, seq } => numbers(kind::REMOVE, queue, Some(seq), out),
            Record::Release { queue, seq } => numbers(kind::RELEASE, queue, Some(seq), out),
            Record::MarkReceived { queue, packet_id } => {
                numbers(kind::MARK_RECEIVED, queue, None, out);
                out.extend_from_slice(&packet_id.to_le_bytes());
            }
            Record::ForgetReceived { queue, packet_id } => {
                numbers(kind::FORGET_RECEIVED, queue, None, out);
                out.extend_from_slice(&packet_id.to_le_bytes());
            }
            Record::Session { queue, next, record } => {
                numbers(kind::SESSION, queue, Some(next), out);
                out.extend_from_slice(record);
            }
            Record::DeleteSession { queue } => numbers(kind::DELETE_SESSION, queue, None, out),
            Record::ClearQueue { queue, next } => numbers(kind::CLEAR_QUEUE, queue, Some(next), out),
            Record::Next { queue, next } => numbers(kind::NEXT, queue, Some(next), out),
            Record::Will { client, record } => {
                out.push(kind::WILL);
                put_block(client.as_bytes(), out);
                out.extend_from_slice(record);
            }
            Record::DeleteWill { client } => {
                out.push(kind::DELETE_WILL);
                out.extend_from_slice(client.as_bytes());
            }
            Record::Retained { topic, event } => {
                Record::retained_head(topic, out);
                out.extend_from_slice(event);
            }
            Record::DeleteRetained { topic } => {
                out.push(kind::DELETE_RETAINED);
                out.extend_from_slice(topic.as_bytes());
            }
        }
    }

    /// All of an entry but its body, which the caller encodes in place.
    pub(super) fn entry_head(queue: QueueId, seq: Seq, content: u32, out: &mut Vec<u8>) {
        out.push(kind::ENTRY);
        out.extend_from_slice(&queue.0.to_le_bytes());
        out.extend_from_slice(&seq.0.to_le_bytes());
        out.extend_from_slice(&content.to_le_bytes());
    }

    /// All of a retained message but the event, which the caller encodes in place.
    pub(super) fn retained_head(topic: &str, out: &mut Vec<u8>) {
        out.push(kind::RETAINED);
        put_block(topic.as_bytes(), out);
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader(bytes);
        let kind = reader.u8()?;
        let mut queue = || reader.u64().map(QueueId);
        let record = match kind {
            kind::ENTRY => {
                let (queue, seq, content) = (queue()?, Seq(reader.u64()?), reader.u32()?);
                return Ok(Record::Entry { queue, seq, content, body: reader.rest() });
            }
            kind::SESSION => {
                let (queue, next) = (queue()?, Seq(reader.u64()?));
                return Ok(Record::Session { queue, next, record: reader.rest() });
            }
            kind::WILL => {
                let client = text(reader.block()?)?;
                return Ok(Record::Will { client, record: reader.rest() });
            }
            kind::DELETE_WILL => return Ok(Record::DeleteWill { client: text(reader.rest())? }),
            kind::RETAINED => {
                let topic = text(reader.block()?)?;
                return Ok(Record::Retained { topic, event: reader.rest() });
            }
            kind::DELETE_RETAINED => return Ok(Record::DeleteRetained { topic: text(reader.rest())? }),
            kind::REMOVE => Record::Remove { queue: queue()?, seq: Seq(reader.u64()?) },
            kind::RELEASE => Record::Release { queue: queue()?, seq: Seq(reader.u64()?) },
            kind::MARK_RECEIVED => Record::MarkReceived { queue: queue()?, packet_id: reader.u16()? },
            kind::FORGET_RECEIVED => Record::ForgetReceived { queue: queue()?, packet_id: reader.u16()? },
            kind::DELETE_SESSION => Record::DeleteSession { queue: queue()? },
            kind::CLEAR_QUEUE => Record::ClearQueue { queue: queue()?, next: Seq(reader.u64()?) },
            kind::NEXT => Record::Next { queue: queue()?, next: Seq(reader.u64()?) },
            other => return Err(DecodeError::Version(other)),
        };
        if reader.rest().is_empty() { Ok(record) } else { Err(DecodeError::TooLong) }
    }

    pub(super) fn queue(&self) -> Option<QueueId> {
        match *self {
            Record::Entry { queue, .. }
            | Record::Remove { queue, .. }
            | Record::Release { queue, .. }
            | Record::MarkReceived { queue, .. }
            | Record::ForgetReceived { queue, .. }
            | Record::Session { queue, .. }
            | Record::DeleteSession { queue }
            | Record::ClearQueue { queue, .. }
            | Record::Next { queue, .. } => Some(queue),
            Record::Will { .. } | Record::DeleteWill { .. } | Record::Retained { .. } | Record::DeleteRetained { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_as_it_was_and_not_when_it_is_cut() {
        let (queue, seq, next) = (QueueId(7), Seq(9), Seq(10));
        let all = [
            Record::Entry { queue, seq, content: 3, body: b"body" },
            Record::Remove { queue, seq },
            Record::Release { queue, seq },
            Record::MarkReceived { queue, packet_id: 65_535 },
            Record::ForgetReceived { queue, packet_id: 1 },
            Record::Session { queue, next, record: b"record" },
            Record::DeleteSession { queue },
            Record::ClearQueue { queue, next },
            Record::Next { queue, next },
            Record::Will { client: "c", record: b"will" },
            Record::DeleteWill { client: "c" },
            Record::Retained { topic: "a/b", event: b"event" },
            Record::DeleteRetained { topic: "a/b" },
        ];
        for record in all {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            assert_eq!(Record::decode(&bytes), Ok(record));
            assert!(Record::decode(&bytes[..1]).is_err() || record.queue().is_none());
        }
        assert_eq!(Record::decode(&[]), Err(DecodeError::Truncated));
        assert_eq!(Record::decode(&[99]), Err(DecodeError::Version(99)));
    }
}
