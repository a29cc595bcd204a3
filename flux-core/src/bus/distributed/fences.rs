//! Lets messages change from one way to another without overtaking each other.
//!
//! Behind the last message of the old way goes a fence. What follows by the new way waits until the receiver has read the fence: then
//! all that went before it has been delivered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use foldhash::HashMap;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::outbox::Outbox;
use crate::types::{NodeId, limits};

/// First word of a message on the control channel.
pub const PASSED: &str = "passed ";

pub struct Fence {
    pub number: u64,
    passed: AtomicBool,
    /// Who is to read it.
    reader: NodeId,
    /// Where messages wait for it.
    holding: Weak<Outbox>,
    since: Instant,
}

impl Fence {
    pub fn is_passed(&self) -> bool {
        self.passed.load(Ordering::Acquire)
    }

    pub fn pass(&self) {
        if !self.passed.swap(true, Ordering::AcqRel)
            && let Some(outbox) = self.holding.upgrade()
        {
            outbox.go_on();
        }
    }
}

/// Fences that this node waits for.
pub struct Fences {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Fence>>>,
}

impl Default for Fences {
    fn default() -> Self {
        // An answer that a former life of this node has asked for means nothing to this one.
        Fences { next: AtomicU64::new(rand::random()), open: Mutex::default() }
    }
}

impl Fences {
    pub fn before(&self, reader: &NodeId, holding: &Arc<Outbox>) -> Arc<Fence> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (passed, holding) = (AtomicBool::new(false), Arc::downgrade(holding));
        let fence = Arc::new(Fence { number, passed, reader: reader.clone(), holding, since: Instant::now() });
        self.open.lock().insert(number, fence.clone());
        fence
    }

    /// The other node has read it.
    pub fn passed(&self, number: u64) {
        let fence = self.open.lock().remove(&number);
        if let Some(fence) = fence {
            fence.pass();
        }
    }

    /// Lets go of what has waited for long enough: a fence may be lost like any message.
    pub fn let_go_overdue(&self, now: Instant) {
        for fence in self.take(|fence| fence.since + limits::FENCE_PATIENCE <= now) {
            tracing::warn!(node = %fence.reader, "a node has not said that it has all of the old bus: going on with the new one");
            fence.pass();
        }
    }

    /// A node is dead, or another life of it has begun: nobody will answer.
    pub fn let_go_of(&self, reader: &NodeId) {
        self.take(|fence| fence.reader == *reader).iter().for_each(|fence| fence.pass());
    }

    /// Those that are not waited for any more, but for the ones that were passed.
    fn take(&self, given_up: impl Fn(&Fence) -> bool) -> Vec<Arc<Fence>> {
        let mut taken = Vec::new();
        self.open.lock().retain(|_, fence| {
            let goes = !fence.is_passed() && given_up(fence);
            if goes {
                taken.push(fence.clone());
            }
            !goes && !fence.is_passed()
        });
        taken
    }

    /// How many are waited for.
    pub fn open(&self) -> usize {
        self.open.lock().values().filter(|fence| !fence.is_passed()).count()
    }
}
