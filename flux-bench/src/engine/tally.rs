use crate::load::latency::Latency;
use crate::plan::settings::Flaw;

use super::timeline::Seconds;

/// What counts: messages due, or deliveries seen, from `from` up to `to` (ns on the run's clock).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    pub from: u64,
    pub to: u64,
}

impl Window {
    #[inline]
    pub fn contains(&self, at: u64) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// What one worker measured.
#[derive(Debug, Default)]
pub struct Tally {
    pub window: Window,
    /// Messages have a time they are due at.
    pub paced: bool,
    /// From when a message was due to its delivery; the present second's are still in `seconds`.
    pub response: Latency,
    /// From when it was sent to its delivery; unpaced, the present second's are still in `seconds`.
    pub service: Latency,
    /// From when it was due to its acknowledgement (PUBACK, PUBREC).
    pub acknowledgement: Latency,
    /// From when a message was due to when the generator noticed.
    pub lag: Latency,
    pub connect: Latency,
    /// The response times (unpaced: service times) second by second.
    pub seconds: Seconds,
    /// Deliveries that arrived within the window.
    pub delivered_in_window: u64,
    /// Messages sent within the window.
    pub sent_in_window: u64,
    pub received_bytes: u64,
    /// When the last delivery was seen, ns.
    pub last_delivery: u64,
    /// When the last client was back, ns.
    pub last_return: u64,
    pub flaw: Option<Flaw>,
}

impl Tally {
    /// Sending begins at `start`.
    pub fn begin(&mut self, start: u64, window: Window, paced: bool) {
        (self.window, self.paced) = (window, paced);
        self.seconds.begin(start);
    }

    /// Tells the time before something is counted.
    #[inline]
    pub fn roll(&mut self, now: u64) {
        self.seconds.roll(now, if self.paced { &mut self.response } else { &mut self.service });
    }

    /// Counts a delivery seen at `now`.
    #[inline]
    pub fn deliver(&mut self, intended: u64, sent: u64, now: u64) {
        self.count(now);
        let intended = if self.flaw == Some(Flaw::FromActualSend) { sent } else { intended };
        if self.window.contains(intended) {
            // Unpaced, messages have no intended time.
            if self.paced {
                self.service.record(now.saturating_sub(sent));
                self.seconds.record(now.saturating_sub(intended));
            } else {
                self.seconds.record(now.saturating_sub(sent));
            }
        }
    }

    /// Counts a delivery whose way is not known.
    #[inline]
    pub fn count(&mut self, now: u64) {
        self.delivered_in_window += u64::from(self.window.contains(now));
        self.last_delivery = now;
    }

    /// Nothing more is counted.
    pub fn close(&mut self) {
        self.seconds.close(if self.paced { &mut self.response } else { &mut self.service });
    }

    pub fn merge(&mut self, other: &Tally) {
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.acknowledgement.merge(&other.acknowledgement);
        self.lag.merge(&other.lag);
        self.connect.merge(&other.connect);
        self.delivered_in_window += other.delivered_in_window;
        self.sent_in_window += other.sent_in_window;
        self.received_bytes += other.received_bytes;
        self.last_delivery = self.last_delivery.max(other.last_delivery);
        self.last_return = self.last_return.max(other.last_return);
    }
}
