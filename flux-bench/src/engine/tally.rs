use crate::load::latency::Latency;

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
    /// From when a message was due to its delivery.
    pub response: Latency,
    /// From when it was sent to its delivery.
    pub service: Latency,
    /// From when it was due to its acknowledgement (PUBACK, PUBREC).
    pub acknowledgement: Latency,
    /// From when a message was due to when the generator noticed.
    pub lag: Latency,
    pub connect: Latency,
    /// Deliveries that arrived within the window.
    pub delivered_in_window: u64,
    /// Messages sent within the window.
    pub sent_in_window: u64,
    pub received_bytes: u64,
}

impl Tally {
    pub fn merge(&mut self, other: &Tally) {
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.acknowledgement.merge(&other.acknowledgement);
        self.lag.merge(&other.lag);
        self.connect.merge(&other.connect);
        self.delivered_in_window += other.delivered_in_window;
        self.sent_in_window += other.sent_in_window;
        self.received_bytes += other.received_bytes;
    }
}
