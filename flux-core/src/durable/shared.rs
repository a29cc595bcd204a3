//! What the writer thread, the keeper thread and the callers share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::inbox::Inbox;
use super::index::Index;
use super::port::StoreStats;
use super::segment::Segment;

pub(super) struct Shared {
    pub(super) inbox: Inbox,
    pub(super) state: Mutex<State>,
    pub(super) next_queue: AtomicU64,
    pub(super) transactions: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) failures: AtomicU64,
    /// The last write did not succeed.
    pub(super) failed: AtomicBool,
    /// A synchronisation did not succeed: what the disk holds is not known any more, until the next start looks.
    pub(super) broken: AtomicBool,
}

/// Locked for as long as it takes to look something up or to apply one group commit; never while a file is read or written.
pub(super) struct State {
    pub(super) index: Index,
    /// Oldest first; the last is written to.
    pub(super) segments: VecDeque<Segment>,
}

impl State {
    pub(super) fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    pub(super) fn segment(&self, id: u32) -> Option<&Segment> {
        let first = self.segments.front()?.id;
        self.segments.get(id.checked_sub(first)? as usize)
    }
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        let next_queue = AtomicU64::new(state.index.next_queue.max(1));
        Shared {
            inbox: Inbox::default(),
            state: Mutex::new(state),
            next_queue,
            transactions: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }
    }

    pub(super) fn stats(&self) -> StoreStats {
        let waiting_bytes = self.inbox.bytes();
        let state = self.state.lock();
        StoreStats {
            transactions: self.transactions.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            waiting_bytes,
            disk_bytes: state.disk_bytes(),
            queued_entries: state.index.entries,
            failed: self.failed.load(Ordering::Relaxed) || self.broken.load(Ordering::Relaxed),
        }
    }
}
