//! What survives the process: durable queues, session records, wills, retained messages. Must not know: sockets, packets, how a session works.
//!
//! Invariant: what a resolved receipt covers is found again after `kill -9`.

mod port;

pub use port::{DurableStore, Entry, EntryState, Operation, Recovered, RecoveredSession, StoreError, StoreStats, Transaction};
