//! What survives the process: durable queues, session records, wills, retained messages. Must not know: sockets, packets, how a session works.
//!
//! Invariant: what a resolved receipt covers is found again after `kill -9`, and what is lost to a damaged disk is never lost in silence.
//!
//! `disk` keeps a log in segments (`segment-*.log`) and an index of what is alive in memory. `inbox` → `writer` (`stage`, `log`) is the
//! way of a transaction; `cleaner` and `keeper` give disk space back; `open` (`scan`) and `repair` read what an earlier process left.

mod cleaner;
mod commits;
#[cfg(feature = "test-util")]
pub mod conformance;
mod disk;
mod encoding;
mod entries;
#[cfg(any(test, feature = "test-util"))]
mod faults;
mod frame;
mod inbox;
mod index;
mod keeper;
mod log;
mod open;
mod port;
mod record;
mod redis;
pub mod repair;
mod scan;
mod segment;
mod shared;
mod stage;
mod volume;
mod writer;

pub use disk::{DiskStore, Options};
#[cfg(any(test, feature = "test-util"))]
pub use faults::Faults;
pub use port::{
    Claimed, DurableStore, Entry, EntryState, Operation, Reading, Recovered, RecoveredSession, StoreError, StoreStats,
    Transaction, Whereabouts,
};
pub use redis::RedisStore;
