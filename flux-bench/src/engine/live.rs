use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

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
    /// Commands that every worker has carried out.
    pub obeyed: u64,
}

/// Adds to a counter that only this thread writes: no locked instruction is needed.
#[inline]
pub fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed) + amount, Relaxed);
}

impl Totals {
    pub fn of<'a>(workers: impl IntoIterator<Item = &'a Live>) -> Self {
        let mut totals = Self { obeyed: u64::MAX, ..Self::default() };
        for live in workers {
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

    /// Nothing more is to come: all that was due is sent (or shed), acknowledged where the QoS asks, and delivered.
    pub fn settled(&self) -> bool {
        self.sent + self.shed >= self.due && self.delivered >= self.owed && self.acknowledged >= self.asked
    }
}
