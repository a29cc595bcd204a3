//! The file `commits`: how far the store has come, written beside the segments before anything is acknowledged. A segment that
//! lost its end looks like one that never had it; this file tells the difference.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::volume::Volume;
use crate::types::bytes::Reader;

const MAGIC: [u8; 8] = *b"FLUXCOM\x01";
const ACKNOWLEDGED_BYTES: usize = 48;
const KEPT_AT: u64 = 512;
const KEPT_BYTES: usize = 32;

/// Written by the writer thread after each commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acknowledged {
    /// The boot of the machine in which it was written; 0 where the system does not tell.
    pub(super) boot: u128,
    pub(super) last: u64,
    pub(super) salt: u64,
}

/// Written by the keeper thread before it deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// Segments below are not needed.
    pub(super) first: u32,
    /// Commits up to this one are on the disk and survive a power failure.
    pub(super) synced: u64,
}

impl Acknowledged {
    fn encode(&self) -> [u8; ACKNOWLEDGED_BYTES] {
        let mut bytes = [0; ACKNOWLEDGED_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..24].copy_from_slice(&self.boot.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.last.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.salt.to_le_bytes());
        let checksum = xxh3_64(&bytes[..40]);
        bytes[40..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

impl Kept {
    fn encode(&self) -> [u8; KEPT_BYTES] {
        let mut bytes = [0; KEPT_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&self.first.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.synced.to_le_bytes());
        let checksum = xxh3_64(&bytes[..24]);
        bytes[24..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

#[derive(Debug)]
pub(super) struct Commits(File);

pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join("commits")
}

/// Names the time between two starts of the machine.
pub(super) fn boot() -> u128 {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or(0)
}

impl Commits {
    /// Creates the file where there is none.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path(directory)).map(Commits)
    }

    pub(super) fn acknowledge(&self, acknowledged: &Acknowledged, volume: &Volume) -> io::Result<()> {
        volume.write_at(&self.0, &acknowledged.encode(), 0)
    }

    pub(super) fn keep(&self, kept: &Kept, volume: &Volume) -> io::Result<()> {
        volume.write_at(&self.0, &kept.encode(), KEPT_AT)
    }

    /// Both in one write: a new file is never half there.
    pub(super) fn begin(&self, acknowledged: &Acknowledged, kept: &Kept, volume: &Volume) -> io::Result<()> {
        let mut bytes = vec![0; KEPT_AT as usize];
        bytes[..ACKNOWLEDGED_BYTES].copy_from_slice(&acknowledged.encode());
        bytes.extend_from_slice(&kept.encode());
        volume.write_at(&self.0, &bytes, 0)
    }

    pub(super) fn sync(&self, volume: &Volume) -> io::Result<()> {
        volume.sync(&self.0)
    }

    /// `None` where the file was never written; the inner `None` where it is damaged.
    pub(super) fn read(&self) -> io::Result<Option<Option<(Acknowledged, Kept)>>> {
        let mut bytes = [0; KEPT_AT as usize + KEPT_BYTES];
        if self.0.metadata()?.len() == 0 {
            return Ok(None);
        }
        match self.0.read_exact_at(&mut bytes, 0) {
            Ok(()) => Ok(Some(decode(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Some(None)),
            Err(error) => Err(error),
        }
    }
}

fn decode(bytes: &[u8]) -> Option<(Acknowledged, Kept)> {
    let (writer, keeper) = (&bytes[..ACKNOWLEDGED_BYTES], &bytes[KEPT_AT as usize..]);
    for (slot, end) in [(writer, 40), (keeper, 24)] {
        if slot[..8] != MAGIC || Reader(&slot[end..]).u64().ok()? != xxh3_64(&slot[..end]) {
            return None;
        }
    }
    let mut reader = Reader(&writer[8..]);
    let acknowledged = Acknowledged { boot: reader.u128().ok()?, last: reader.u64().ok()?, salt: reader.u64().ok()? };
    let mut reader = Reader(&keeper[8..]);
    let first = reader.u32().ok()?;
    reader.u32().ok()?;
    Some((acknowledged, Kept { first, synced: reader.u64().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::new(folder.path().to_owned());
        let commits = Commits::open(folder.path()).unwrap();
        assert_eq!(commits.read().unwrap(), None);
        let (acknowledged, kept) = (Acknowledged { boot: 1 << 100, last: 7, salt: 8 }, Kept { first: 2, synced: 5 });
        commits.acknowledge(&acknowledged, &volume).unwrap();
        assert_eq!(commits.read().unwrap(), Some(None), "half of it is not all of it");
        commits.begin(&acknowledged, &kept, &volume).unwrap();
        assert_eq!(commits.read().unwrap(), Some(Some((acknowledged, kept))));
        commits.0.write_all_at(&[0xff], 30).unwrap();
        assert_eq!(commits.read().unwrap(), Some(None));
    }

    #[test]
    fn the_boot_does_not_change_while_the_machine_runs() {
        assert_eq!(boot(), boot());
    }
}
