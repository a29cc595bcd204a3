//! Says whether one set of runs is worse than another. Owns: the statistics, what may be compared, and the verdict. Must not know
//! where runs come from. Invariant: pure; the same runs always give the same answer.
//!
//! A figure is worse when three things hold: the difference is against us, chance alone would show it in less than one of twenty
//! comparisons (Mann-Whitney U), and it is larger than what the same server shows from one run to the next (A/A noise).

mod bootstrap;
mod likeness;
mod mann_whitney;
mod verdict;

pub use likeness::differences;
pub use verdict::{Comparison, Finding, Outcome, compare};
