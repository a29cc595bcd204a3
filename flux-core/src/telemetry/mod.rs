//! What the server says about itself: counters, logs, alarms, traces. Must not know: who reads them.

mod metrics;

pub use metrics::{ByDropReason, ByQoS, Counter, Gauge, Metrics};
