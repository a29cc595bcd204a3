use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::redis::Value;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::command::{Command, Reply};
use super::error::RedisError;
use super::figures::RedisFigures;
use super::servers::Address;

/// A command on its way. Answered once, at the latest when it is dropped.
pub(super) struct Request {
    pub command: Command,
    reply: Option<Reply>,
    pub deadline: Instant,
    /// `ASKING` goes before it.
    pub asking: bool,
    /// Send the script's text instead of its hash.
    pub text: bool,
    /// So many replicas are to confirm it: decided when it is sent.
    pub confirm: u8,
    figures: Arc<RedisFigures>,
}

impl Request {
    /// Counts as waiting from now on.
    pub(super) fn new(command: Command, reply: Reply, deadline: Instant, figures: Arc<RedisFigures>) -> Self {
        figures.waiting.add(1);
        figures.waiting_bytes.add(command.weight() as u64);
        Request { command, reply: Some(reply), deadline, asking: false, text: false, confirm: 0, figures }
    }

    pub(super) fn answer(mut self, answer: Result<Value, RedisError>) {
        self.tell(answer);
    }

    fn tell(&mut self, answer: Result<Value, RedisError>) {
        let Some(reply) = self.reply.take() else { return };
        self.figures.waiting.sub(1);
        self.figures.waiting_bytes.sub(self.command.weight() as u64);
        match &answer {
            Ok(_) => self.figures.commands.add(1),
            Err(RedisError::Refused { .. }) => {
                self.figures.commands.add(1);
                self.figures.refused.add(1);
            }
            Err(_) => self.figures.failed.add(1),
        }
        reply.answer(answer);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.tell(Err(RedisError::Closed));
    }
}

/// Which server a lane leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The one primary, wherever it is at the moment.
    Primary,
    /// This node of a Cluster.
    At(Address),
}

/// What waits for one primary, in order. Its writer takes from the front.
pub(super) struct Lane {
    pub place: Place,
    queue: Mutex<Queue>,
    pub wake: Notify,
    /// Why it is not connected.
    pub problem: Mutex<Option<Arc<str>>>,
    /// No slot leads here any more: the writer ends once the queue is empty.
    pub retired: AtomicBool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Request>,
    /// Taken by the writer and not answered.
    in_flight: usize,
}

impl Lane {
    pub(super) fn new(place: Place) -> Self {
        Lane {
            place,
            queue: Mutex::default(),
            wake: Notify::new(),
            problem: Mutex::new(Some("not connected yet".into())),
            retired: AtomicBool::new(false),
        }
    }

    pub(super) fn push(&self, request: Request) {
        let mut queue = self.queue.lock();
        queue.waiting.push_back(request);
        let first = queue.waiting.len() == 1;
        drop(queue);
        // The writer looks into the queue after everything it does; only when it sleeps must it be woken.
        if first {
            self.wake.notify_one();
        }
    }

    /// Puts back what was taken, before all that came later.
    pub(super) fn put_back(&self, requests: impl DoubleEndedIterator<Item = Request>) {
        let mut queue = self.queue.lock();
        for request in requests.rev() {
            queue.waiting.push_front(request);
        }
        drop(queue);
        self.wake.notify_one();
    }

    /// The first `most`, up to about so many bytes. They count as in flight.
    pub(super) fn take(&self, most: usize, bytes: usize, into: &mut Vec<Request>) {
        let mut queue = self.queue.lock();
        let mut taken_bytes = 0;
        while into.len() < most && taken_bytes < bytes {
            let Some(request) = queue.waiting.pop_front() else { break };
            taken_bytes += request.command.weight();
            into.push(request);
        }
        queue.in_flight += into.len();
    }

    /// Everything, for handing it to other lanes.
    pub(super) fn take_all(&self) -> VecDeque<Request> {
        std::mem::take(&mut self.queue.lock().waiting)
    }

    /// So many of those in flight are answered or put back.
    pub(super) fn landed(&self, count: usize) {
        self.queue.lock().in_flight -= count;
    }

    pub(super) fn is_idle(&self) -> bool {
        let queue = self.queue.lock();
        queue.waiting.is_empty() && queue.in_flight == 0
    }

    pub(super) fn is_connected(&self) -> bool {
        self.problem.lock().is_none()
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Answers those whose time is up.
    pub(super) fn expire(&self, now: Instant) {
        let mut expired = VecDeque::new();
        let mut queue = self.queue.lock();
        if queue.waiting.iter().any(|request| request.deadline <= now) {
            let (late, waiting) = std::mem::take(&mut queue.waiting).into_iter().partition(|request| request.deadline <= now);
            queue.waiting = waiting;
            expired = late;
        }
        drop(queue);
        if expired.is_empty() {
            return;
        }
        let why = self.problem.lock().clone().unwrap_or_else(|| "it is too slow".into());
        for request in expired {
            request.answer(Err(RedisError::Unavailable(why.clone())));
        }
    }
}
