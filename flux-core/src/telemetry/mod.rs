//! What the server says about itself: counters, logs, alarms, traces. Must not know: who reads them.
//!
//! Invariant: telling costs the message path no lock: counters are relaxed atomics added to once per batch, a trace that is off is one load.

mod alarms;
mod exposition;
mod log;
mod metrics;
mod process;
mod trace;

pub use crate::measure::{Counter, Gauge, Histogram, HistogramReading, LocalHistogram};
pub use alarms::{Alarm, Alarms, Cause, Figures, Limits, Watch};
pub use exposition::{CONTENT_TYPE, Exposition, Figure, FigureKind};
pub use log::start_log;
pub use metrics::{ByDropReason, ByQoS, Metrics};
pub use process::ProcessFigures;
pub use trace::{Direction, MAX_TRACES, TooManyTraces, TraceInfo, TraceRecord, TraceStep, TraceTail, TraceTarget, Traces};
