//! The proof that the measure measures. Owns: a small MQTT server that commits faults and counts them, and the comparison of
//! its count with what a run reports. Must not be lenient: a figure that can be exact must be equal.

pub mod broker;
pub mod faults;
mod parts;
pub mod web;

pub use parts::{Figure, Part, SelftestError, run};
