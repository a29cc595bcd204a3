use tokio::time::Instant;

use crate::telemetry::Metrics;
use crate::types::QoS;

/// What one connection counts between two additions to the shared counters: once per wake-up, not once per message.
#[derive(Debug, Default)]
pub struct Tally {
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub packets_in: u64,
    pub packets_out: u64,
    pub delivered: [u64; 3],
    pub redelivered: u64,
    /// Publishes acknowledged in the turn they came in.
    pub answered_at_once: u64,
    /// When the turn's first bytes were taken.
    pub began: Option<Instant>,
}

impl Tally {
    pub fn delivered(&mut self, qos: QoS) {
        self.delivered[qos as usize] += 1;
    }

    pub fn flush(&mut self, metrics: &Metrics) {
        let tally = std::mem::take(self);
        if let (Some(began), 1..) = (tally.began, tally.answered_at_once) {
            metrics.publish_acknowledged.observe_many(began.elapsed(), tally.answered_at_once);
        }
        for (counter, amount) in [
            (&metrics.bytes_in, tally.bytes_in),
            (&metrics.bytes_out, tally.bytes_out),
            (&metrics.packets_in, tally.packets_in),
            (&metrics.packets_out, tally.packets_out),
            (metrics.delivered.of(QoS::AtMostOnce), tally.delivered[0]),
            (metrics.delivered.of(QoS::AtLeastOnce), tally.delivered[1]),
            (metrics.delivered.of(QoS::ExactlyOnce), tally.delivered[2]),
            (&metrics.redelivered, tally.redelivered),
        ] {
            if amount > 0 {
                counter.add(amount);
            }
        }
    }
}
