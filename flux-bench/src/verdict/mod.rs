//! Whether a run met its targets, kept the QoS, and can be believed. Owns: the targets, the metrics they name, the
//! judgement. Must not know how a run was carried out or how it is shown.
//! Invariant: a target is PASS only when the run tested it; a run the generator spoiled is INVALID whatever it shows.

pub mod judge;
pub mod metric;
pub mod slo;
pub mod target;
