//! How a run is told: progress while it goes, a table for people, JSON for programs, errors for both. Must not measure or judge.
//! Invariant: results on standard output, everything else on standard error; meaning never by colour alone.

pub mod failure;
pub mod json;
pub mod number;
pub mod progress;
pub mod table;
