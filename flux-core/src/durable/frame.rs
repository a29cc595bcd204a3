//! A group commit as it stands in a segment: a header, then records, each with its own checksum so that one can be read alone and
//! a damaged one costs only itself. Checksums are seeded with the store's salt: no payload can contain something that looks like a frame.
//!
//! Header: magic u32, records u32, body bytes u32, numbers covered u32, number u64, checksum u64. Record: bytes u32, checksum u32, payload.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::types::bytes::Reader;

pub(super) const FRAME_HEADER: usize = 32;
pub(super) const RECORD_HEADER: usize = 8;
const MAGIC: u32 = u32::from_le_bytes(*b"FXC1");

fn record_checksum(payload: &[u8], salt: u64) -> u32 {
    xxh3_64_with_seed(payload, salt) as u32
}

/// A frame while it is put together. The buffer is kept from one to the next.
pub(super) struct Frame {
    bytes: Vec<u8>,
    records: u32,
    salt: u64,
}

impl Frame {
    pub(super) fn new(salt: u64) -> Self {
        Frame { bytes: vec![0; FRAME_HEADER], records: 0, salt }
    }

    pub(super) fn clear(&mut self) {
        // One large message must not hold its memory for ever.
        self.bytes.truncate(FRAME_HEADER);
        self.bytes.shrink_to(crate::types::limits::COMMIT_FRAME_BYTES);
        self.records = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; RECORD_HEADER]);
        encode(&mut self.bytes);
        let (header, payload) = self.bytes[start..].split_at_mut(RECORD_HEADER);
        let length = u32::try_from(payload.len()).expect("a message is shorter than 4 GiB");
        header[..4].copy_from_slice(&length.to_le_bytes());
        header[4..].copy_from_slice(&record_checksum(payload, self.salt).to_le_bytes());
        self.records += 1;
    }

    /// Completes the header: this frame is commit `number`, and stands for the `covers - 1` before it that are lost.
    pub(super) fn seal(&mut self, number: u64, covers: u32) -> &[u8] {
        let length = u32::try_from(self.bytes.len() - FRAME_HEADER).expect("a frame is shorter than 4 GiB");
        let mut header = [0; FRAME_HEADER];
        header[..4].copy_from_slice(&MAGIC.to_le_bytes());
        header[4..8].copy_from_slice(&self.records.to_le_bytes());
        header[8..12].copy_from_slice(&length.to_le_bytes());
        header[12..16].copy_from_slice(&covers.to_le_bytes());
        header[16..24].copy_from_slice(&number.to_le_bytes());
        let checksum = xxh3_64_with_seed(&header[..24], self.salt);
        header[24..].copy_from_slice(&checksum.to_le_bytes());
        self.bytes[..FRAME_HEADER].copy_from_slice(&header);
        &self.bytes
    }

    /// Where in the frame each record's header is, and the payload behind it.
    pub(super) fn records(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut at = FRAME_HEADER;
        std::iter::from_fn(move || {
            let length = Reader(self.bytes.get(at..)?).u32().ok()? as usize;
            let start = at + RECORD_HEADER;
            let found = (at, &self.bytes[start..start + length]);
            at = start + length;
            Some(found)
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) records: u32,
    pub(super) length: u32,
    pub(super) covers: u32,
    pub(super) number: u64,
}

impl FrameHeader {
    /// `None` when the bytes do not begin with one.
    pub(super) fn decode(bytes: &[u8], salt: u64) -> Option<Self> {
        let header = bytes.get(..FRAME_HEADER)?;
        let mut reader = Reader(header);
        let magic = reader.u32().ok()?;
        let found = FrameHeader {
            records: reader.u32().ok()?,
            length: reader.u32().ok()?,
            covers: reader.u32().ok()?,
            number: reader.u64().ok()?,
        };
        let checksum = reader.u64().ok()?;
        let right = magic == MAGIC && checksum == xxh3_64_with_seed(&header[..24], salt) && found.covers > 0;
        right.then_some(found)
    }
}

/// The payload of the record whose header `bytes` begin with; `None` when it is damaged.
pub(super) fn record(bytes: &[u8], salt: u64) -> Option<&[u8]> {
    let mut reader = Reader(bytes);
    let length = reader.u32().ok()?;
    let checksum = reader.u32().ok()?;
    let payload = reader.take(length as usize).ok()?;
    (record_checksum(payload, salt) == checksum).then_some(payload)
}

/// What a segment's bytes are, piece by piece.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Frame(FoundFrame<'a>),
    /// No frame begins here.
    Damage {
        at: usize,
        length: usize,
    },
}

#[derive(Debug)]
pub(super) struct FoundFrame<'a> {
    pub(super) at: usize,
    pub(super) header: FrameHeader,
    /// Place of the record's header and its payload.
    pub(super) intact: Vec<(usize, &'a [u8])>,
    /// What is there where a record should be, from its payload on: good for naming what was lost, no more.
    pub(super) damaged: Vec<&'a [u8]>,
    /// Every record is intact.
    pub(super) whole: bool,
}

