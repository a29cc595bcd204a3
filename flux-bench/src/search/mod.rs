//! The highest rate that a server holds. Owns: which rate is tried next and what a probe says of it. Must not know how a probe is
//! made or shown. Invariant: every probe is judged by itself; no figure of one steers another but whether it held.

mod bracket;
mod judgement;

pub use bracket::{Found, LOWEST, Limit, Phase, Plan, Search, Step, Vote};
pub use judgement::{Judgement, judgement};
