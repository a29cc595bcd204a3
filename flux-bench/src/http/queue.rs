use std::collections::VecDeque;
use std::task::Waker;

use crate::load::pace::Pace;

/// How many requests may wait, in seconds of the schedule, before the oldest are shed. Waiting costs no memory; the bound is there
/// so that a run against a server that stopped ends.
const BACKLOG_SECONDS: f64 = 10.0;

/// Hands the requests of one worker to whichever of its connections is free. Pure: it is told the time, and wakes who waits.
#[derive(Debug, Default)]
pub struct Queue {
    /// The worker's number and how many there are: together its share of the schedule.
    number: u64,
    of: u64,
    /// None when unpaced.
    pace: Option<Pace>,
    /// Unpaced, nothing begins from here on.
    until: u64,
    /// Requests whose time has come, and those that were taken or shed.
    released: u64,
    taken: u64,
    backlog: u64,
    over: bool,
    /// Connections that wait, who has waited longest first; those that gave up waiting may still be in it.
    idle: VecDeque<usize>,
    waiting: Vec<Option<Waker>>,
}

/// What a connection that is free should do.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Make the request that was due at this time.
    Go { intended: u64 },
    /// It is woken when there is something.
    Wait,
    /// There will be nothing more.
    Over,
}

impl Queue {
    pub fn new(number: usize, of: usize, connections: usize) -> Self {
        Self { number: number as u64, of: of as u64, waiting: vec![None; connections], ..Default::default() }
    }

    /// Requests by the schedule shared by all workers, `rate` a second over all of them.
    pub fn follow(&mut self, pace: Pace, rate: f64) {
        self.pace = Some(pace);
        self.backlog = (BACKLOG_SECONDS * rate / self.of as f64).ceil().max(64.0) as u64;
    }

    /// As many as the connections can make until `until`.
    pub fn flood(&mut self, until: u64) {
        self.until = until;
        self.wake_all();
    }

    /// No new request; what was taken is finished.
    pub fn halt(&mut self) {
        (self.pace, self.until) = (None, 0);
        self.released = self.taken;
        self.over = true;
        self.wake_all();
    }

    /// No request will become due any more; those that wait are still made.
    pub fn last(&mut self) {
        self.over = true;
        self.wake_all();
    }

    /// When the next request is due; None when there is none.
    pub fn next_due(&self) -> Option<u64> {
        self.pace?.due(self.released * self.of + self.number)
    }

    /// The next request's time has come. Returns how many were shed because too many wait already (0 or 1).
    pub fn release(&mut self) -> u64 {
        self.released += 1;
        let shed = u64::from(self.released - self.taken > self.backlog);
        self.taken += shed;
        self.wake_one();
        shed
    }

    pub fn turn(&mut self, connection: usize, now: u64, waker: &Waker) -> Turn {
        if self.taken < self.released {
            let intended = self.pace.as_ref().and_then(|pace| pace.due(self.taken * self.of + self.number)).unwrap_or(now);
            self.taken += 1;
            return Turn::Go { intended };
        }
        if now < self.until {
            return Turn::Go { intended: now };
        }
        if self.over || self.until > 0 {
            return Turn::Over;
        }
        let place = &mut self.waiting[connection];
        match place {
            Some(known) => known.clone_from(waker),
            None => {
                *place = Some(waker.clone());
                self.idle.push_back(connection);
            }
        }
        Turn::Wait
    }

    /// A connection will not come for what it may have been woken for: another should.
    pub fn pass_on(&mut self, connection: usize) {
        self.waiting[connection] = None;
        self.idle.retain(|idle| *idle != connection);
        if self.taken < self.released {
            self.wake_one();
        }
    }

    fn wake_one(&mut self) {
        if let Some(waker) = self.idle.pop_front().and_then(|connection| self.waiting[connection].take()) {
            waker.wake();
        }
    }

    fn wake_all(&mut self) {
        while !self.idle.is_empty() {
            self.wake_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    const MS: u64 = 1_000_000;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn paced(connections: usize, rate: f64) -> Queue {
        let mut queue = Queue::new(0, 1, connections);
        queue.follow(Pace::new(0, 10_000 * MS, rate), rate);
        queue
    }

    fn release_until(queue: &mut Queue, now: u64) -> u64 {
        let mut shed = 0;
        while queue.next_due().is_some_and(|due| due <= now) {
            shed += queue.release();
        }
        shed
    }

    #[test]
    fn whoever_is_free_takes_the_next_and_measures_from_when_it_was_due() {
        let mut queue = paced(2, 1_000.0);
        release_until(&mut queue, 2 * MS);
        // All three wait until 5 ms, when the first connection is free.
        for intended in [0, MS, 2 * MS] {
            assert_eq!(queue.turn(0, 5 * MS, Waker::noop()), Turn::Go { intended });
        }
        assert_eq!(queue.turn(0, 5 * MS, Waker::noop()), Turn::Wait);
    }

    #[test]
    fn each_request_wakes_one_of_those_who_wait_and_they_take_turns() {
        let mut queue = paced(2, 1_000.0);
        let counts: Vec<Arc<Count>> = (0..2).map(|_| Arc::default()).collect();
        let wakers: Vec<Waker> = counts.iter().map(|count| Waker::from(Arc::clone(count))).collect();
        for round in 1..=3 {
            for (connection, waker) in wakers.iter().enumerate() {
                assert_eq!(queue.turn(connection, 0, waker), Turn::Wait);
                // Looking again while waiting is no second place in the line.
                assert_eq!(queue.turn(connection, 0, waker), Turn::Wait);
            }
            for connection in 0..2 {
                queue.release();
                assert_eq!(counts[connection].0.load(Ordering::Relaxed), round);
                assert!(matches!(queue.turn(connection, 0, &wakers[connection]), Turn::Go { .. }));
            }
        }
    }

    #[test]
    fn what_a_broken_connection_was_woken_for_goes_to_another() {
        let mut queue = paced(2, 1_000.0);
        let other = Arc::<Count>::default();
        assert_eq!(queue.turn(0, 0, Waker::noop()), Turn::Wait);
        assert_eq!(queue.turn(1, 0, &Waker::from(Arc::clone(&other))), Turn::Wait);
        queue.release();
        queue.pass_on(0);
        assert_eq!(other.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_waits_too_long_is_shed_and_counted() {
        let mut queue = paced(1, 100.0);
        let shed: u64 = (0..1_500).map(|_| queue.release()).sum();
        assert_eq!(shed, 500, "ten seconds at 100/s may wait");
    }

    #[test]
    fn at_its_end_what_waits_is_still_made_unless_it_was_halted() {
        let mut queue = paced(1, 1_000.0);
        release_until(&mut queue, 0);
        queue.last();
        assert_eq!(queue.turn(0, MS, Waker::noop()), Turn::Go { intended: 0 });
        assert_eq!(queue.turn(0, MS, Waker::noop()), Turn::Over);
        let mut halted = paced(1, 1_000.0);
        release_until(&mut halted, 0);
        halted.halt();
        assert_eq!((halted.turn(0, MS, Waker::noop()), halted.next_due()), (Turn::Over, None));
    }

    #[test]
    fn unpaced_connections_go_on_until_the_end() {
        let mut queue = Queue::new(0, 1, 1);
        assert_eq!(queue.turn(0, 0, Waker::noop()), Turn::Wait, "the load has not begun");
        queue.flood(10);
        assert_eq!(queue.turn(0, 9, Waker::noop()), Turn::Go { intended: 9 });
        assert_eq!(queue.turn(0, 10, Waker::noop()), Turn::Over);
    }
}
