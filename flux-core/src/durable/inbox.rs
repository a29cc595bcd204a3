//! The queue of transactions before the writer thread: bounded in bytes, taken in batches.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foldhash::HashMap;
use parking_lot::{Condvar, Mutex};

use super::port::{Operation, Transaction};
use crate::receipt::{Receipt, ReceiptSender};
use crate::types::Refusal;
use crate::types::limits;

pub(super) struct Waiting {
    pub(super) transaction: Transaction,
    pub(super) bytes: usize,
    pub(super) answer: ReceiptSender,
}

#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Of what waits and of what is being written.
    bytes: usize,
    closed: bool,
    writer_sleeps: bool,
    /// By identity of the task, so that one that asks often is kept once.
    wakers: HashMap<usize, Waker>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Batch,
    /// Nothing came in the time given.
    Nothing,
    /// Nothing waits and nothing will come.
    Closed,
}

impl Inbox {
    pub(super) fn push(&self, transaction: Transaction) -> Receipt {
        let bytes = transaction.operations.iter().map(Operation::weight).sum::<usize>();
        let mut state = self.state.lock();
        let full = state.bytes > 0 && state.bytes + bytes > limits::COMMIT_QUEUE_LIMIT_BYTES;
        if state.closed || full || bytes > limits::TRANSACTION_BYTES {
            let refusal = if state.closed { Refusal::ShuttingDown } else { Refusal::QuotaExceeded };
            drop(state);
            transaction.retract();
            return Receipt::refused(refusal);
        }
        let (answer, receipt) = Receipt::pending();
        state.bytes += bytes;
        state.waiting.push_back(Waiting { transaction, bytes, answer });
        if std::mem::take(&mut state.writer_sleeps) {
            drop(state);
            self.arrived.notify_one();
        }
        receipt
    }

    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.closed || state.bytes < limits::COMMIT_QUEUE_BYTES {
            return Poll::Ready(());
        }
        let waker = context.waker();
        state.wakers.insert(waker.data() as usize, waker.clone());
        Poll::Pending
    }

    /// Waits for transactions, at most `patience`, and takes as many as one group commit may have.
    pub(super) fn take(&self, batch: &mut Vec<Waiting>, patience: Option<Duration>) -> Taken {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            state.writer_sleeps = true;
            match patience {
                None => self.arrived.wait(&mut state),
                Some(patience) if self.arrived.wait_for(&mut state, patience).timed_out() => {
                    state.writer_sleeps = false;
                    if state.waiting.is_empty() && !state.closed {
                        return Taken::Nothing;
                    }
                }
                Some(_) => {}
            }
        }
        let mut bytes = 0;
        while let Some(next) = state.waiting.front() {
            bytes += next.bytes;
            if batch.len() == limits::COMMIT_BATCH || (!batch.is_empty() && bytes > limits::COMMIT_FRAME_BYTES) {
                break;
            }
            batch.extend(state.waiting.pop_front());
        }
        Taken::Batch
    }

    /// What was taken is dealt with.
    pub(super) fn done(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.bytes -= bytes;
        if state.bytes < limits::COMMIT_QUEUE_BYTES && !state.wakers.is_empty() {
            let wakers = std::mem::take(&mut state.wakers);
            drop(state);
            wakers.into_values().for_each(Waker::wake);
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.state.lock().bytes as u64
    }

    /// Refuses what comes later; the writer still takes what waits.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.arrived.notify_one();
        wakers.into_values().for_each(Waker::wake);
    }

    /// The writer is gone: what waits is answered by nobody.
    pub(super) fn abandon(&self) {
        self.close();
        let mut state = self.state.lock();
        state.bytes = 0;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::types::ClientId;
    use crate::types::QueueId;

    fn transaction(bytes: usize) -> Transaction {
        let operation = Operation::PutSession { queue: QueueId(1), client: ClientId::new("c"), record: vec![0; bytes].into() };
        Transaction { operations: [operation].into_iter().collect() }
    }

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn publishers_wait_above_the_bound_and_are_woken_once_below_it() {
        let inbox = Inbox::default();
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        assert!(inbox.poll_room(&mut context).is_ready());
        let _receipt = inbox.push(transaction(limits::COMMIT_QUEUE_BYTES));
        for _ in 0..10 {
            assert!(inbox.poll_room(&mut context).is_pending());
        }
        let mut batch = Vec::new();
        assert_eq!(inbox.take(&mut batch, None), Taken::Batch);
        assert!(inbox.poll_room(&mut context).is_pending(), "what is being written still takes room");
        inbox.done(batch[0].bytes);
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(inbox.poll_room(&mut context).is_ready());
    }

    #[test]
    fn whoever_does_not_wait_is_refused_at_the_limit() {
        let inbox = Inbox::default();
        let mut receipts = Vec::new();
        for _ in 0..3 {
            receipts.push(inbox.push(transaction(limits::COMMIT_QUEUE_LIMIT_BYTES / 3 - 1_000)));
        }
        assert!(receipts.iter().all(|receipt| matches!(receipt, Receipt::Pending(_))));
        assert!(matches!(inbox.push(transaction(10_000)), Receipt::Ready(Err(Refusal::QuotaExceeded))));
    }

    #[test]
    fn a_batch_is_bounded_in_bytes_but_never_empty() {
        let inbox = Inbox::default();
        for bytes in [limits::COMMIT_FRAME_BYTES + 1, 10, 10, limits::COMMIT_FRAME_BYTES, 10] {
            drop(inbox.push(transaction(bytes)));
        }
        let sizes = std::iter::from_fn(|| {
            let mut batch = Vec::new();
            (inbox.take(&mut batch, Some(Duration::ZERO)) == Taken::Batch).then_some(batch.len())
        });
        assert_eq!(sizes.collect::<Vec<_>>(), [1, 2, 1, 1]);
    }

    #[test]
    fn after_closing_what_waits_is_taken_and_what_comes_is_refused() {
        let inbox = Inbox::default();
        drop(inbox.push(transaction(1)));
        inbox.close();
        assert!(matches!(inbox.push(transaction(1)), Receipt::Ready(Err(Refusal::ShuttingDown))));
        let mut batch = Vec::new();
        assert_eq!(inbox.take(&mut batch, None), Taken::Batch);
        assert_eq!(inbox.take(&mut Vec::new(), None), Taken::Closed);
    }
}
