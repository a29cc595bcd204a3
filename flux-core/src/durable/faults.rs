//! A disk that fills up or breaks when a test says so.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared by the test and the store it opens with it.
#[derive(Debug, Clone)]
pub struct Faults {
    room: Arc<AtomicU64>,
    sync_fails: Arc<AtomicBool>,
}

impl Default for Faults {
    fn default() -> Self {
        Faults { room: Arc::new(AtomicU64::new(u64::MAX)), sync_fails: Arc::default() }
    }
}

impl Faults {
    /// After `room` more bytes the disk is full; `u64::MAX` empties it again.
    pub fn fill(&self, room: u64) {
        self.room.store(room, Ordering::SeqCst);
    }

    pub fn break_sync(&self, fails: bool) {
        self.sync_fails.store(fails, Ordering::SeqCst);
    }

    /// How much of a write fits, and why not more.
    pub(super) fn take(&self, bytes: usize) -> Result<(), (usize, io::Error)> {
        let room = self.room.load(Ordering::SeqCst);
        if room == u64::MAX {
            return Ok(());
        }
        let fits = bytes.min(usize::try_from(room).unwrap_or(usize::MAX));
        self.room.fetch_sub(fits as u64, Ordering::SeqCst);
        if fits == bytes { Ok(()) } else { Err((fits, io::Error::from(io::ErrorKind::StorageFull))) }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        if self.sync_fails.load(Ordering::SeqCst) { Err(io::Error::other("the disk is broken")) } else { Ok(()) }
    }
}
