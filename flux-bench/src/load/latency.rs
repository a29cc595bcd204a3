use hdrhistogram::Histogram;
use serde::Serialize;

/// From 1 µs to an hour with three significant digits.
const LOWEST: u64 = 1_000;
const HIGHEST: u64 = 3_600_000_000_000;

/// Durations in ns.
#[derive(Debug, Clone)]
pub struct Latency {
    histogram: Histogram<u64>,
}

/// What is reported of a histogram, in ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    #[serde(rename = "p99.9")]
    pub p999: f64,
    pub max: f64,
    pub mean: f64,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(LOWEST, HIGHEST, 3).expect("the bounds above are valid");
        Self { histogram }
    }
}

impl Latency {
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.histogram.saturating_record(ns);
    }

    /// `count` durations of the same length.
    pub fn record_many(&mut self, ns: u64, count: u64) {
        self.histogram.saturating_record_n(ns, count);
    }

    pub fn merge(&mut self, other: &Latency) {
        self.histogram.add(&other.histogram).expect("all histograms have the same bounds");
    }

    pub fn percentiles(&self) -> Percentiles {
        if self.histogram.is_empty() {
            return Percentiles::default();
        }
        let at = |quantile| self.histogram.value_at_quantile(quantile).min(self.histogram.max()) as f64 / 1e6;
        Percentiles {
            count: self.histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.histogram.max() as f64 / 1e6,
            mean: self.histogram.mean() / 1e6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_known_distribution() {
        let mut latency = Latency::default();
        for ms in 1..=1_000 {
            latency.record(ms * 1_000_000);
        }
        let found = latency.percentiles();
        for (got, want) in [(found.p50, 500.0), (found.p90, 900.0), (found.p99, 990.0), (found.max, 1_000.0)] {
            assert!((got - want).abs() / want < 0.002, "{got} for {want}");
        }
    }

    #[test]
    fn merged_histograms_count_both() {
        let (mut one, mut other) = (Latency::default(), Latency::default());
        one.record(1_000_000);
        other.record_many(3_000_000, 3);
        one.merge(&other);
        assert_eq!(one.percentiles().count, 4);
        assert!(one.percentiles().p90 > 2.9);
    }
}
