//! Whether a run on this machine can work and be believed. Owns: what the machine and the server say of themselves, and what is wrong
//! with that. Must not load anything. Invariant: every row that is not ok says what to do.

mod checks;
mod door;
mod facts;

pub use checks::{Check, Level, look};
pub use door::{Door, knock};
pub use facts::{Clock, Facts, facts};
