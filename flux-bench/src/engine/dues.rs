use crate::load::arrivals::{Arrival, Arrivals};
use crate::load::pace::Pace;

/// How many messages one publisher may be behind its schedule, in seconds of it, before the oldest are shed. Being behind
/// costs no memory; the bound is there so that a run against a server that stopped ends.
const BACKLOG_SECONDS: f64 = 10.0;

/// What one publisher may send by now, and when each of it was due. Whatever client sends it.
#[derive(Debug)]
pub struct Dues {
    /// None when unpaced.
    pace: Option<Pace>,
    /// Its places in the schedule: the next message whose time comes, and the next one to be sent.
    releasing: Arrivals,
    taking: Arrivals,
    /// Messages whose time has come, and those that were sent or shed.
    released: u64,
    taken: u64,
    backlog: u64,
    /// Unpaced sending ends here.
    until: u64,
}

impl Default for Dues {
    /// Nothing to send.
    fn default() -> Self {
        let nowhere = Arrivals::new(Arrival::Constant, (0, 1), 0);
        Self { pace: None, releasing: nowhere, taking: nowhere, released: 0, taken: 0, backlog: 0, until: 0 }
    }
}

impl Dues {
    /// By a schedule that is shared with others; `share` of the schedule's rate is its own.
    pub fn follow(&mut self, pace: Pace, arrivals: Arrivals, share: f64) {
        (self.pace, self.releasing, self.taking) = (Some(pace), arrivals, arrivals);
        self.backlog = (BACKLOG_SECONDS * pace.peak() * share).ceil().max(64.0) as u64;
    }

    /// So many messages, at once.
    pub fn fill(&mut self, messages: u64) {
        self.until = u64::MAX;
        self.released = self.taken + messages;
    }

    /// As many as can be until `until`, ns.
    pub fn flood(&mut self, until: u64) {
        self.until = until;
        self.released = u64::MAX;
    }

    /// No new message.
    pub fn halt(&mut self) {
        self.released = self.taken;
    }

    /// When the next message is due; None when there is no more.
    #[inline]
    pub fn next_due(&self) -> Option<u64> {
        self.pace?.at(self.releasing.position())
    }

    /// The next message's time has come. Returns how many were shed because too many wait already (0 or 1).
    #[inline]
    pub fn release(&mut self) -> u64 {
        self.released += 1;
        self.releasing.advance();
        if self.released - self.taken <= self.backlog {
            return 0;
        }
        self.skip();
        1
    }

    /// Whether a message may be sent at `now`.
    #[inline]
    pub fn ready(&mut self, now: u64) -> bool {
        if self.pace.is_none() && now >= self.until {
            self.halt();
        }
        self.taken < self.released
    }

    /// Sends the next one: when it was due. Only when [`Dues::ready`].
    #[inline]
    pub fn take(&mut self, now: u64) -> u64 {
        let intended = match &self.pace {
            Some(pace) => pace.at(self.taking.position()).unwrap_or(now),
            None => now,
        };
        self.skip();
        intended
    }

    #[inline]
    fn skip(&mut self) {
        self.taken += 1;
        self.taking.advance();
    }
}
