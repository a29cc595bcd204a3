//! What the server says about itself: counters, logs, alarms, traces. Must not know: who reads them.

mod log;
mod metrics;

pub use log::start_log;
pub use metrics::{ByDropReason, ByQoS, Counter, Gauge, Metrics};