/// Walks through the frames of a segment and finds its way again behind what is damaged.
pub(super) struct Pieces<'a> {
    bytes: &'a [u8],
    at: usize,
    salt: u64,
}

impl<'a> Pieces<'a> {
    /// Frames are expected from `at` on.
    pub(super) fn new(bytes: &'a [u8], at: usize, salt: u64) -> Self {
        Pieces { bytes, at, salt }
    }

    fn frame(&self, at: usize, header: FrameHeader) -> FoundFrame<'a> {
        let start = at + FRAME_HEADER;
        let end = start + header.length as usize;
        let body = &self.bytes[start.min(self.bytes.len())..end.min(self.bytes.len())];
        let mut found =
            FoundFrame { at, header, intact: Vec::with_capacity(header.records as usize), damaged: Vec::new(), whole: false };
        let mut offset = 0;
        while offset < body.len() {
            let rest = &body[offset..];
            let Ok(length) = Reader(rest).u32() else { break };
            match record(rest, self.salt) {
                Some(payload) => found.intact.push((start + offset, payload)),
                None => found.damaged.push(&rest[RECORD_HEADER.min(rest.len())..]),
            }
            // A damaged length leads nowhere that has a right checksum, or out of the body.
            offset += RECORD_HEADER + length as usize;
        }
        found.whole = offset == header.length as usize && found.intact.len() == header.records as usize;
        found
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let at = self.at;
        if let Some(header) = FrameHeader::decode(&self.bytes[at..], self.salt) {
            let found = self.frame(at, header);
            self.at = (at + FRAME_HEADER).saturating_add(header.length as usize);
            return Some(Piece::Frame(found));
        }
        let magic = MAGIC.to_le_bytes();
        let next = (at + 1..self.bytes.len()).find(|&place| {
            self.bytes[place..].starts_with(&magic) && FrameHeader::decode(&self.bytes[place..], self.salt).is_some()
        });
        self.at = next.unwrap_or(self.bytes.len());
        Some(Piece::Damage { at, length: self.at - at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u64 = 42;

    fn segment(frames: &[&[&str]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut frame = Frame::new(SALT);
        for (index, records) in frames.iter().enumerate() {
            frame.clear();
            for record in *records {
                frame.push(|out| out.extend_from_slice(record.as_bytes()));
            }
            bytes.extend_from_slice(frame.seal(index as u64 + 1, 1));
        }
        bytes
    }

    fn describe(bytes: &[u8]) -> Vec<String> {
        let pieces = Pieces::new(bytes, 0, SALT).map(|piece| match piece {
            Piece::Damage { length, .. } => format!("{length} bytes"),
            Piece::Frame(frame) => {
                let words: Vec<_> = frame.intact.iter().map(|(_, payload)| String::from_utf8_lossy(payload)).collect();
                format!("{} {} {}", frame.header.number, words.join(","), if frame.whole { "whole" } else { "damaged" })
            }
        });
        pieces.collect()
    }

    #[test]
    fn frames_come_back_in_order() {
        let bytes = segment(&[&["a", "bc"], &[], &["d"]]);
        assert_eq!(describe(&bytes), ["1 a,bc whole", "2  whole", "3 d whole"]);
    }

    #[test]
    fn a_flipped_byte_costs_one_record_and_not_its_neighbours() {
        let mut bytes = segment(&[&["first", "second", "third"], &["fourth"]]);
        let at = bytes.windows(6).position(|window| window == b"second").expect("it is there");
        bytes[at] ^= 1;
        assert_eq!(describe(&bytes), ["1 first,third damaged", "2 fourth whole"]);
    }

    #[test]
    fn behind_a_damaged_header_the_next_frame_is_found() {
        let mut bytes = segment(&[&["a"], &["b"], &["c"]]);
        let second = bytes.len() / 3;
        bytes[second + 9] ^= 1;
        assert_eq!(describe(&bytes), ["1 a whole", &format!("{second} bytes"), "3 c whole"]);
    }

    #[test]
    fn a_frame_that_is_cut_is_not_whole() {
        let bytes = segment(&[&["a"], &["bcd"]]);
        assert_eq!(describe(&bytes[..bytes.len() - 1]), ["1 a whole", "2  damaged"]);
        assert_eq!(describe(&bytes[..FRAME_HEADER + RECORD_HEADER + 1 + 3]), ["1 a whole", "3 bytes"]);
    }

    #[test]
    fn a_payload_that_looks_like_a_frame_is_none() {
        let mut forged = Frame::new(SALT + 1);
        forged.push(|out| out.extend_from_slice(b"forged"));
        let mut bytes = Vec::new();
        let mut frame = Frame::new(SALT);
        frame.push(|out| out.extend_from_slice(forged.seal(2, 1)));
        bytes.extend_from_slice(frame.seal(1, 1));
        bytes[5] ^= 1;
        let length = bytes.len();
        assert_eq!(describe(&bytes), [format!("{length} bytes")]);
    }
}
