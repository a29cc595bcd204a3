use std::task::{Context, Poll, Waker};

use foldhash::{HashMap, HashMapExt};
use parking_lot::{Condvar, Mutex};

use super::lane::{Lane, Step};
use crate::types::limits::COMMIT_QUEUE_BYTES;
use crate::types::{ClientId, QueueId, Timestamp};

/// What the store remembers of what Redis has, and what is on its way there.
pub(super) struct State {
    pub lanes: HashMap<ClientId, Lane>,
    pub queues: HashMap<QueueId, ClientId>,
    /// Steps not answered yet, and their bytes.
    pub steps: usize,
    pub bytes: usize,
    pub closed: bool,
    wakers: Vec<Waker>,
    pub transactions: u64,
    pub commits: u64,
    pub failures: u64,
    /// The last batch that was answered could not be written.
    pub failed: bool,
    pub queued: u64,
    first_number: u64,
}

pub(super) struct Shared {
    pub state: Mutex<State>,
    /// Told when nothing is on its way any more.
    pub idle: Condvar,
}

impl Default for Shared {
    fn default() -> Self {
        let state = State {
            lanes: HashMap::new(),
            queues: HashMap::new(),
            steps: 0,
            bytes: 0,
            closed: false,
            wakers: Vec::new(),
            transactions: 0,
            commits: 0,
            failures: 0,
            failed: false,
            queued: 0,
            // No process before this one, nor this one in a lifetime, gets there.
            first_number: Timestamp::now().as_millis() * 1_000,
        };
        Shared { state: Mutex::new(state), idle: Condvar::new() }
    }
}

impl State {
    pub(super) fn lane(&mut self, client: &ClientId) -> &mut Lane {
        if !self.lanes.contains_key(client) {
            // A lane that comes back after it was forgotten must not repeat the numbers that it had.
            self.first_number += 1_000_000;
            self.lanes.insert(client.clone(), Lane::new(self.first_number));
        }
        self.lanes.get_mut(client).expect("it was just put there")
    }

    /// Takes steps up behind what waits. Answers whose they are.
    pub(super) fn enqueue(&mut self, steps: impl IntoIterator<Item = (ClientId, Step)>) -> Vec<ClientId> {
        let mut touched = Vec::new();
        for (client, step) in steps {
            self.steps += 1;
            self.bytes += step.bytes;
            self.lane(&client).waiting.push_back(step);
            touched.push(client);
        }
        touched
    }

    /// So many steps are done. Answers whom to wake.
    pub(super) fn account_for(&mut self, steps: usize, bytes: usize) -> Vec<Waker> {
        self.steps -= steps;
        self.bytes -= bytes;
        self.take_wakers()
    }

    pub(super) fn poll_room(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.closed || self.bytes < COMMIT_QUEUE_BYTES {
            return Poll::Ready(());
        }
        if !self.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            self.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Whom to wake, once there is room again.
    pub(super) fn take_wakers(&mut self) -> Vec<Waker> {
        if self.closed || self.bytes < COMMIT_QUEUE_BYTES { std::mem::take(&mut self.wakers) } else { Vec::new() }
    }
}
