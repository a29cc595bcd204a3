//! The buses of flux-core without its servers: one process publishes, another receives (memory: one does both). Owns: these processes,
//! what they tell each other, and what they measured. Must not know how results are judged or shown.
//! Invariant: every time stamp is of the system's monotonic clock, which all processes share.

mod bus;
mod mailbox;
mod orders;
mod outcome;
mod part;
mod process;
mod publisher;
mod run;

pub use orders::{Orders, Role};
pub use outcome::Outcome;
pub use part::part;
pub use run::{AloneError, Settings, run};
