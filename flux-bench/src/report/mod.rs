//! How a run is told: progress while it goes, one model of it, and from the model everything else: a table for people, JSON for
//! programs, pages; errors for both. Must not measure or judge.
//! Invariant: results on standard output, everything else on standard error; meaning never by colour alone.

pub mod bounds;
pub mod bus;
pub mod comparison;
pub mod failure;
pub mod figures;
#[cfg(test)]
pub mod fixture;
pub mod markdown;
pub mod measured;
pub mod measured_bus;
pub mod measured_http;
pub mod model;
pub mod number;
pub mod page;
pub mod progress;
pub mod search;
pub mod series;
pub mod side;
pub mod table;
