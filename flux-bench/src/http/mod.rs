//! Load over HTTP/1.1 with connections that are kept alive. Owns: the requests, the connections they are made on, and what was
//! measured. Must not know how results are judged or shown. Invariant: a request is due by its index alone; whoever is free takes
//! the next one, and what nobody was free for waits and is measured from when it was due.

mod address;
mod answers;
mod connection;
mod dial;
pub mod outcome;
mod queue;
mod requests;
mod run;
pub mod settings;
mod worker;

pub use address::{Address, AddressError};
pub use answers::Answers;
pub use requests::SEQUENCE_DIGITS;
pub use run::{RunError, run};
