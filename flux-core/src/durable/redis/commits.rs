use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::lane::{Step, What};
use crate::receipt::ReceiptSender;
use crate::types::{ClientId, Refusal};

/// A transaction on its way: done when all of its steps are.
pub(super) struct Commit(Mutex<Inner>);

struct Inner {
    left: usize,
    refusal: Option<Refusal>,
    answer: Option<ReceiptSender>,
    /// Steps that must not be taken before the others are.
    after: SmallVec<[(ClientId, Step); 1]>,
}

impl Commit {
    pub(super) fn new(answer: ReceiptSender) -> Arc<Self> {
        Arc::new(Commit(Mutex::new(Inner { left: 0, refusal: None, answer: Some(answer), after: SmallVec::new() })))
    }

    /// One more step.
    pub(super) fn expect(&self) {
        self.0.lock().left += 1;
    }

    pub(super) fn put_off(&self, client: ClientId, step: Step) {
        self.0.lock().after.push((client, step));
    }

    /// One step is done or refused. Returns what may follow now; after a refusal nothing does.
    pub(super) fn done(&self, outcome: Result<(), Refusal>) -> SmallVec<[(ClientId, Step); 1]> {
        let mut inner = self.0.lock();
        inner.left -= 1;
        if let Err(refusal) = outcome {
            inner.refusal.get_or_insert(refusal);
        }
        if inner.left > 0 {
            return SmallVec::new();
        }
        if inner.refusal.is_none() && !inner.after.is_empty() {
            inner.left = inner.after.len();
            return std::mem::take(&mut inner.after);
        }
        let dropped = std::mem::take(&mut inner.after);
        let answer = inner.answer.take().map(|answer| (answer, inner.refusal.map_or(Ok(()), Err)));
        drop(inner);
        drop(dropped);
        if let Some((answer, outcome)) = answer {
            // A publisher that is gone needs no answer.
            let _ = answer.send(outcome);
        }
        SmallVec::new()
    }
}

/// Tells the owner of an entry that it is not in the queue.
pub(super) fn retract(what: &What) {
    if let What::Append(append) = what {
        append.owner.unstored(&append.delivery);
    }
}
