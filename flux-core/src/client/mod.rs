//! The typed client of `/api/v1`, for the tools. Owns: requests, server-sent events, what can go wrong on the way. Must not know: the server.
//!
//! Invariant: an answer is one of three things, never mixed up: what was asked for, a problem the server names, or nothing usable.

mod error;
mod events;
mod resources;
mod sse;
mod transport;

pub use error::ClientError;
pub use events::{Tail, TailItem};
pub use transport::Client;
