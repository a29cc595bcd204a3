//! What can be counted, without saying what is: counters, gauges, latency histograms. Must not know: who counts, who reads.
//!
//! Modules of the same rank are strangers, so what `redis` counts and `telemetry` exports has its types here.

mod counter;
mod histogram;

pub use counter::{Counter, Gauge};
pub use histogram::{BUCKETS, Histogram, HistogramReading, LocalHistogram, bound};
