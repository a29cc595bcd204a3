use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Two buckets an octave from 16 µs to 16.8 s: 2ⁿ and 1.5 × 2ⁿ µs. A latency is known to within a third, which is what a graph shows.
const OCTAVES: std::ops::Range<u32> = 4..24;
pub const BUCKETS: usize = 2 * (OCTAVES.end - OCTAVES.start) as usize + 1;

/// The bucket's upper bound in microseconds, inclusive. What is above the last one counts in none of them.
pub const fn bound(bucket: usize) -> u64 {
    let power = 1_u64 << (OCTAVES.start + (bucket / 2) as u32);
    if bucket.is_multiple_of(2) { power } else { power + power / 2 }
}

fn bucket_of(micros: u64) -> usize {
    let least = 1_u64 << OCTAVES.start;
    if micros <= least {
        return 0;
    }
    // Bounds are inclusive, so look at the number before.
    let below = micros - 1;
    let octave = below.ilog2();
    let upper_half = (below >> (octave - 1)) & 1;
    let bucket = 2 * u64::from(octave - OCTAVES.start) + upper_half + 1;
    (bucket as usize).min(BUCKETS)
}

/// How long something took, as a distribution. Sums saturate after half a million years.
#[derive(Debug)]
pub struct Histogram {
    /// The last one is everything above the largest bound.
    counts: [AtomicU64; BUCKETS + 1],
    sum_micros: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: [const { AtomicU64::new(0) }; BUCKETS + 1], sum_micros: AtomicU64::new(0) }
    }
}

impl Histogram {
    pub fn observe(&self, duration: Duration) {
        self.observe_many(duration, 1);
    }

    /// `times` observations of the same duration: what a batch shares is added once.
    pub fn observe_many(&self, duration: Duration, times: u64) {
        let micros = micros(duration);
        self.counts[bucket_of(micros)].fetch_add(times, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros.saturating_mul(times), Ordering::Relaxed);
    }

    /// Adds what was gathered and empties it. One atomic for each bucket that was hit.
    pub fn absorb(&self, local: &mut LocalHistogram) {
        if local.sum_micros == 0 && local.observed == 0 {
            return;
        }
        for (count, gathered) in self.counts.iter().zip(&mut local.counts) {
            if *gathered > 0 {
                count.fetch_add(u64::from(std::mem::take(gathered)), Ordering::Relaxed);
            }
        }
        self.sum_micros.fetch_add(std::mem::take(&mut local.sum_micros), Ordering::Relaxed);
        local.observed = 0;
    }

    pub fn read(&self) -> HistogramReading {
        HistogramReading {
            counts: std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed)),
            sum: Duration::from_micros(self.sum_micros.load(Ordering::Relaxed)),
        }
    }
}

/// A histogram of one task's own: no atomics. [`Histogram::absorb`] it once per batch.
#[derive(Debug, Clone)]
pub struct LocalHistogram {
    counts: [u32; BUCKETS + 1],
    sum_micros: u64,
    observed: u32,
}

impl Default for LocalHistogram {
    fn default() -> Self {
        LocalHistogram { counts: [0; BUCKETS + 1], sum_micros: 0, observed: 0 }
    }
}

impl LocalHistogram {
    pub fn observe(&mut self, duration: Duration) {
        let micros = micros(duration);
        self.counts[bucket_of(micros)] += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros);
        self.observed += 1;
    }

    /// Observations since it was absorbed last.
    pub fn len(&self) -> u32 {
        self.observed
    }

    pub fn is_empty(&self) -> bool {
        self.observed == 0
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramReading {
    /// Of each bucket alone, not cumulative; the last one is above all bounds.
    pub counts: [u64; BUCKETS + 1],
    pub sum: Duration,
}

impl HistogramReading {
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Upper bound of the bucket that holds this quantile (0 to 1). `None` when nothing was observed.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let count = self.count();
        let wanted = ((count as f64 * quantile).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(Duration::from_micros(bound(bucket.min(BUCKETS - 1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let edges = (0..BUCKETS).flat_map(|bucket| [bound(bucket) - 1, bound(bucket), bound(bucket) + 1]);
        for micros in edges.chain([0, 1, 15, 999, 1_000_000, u64::MAX]) {
            let expected = (0..BUCKETS).find(|bucket| micros <= bound(*bucket)).unwrap_or(BUCKETS);
            assert_eq!(bucket_of(micros), expected, "{micros} µs");
        }
        assert!((1..BUCKETS).all(|bucket| bound(bucket) > bound(bucket - 1)));
        assert_eq!((bound(0), bound(BUCKETS - 1)), (16, 16_777_216));
    }

    #[test]
    fn a_batch_adds_up_to_its_observations() {
        let (direct, batched) = (Histogram::default(), Histogram::default());
        let mut local = LocalHistogram::default();
        for millis in [0, 1, 2, 2, 70, 40_000] {
            direct.observe(Duration::from_millis(millis));
            local.observe(Duration::from_millis(millis));
        }
        batched.absorb(&mut local);
        batched.absorb(&mut local);
        assert_eq!(batched.read(), direct.read());
        assert_eq!((batched.read().count(), batched.read().sum), (6, Duration::from_millis(40_075)));
        assert!(local.is_empty());
        batched.observe_many(Duration::from_millis(2), 4);
        assert_eq!(batched.read().quantile(0.5), Some(Duration::from_micros(2_048)));
        assert_eq!(Histogram::default().read().quantile(0.5), None);
    }
}
