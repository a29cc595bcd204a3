//! What is counted while a canary runs: by the sender, by the receiver, and of all nodes together.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::super::wire::Role;
use super::decision::Canary;
use crate::measure::{Counter, Histogram, HistogramReading};

/// What one node counts. Messages: one event for one node.
#[derive(Debug)]
pub struct CanaryFigures {
    pub canary: Canary,
    /// Both kinds send it the same way, so it was sent once and there is nothing to compare.
    pub alike: Counter,
    ways: [WayFigures; 2],
}

/// Of one of the two kinds.
#[derive(Debug, Default)]
pub struct WayFigures {
    pub sent: Counter,
    /// Not sent, so as not to take the place of what is delivered.
    pub spared: Counter,
    pub arrived: Counter,
    /// Before the other copy.
    pub first: Counter,
    /// The other copy has come and this one has not, for so long that it was given up.
    pub missing: Counter,
    /// From publishing to arriving, by the clocks of both nodes.
    pub latency: Histogram,
}

impl CanaryFigures {
    pub fn new(canary: Canary) -> Self {
        CanaryFigures { canary, alike: Counter::default(), ways: Default::default() }
    }

    pub fn way(&self, role: Role) -> &WayFigures {
        &self.ways[role as usize]
    }

    /// Of the current kind, and of the candidate.
    pub fn note_missing(&self, missing: [u64; 2]) {
        for (way, missing) in self.ways.iter().zip(missing) {
            way.missing.add(missing);
        }
    }

    pub fn read(&self) -> CanaryReading {
        CanaryReading {
            since: self.canary.since,
            alike: self.alike.get(),
            current: self.way(Role::Current).read(),
            candidate: self.way(Role::Candidate).read(),
        }
    }
}

impl WayFigures {
    fn read(&self) -> WayReading {
        let latency = self.latency.read();
        WayReading {
            sent: self.sent.get(),
            spared: self.spared.get(),
            arrived: self.arrived.get(),
            first: self.first.get(),
            missing: self.missing.get(),
            latency: latency.counts.to_vec(),
            latency_micros: u64::try_from(latency.sum.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// The figures of a canary at one moment, as nodes tell them each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CanaryReading {
    /// Which canary: the decision that began it.
    pub since: u64,
    pub alike: u64,
    pub current: WayReading,
    pub candidate: WayReading,
}

/// See [`WayFigures`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WayReading {
    pub sent: u64,
    pub spared: u64,
    pub arrived: u64,
    pub first: u64,
    pub missing: u64,
    latency: Vec<u64>,
    /// All latencies added up.
    latency_micros: u64,
}

impl CanaryReading {
    pub fn add(&mut self, other: &CanaryReading) {
        self.alike += other.alike;
        self.current.add(&other.current);
        self.candidate.add(&other.candidate);
    }
}

impl WayReading {
    fn add(&mut self, other: &WayReading) {
        self.sent += other.sent;
        self.spared += other.spared;
        self.arrived += other.arrived;
        self.first += other.first;
        self.missing += other.missing;
        self.latency_micros = self.latency_micros.saturating_add(other.latency_micros);
        self.latency.resize(self.latency.len().max(other.latency.len()), 0);
        for (sum, count) in self.latency.iter_mut().zip(&other.latency) {
            *sum += count;
        }
    }

    /// Exact, where a quantile is known to within a third. `None` when nothing has arrived.
    pub fn mean_latency(&self) -> Option<Duration> {
        let count = self.latency.iter().sum();
        self.latency_micros.checked_div(count).map(Duration::from_micros)
    }

    /// `None` when nothing has arrived.
    pub fn latency(&self, quantile: f64) -> Option<Duration> {
        let mut counts = self.latency.iter().copied();
        let reading =
            HistogramReading { counts: std::array::from_fn(|_| counts.next().unwrap_or_default()), sum: Duration::ZERO };
        reading.quantile(quantile)
    }
}

/// Microseconds since 1970: two nodes' clocks are compared, so it is the wall's.
pub fn wall_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::distributed::DistributedKind;

    #[test]
    fn nodes_add_up_to_a_cluster() {
        let canary = Canary { kind: DistributedKind::Hybrid, percent: 5, since: 3 };
        let (one, two) = (CanaryFigures::new(canary), CanaryFigures::new(canary));
        one.way(Role::Current).sent.add(10);
        two.way(Role::Current).arrived.add(9);
        for millis in [1, 2, 3] {
            one.way(Role::Candidate).latency.observe(Duration::from_millis(millis));
            two.way(Role::Candidate).latency.observe(Duration::from_millis(100 * millis));
        }
        let told = serde_json::to_string(&two.read()).expect("numbers are JSON");
        let mut sum = one.read();
        sum.add(&serde_json::from_str(&told).expect("as it was written"));
        assert_eq!((sum.since, sum.current.sent, sum.current.arrived), (3, 10, 9));
        assert_eq!(sum.candidate.latency(0.5), Some(Duration::from_micros(3_072)));
        assert_eq!(sum.candidate.mean_latency(), Some(Duration::from_millis(101)));
        assert!(sum.candidate.latency(1.0) > Some(Duration::from_millis(300)));
        assert_eq!((sum.current.latency(0.5), sum.current.mean_latency()), (None, None));
        assert_eq!(serde_json::from_str::<CanaryReading>("{}").expect("an older one says less"), CanaryReading::default());
    }
}
