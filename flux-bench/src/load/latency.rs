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

/// One point of a percentile spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// 0 to 1: this share of all durations were at most `ms`.
    pub quantile: f64,
    #[serde(rename = "milliseconds")]
    pub ms: f64,
}

/// Buckets for a heat map: four per doubling, so that neighbours differ by a fifth. Bucket 0 is everything below a
/// microsecond.
#[derive(Debug, Clone, Copy)]
pub struct Buckets;

/// How many buckets a doubling has.
const PER_DOUBLING: f64 = 4.0;

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

    pub fn clear(&mut self) {
        self.histogram.reset();
    }

    /// Each different duration (ns, as precise as the histogram) with how often it was recorded, ascending.
    pub fn counts(&self) -> Vec<(u64, u64)> {
        if self.histogram.is_empty() {
            return vec![];
        }
        self.histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
    }

    /// The whole distribution as points of ascending quantile, ten for each halving of what remains.
    pub fn spectrum(&self) -> Vec<Point> {
        if self.histogram.is_empty() {
            return vec![];
        }
        let ms = |ns: u64| ns.min(self.histogram.max()) as f64 / 1e6;
        let steps = self.histogram.iter_quantiles(10);
        steps.map(|step| Point { quantile: step.quantile_iterated_to(), ms: ms(step.value_iterated_to()) }).collect()
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

impl Buckets {
    /// How many durations fell into which bucket, ascending; empty buckets are left out.
    pub fn of(latency: &Latency) -> Vec<(u16, u64)> {
        let mut found: Vec<(u16, u64)> = vec![];
        for (ns, count) in latency.counts() {
            let bucket = Self::holding(ns);
            match found.last_mut() {
                Some((last, sum)) if *last == bucket => *sum += count,
                _ => found.push((bucket, count)),
            }
        }
        found
    }

    fn holding(ns: u64) -> u16 {
        if ns < LOWEST { 0 } else { 1 + ((ns as f64 / LOWEST as f64).log2() * PER_DOUBLING) as u16 }
    }

    /// Where a bucket begins, in ms; it ends where the next begins.
    pub fn lower_bound(bucket: u16) -> f64 {
        match bucket {
            0 => 0.0,
            bucket => LOWEST as f64 / 1e6 * (f64::from(bucket - 1) / PER_DOUBLING).exp2(),
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
    fn a_spectrum_ends_at_the_maximum_and_never_falls() {
        let mut latency = Latency::default();
        for ms in 1..=1_000 {
            latency.record(ms * 1_000_000);
        }
        let points = latency.spectrum();
        assert!(points.is_sorted_by(|one, next| one.quantile <= next.quantile && one.ms <= next.ms));
        let last = points.last().unwrap();
        assert!(last.quantile == 1.0 && (last.ms - 1_000.0).abs() < 1.0, "{last:?}");
        assert!(Latency::default().spectrum().is_empty());
    }

    #[test]
    fn every_duration_is_within_its_bucket() {
        for ns in [999, 1_000, 1_500, 2_000, 1_000_000, 77_777_777, 60_000_000_000] {
            let bucket = Buckets::holding(ns);
            let ms = ns as f64 / 1e6;
            let (from, to) = (Buckets::lower_bound(bucket), Buckets::lower_bound(bucket + 1));
            assert!(from <= ms && ms < to, "{from} {ms} {to}");
        }
        let mut latency = Latency::default();
        latency.record_many(1_000_000, 3);
        latency.record(5_000_000);
        assert_eq!(Buckets::of(&latency).iter().map(|(_, count)| *count).collect::<Vec<_>>(), [3, 1]);
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
