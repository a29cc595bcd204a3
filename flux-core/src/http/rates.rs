//! How much a second: a sample each second, the mean over the last few.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::api::{Flow, Process, Traffic};
use crate::telemetry::{Metrics, ProcessFigures};

/// Between two samples.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// Five seconds of them.
const SAMPLES: usize = 6;

/// Remembers what the counters said in the last seconds.
pub(super) struct Rates {
    metrics: Arc<Metrics>,
    samples: Mutex<VecDeque<Sample>>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    /// In, out, dropped; bytes in, bytes out.
    totals: [u64; 5],
    cpu_seconds: Option<f64>,
}

impl Rates {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let rates = Rates { metrics, samples: Mutex::default() };
        rates.tick();
        rates
    }

    fn sample(&self) -> Sample {
        let metrics = &self.metrics;
        let (received, delivered, dropped) = (metrics.received.total(), metrics.delivered.total(), metrics.dropped.total());
        let totals = [received, delivered, dropped, metrics.bytes_in.get(), metrics.bytes_out.get()];
        Sample { at: Instant::now(), totals, cpu_seconds: ProcessFigures::read().cpu_seconds }
    }

    /// To be called once in [`TICK`].
    pub(super) fn tick(&self) {
        let sample = self.sample();
        let mut samples = self.samples.lock();
        samples.push_back(sample);
        if samples.len() > SAMPLES {
            samples.pop_front();
        }
    }

    fn ends(&self) -> Option<(Sample, Sample)> {
        let samples = self.samples.lock();
        Some((*samples.front()?, *samples.back()?))
    }

    pub(super) fn traffic(&self) -> Traffic {
        let totals = self.sample().totals;
        let ends = self.ends();
        let [messages_in, messages_out, messages_dropped, bytes_in, bytes_out] = std::array::from_fn(|index| Flow {
            total: totals[index],
            per_second: ends
                .map_or(0.0, |(first, last)| per_second((last.totals[index] - first.totals[index]) as f64, first.at, last.at)),
        });
        Traffic { messages_in, messages_out, messages_dropped, bytes_in, bytes_out }
    }

    pub(super) fn process(&self) -> Process {
        let figures = ProcessFigures::read();
        Process {
            pid: std::process::id(),
            cpu_percent: self.cpu_percent(),
            cpu_seconds: figures.cpu_seconds,
            rss_bytes: figures.rss_bytes,
            open_descriptors: figures.open_descriptors,
            descriptor_limit: figures.descriptor_limit,
        }
    }

    /// 100 is one core.
    fn cpu_percent(&self) -> Option<f64> {
        let (first, last) = self.ends()?;
        Some(per_second((last.cpu_seconds? - first.cpu_seconds?) * 100.0, first.at, last.at))
    }
}

/// Zero until there are two samples.
fn per_second(amount: f64, from: Instant, to: Instant) -> f64 {
    let seconds = to.duration_since(from).as_secs_f64();
    if seconds > 0.0 { (amount / seconds * 10.0).round() / 10.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::QoS;

    #[test]
    fn a_rate_is_what_came_between_the_samples() {
        let metrics = Arc::new(Metrics::default());
        let rates = Rates::new(metrics.clone());
        assert_eq!(rates.traffic().messages_in, Flow::default());
        metrics.received.of(QoS::AtLeastOnce).add(1_000);
        rates.tick();
        let flow = rates.traffic().messages_in;
        assert!(flow.total == 1_000 && flow.per_second > 0.0, "{flow:?}");
        for _ in 0..SAMPLES {
            rates.tick();
        }
        assert_eq!(rates.traffic().messages_in, Flow { total: 1_000, per_second: 0.0 });
    }

    #[test]
    fn a_rate_is_an_amount_by_time() {
        let start = Instant::now();
        assert_eq!(per_second(50.0, start, start + Duration::from_secs(5)).to_string(), "10");
        assert_eq!(per_second(50.0, start, start).to_string(), "0");
    }
}
