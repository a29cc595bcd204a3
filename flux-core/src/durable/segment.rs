//! The files of the store: `segment-0000000001.log` and so on, appended to one after the other and deleted whole, the oldest first.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::types::bytes::Reader;

pub(super) const SEGMENT_HEADER: usize = 64;
const MAGIC: [u8; 8] = *b"FLUXSEG\0";
const VERSION: u32 = 1;

/// One file as the store holds it open. Readers keep it alive after it is deleted.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) id: u32,
    pub(super) file: Arc<File>,
    pub(super) length: u64,
}

/// What a segment begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) id: u32,
    /// The same in all segments of a store.
    pub(super) salt: u64,
    /// Number of the first commit in it.
    pub(super) first: u64,
    /// No queue id from here on was used before this segment.
    pub(super) next_queue: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("does not begin as a segment of the durable store does")]
    Damaged,
    #[error("is of format {0}, which this flux-core does not know: it was written by a newer one")]
    Version(u32),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.id.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.salt.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.next_queue.to_le_bytes());
        let checksum = xxh3_64(&bytes[..56]);
        bytes[56..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let bytes = bytes.get(..SEGMENT_HEADER).ok_or(HeaderError::Damaged)?;
        let checksum = Reader(&bytes[56..]).u64().map_err(|_| HeaderError::Damaged)?;
        if bytes[..8] != MAGIC || checksum != xxh3_64(&bytes[..56]) {
            return Err(HeaderError::Damaged);
        }
        let mut reader = Reader(&bytes[8..]);
        let mut read = || {
            let version = reader.u32()?;
            let (id, salt) = (reader.u32()?, reader.u64()?);
            Ok((version, SegmentHeader { id, salt, first: reader.u64()?, next_queue: reader.u64()? }))
        };
        match read() {
            Ok((VERSION, header)) => Ok(header),
            Ok((version, _)) => Err(HeaderError::Version(version)),
            Err(crate::types::bytes::Truncated) => Err(HeaderError::Damaged),
        }
    }
}

pub(super) fn path(directory: &Path, id: u32) -> PathBuf {
    directory.join(format!("segment-{id:010}.log"))
}

/// In the order in which they were written.
pub(super) fn list(directory: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let id = name.strip_prefix("segment-").and_then(|rest| rest.strip_suffix(".log")).and_then(|id| id.parse().ok());
        if let Some(id) = id {
            found.push((id, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_any_flipped_bit_is_noticed() {
        let header = SegmentHeader { id: 3, salt: 4, first: 5, next_queue: 6 };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        for at in 0..SEGMENT_HEADER {
            let mut damaged = bytes;
            damaged[at] ^= 0x10;
            assert_eq!(SegmentHeader::decode(&damaged), Err(HeaderError::Damaged), "byte {at}");
        }
    }

    #[test]
    fn segments_are_listed_in_order_and_other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["segment-0000000010.log", "segment-0000000009.log", "segment-x.log", "lock"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let ids: Vec<_> = list(folder.path()).unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, [9, 10]);
    }
}
