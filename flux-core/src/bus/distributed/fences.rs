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
use crate::types::limits;

/// First word of a message on the control channel.
pub const PASSED: &str = "passed ";

pub struct Fence {
    pub number: u64,
    passed: AtomicBool,
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
    pub fn before(&self, holding: &Arc<Outbox>) -> Arc<Fence> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (passed, holding) = (AtomicBool::new(false), Arc::downgrade(holding));
        let fence = Arc::new(Fence { number, passed, holding, since: Instant::now() });
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

    /// Lets go of what has waited for long enough: a fence may be lost like any message, and so may the node that would answer.
    pub fn let_go_overdue(&self, now: Instant) {
        let mut overdue = Vec::new();
        self.open.lock().retain(|_, fence| {
            if fence.is_passed() {
                return false;
            }
            let late = fence.since + limits::FENCE_PATIENCE <= now;
            if late {
                overdue.push(fence.clone());
            }
            !late
        });
        for fence in overdue {
            tracing::warn!("a node has not said that it has all of the old bus: going on with the new one");
            fence.pass();
        }
    }

    /// How many are waited for.
    pub fn open(&self) -> usize {
        self.open.lock().values().filter(|fence| !fence.is_passed()).count()
    }
}
