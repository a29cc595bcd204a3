use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// One worker's counters, written by it alone and read by who shows progress. Aligned so that workers do not share a line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Live {
    pub connected: AtomicU64,
    /// Connections that could not be opened.
    pub failed: AtomicU64,
    /// Connections that ended before their time.
    pub lost: AtomicU64,
    /// Messages whose time has come.
    pub due: AtomicU64,
    pub sent: AtomicU64,
    pub shed: AtomicU64,
    /// Of those sent, what the server must acknowledge.
    pub asked: AtomicU64,
    pub acknowledged: AtomicU64,
    /// Deliveries that the messages sent should cause.
    pub owed: AtomicU64,
    /// Different messages delivered.
    pub delivered: AtomicU64,
    /// HTTP: requests that ended without an answer.
    pub unanswered: AtomicU64,
    /// Clients that came back after they had left, or that came late by plan.
    pub returned: AtomicU64,
    /// Of those, the ones whose session the server had not kept although it should have.
    pub sessions_lost: AtomicU64,
    /// All of the worker's connections are open (or have failed) and subscribed.
    pub ready: AtomicBool,
    /// Sending has begun, or will not.
    begun: AtomicBool,
    /// Schedules that still have messages whose time has not come.
    schedules: AtomicU64,
    /// Commands it has carried out.
    pub obeyed: AtomicU64,
}

/// The sum over all workers at one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub connected: u64,
    pub failed: u64,
    pub lost: u64,
    pub due: u64,
    pub sent: u64,
    pub shed: u64,
    pub asked: u64,
    pub acknowledged: u64,
    pub owed: u64,
    pub delivered: u64,
    pub unanswered: u64,
    pub returned: u64,
    pub sessions_lost: u64,
    pub workers_ready: usize,
    /// Some worker has not begun, or has messages whose time has not come by its own look at the clock: on a busy machine that may be
    /// long after it came.
    pub scheduling: bool,
    /// Commands that every worker has carried out.
    pub obeyed: u64,
}

/// Adds to a counter that only this thread writes: no locked instruction is needed.
#[inline]
pub fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed) + amount, Relaxed);
}

impl Live {
    /// Sending begins, by so many schedules.
    pub fn begin(&self, schedules: usize) {
        self.schedules.store(schedules as u64, Relaxed);
        self.begun.store(true, Release);
    }

    /// A schedule has come to its end; what was due by it is counted.
    pub fn schedule_ended(&self) {
        self.schedules.store(self.schedules.load(Relaxed).saturating_sub(1), Release);
    }

    fn is_scheduling(&self) -> bool {
        !self.begun.load(Acquire) || self.schedules.load(Acquire) > 0
    }
}

impl Totals {
    pub fn of<'a>(workers: impl IntoIterator<Item = &'a Live>) -> Self {
        let mut totals = Self { obeyed: u64::MAX, ..Self::default() };
        for live in workers {
            // Before what it announces.
            totals.scheduling |= live.is_scheduling();
            totals.connected += live.connected.load(Relaxed);
            totals.failed += live.failed.load(Relaxed);
            totals.lost += live.lost.load(Relaxed);
            totals.due += live.due.load(Relaxed);
            totals.sent += live.sent.load(Relaxed);
            totals.shed += live.shed.load(Relaxed);
            totals.asked += live.asked.load(Relaxed);
            totals.acknowledged += live.acknowledged.load(Relaxed);
            totals.owed += live.owed.load(Relaxed);
            totals.delivered += live.delivered.load(Relaxed);
            totals.unanswered += live.unanswered.load(Relaxed);
            totals.returned += live.returned.load(Relaxed);
            totals.sessions_lost += live.sessions_lost.load(Relaxed);
            totals.obeyed = totals.obeyed.min(live.obeyed.load(Relaxed));
            totals.workers_ready += usize::from(live.ready.load(Relaxed));
        }
        totals
    }

    /// Nothing more is to come: no message's time is still to come, all that was due is sent (or shed), acknowledged where the QoS asks, and delivered.
    pub fn settled(&self) -> bool {
        !self.scheduling && self.sent + self.shed >= self.due && self.delivered >= self.owed && self.acknowledged >= self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_settled_before_every_schedule_has_ended() {
        let (one, other) = (Live::default(), Live::default());
        let settled = || Totals::of([&one, &other]).settled();
        one.begin(1);
        other.begin(0);
        assert!(!settled(), "a worker that got no processor has not released what was due long ago");
        add(&one.due, 2);
        one.schedule_ended();
        assert!(!settled(), "two messages are to be sent");
        add(&one.sent, 2);
        assert!(settled());
        assert!(!Totals::of([&one, &Live::default()]).settled(), "a worker that has not begun may have messages");
    }
}
