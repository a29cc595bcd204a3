//! Carries a plan out. Owns: the worker threads, their connections, publishers and subscribers, and what they measured.
//! Must not know how results are judged or shown. Invariant: a worker shares nothing per message with another; what is
//! merged is merged when sending is over, and the counters others may watch are written by one worker only.

pub mod alarm;
mod connect;
mod connection;
mod dues;
mod foreign;
mod joining;
pub mod live;
mod orders;
pub mod outcome;
mod peer;
mod phases;
mod publisher;
mod recorder;
mod roster;
mod run;
mod schedule;
mod stream;
mod subscriber;
pub mod supervisor;
pub mod tally;
pub mod timeline;
mod worker;

pub use connect::{ConnectError, ConnectFailure};
pub use live::Totals;
pub use run::{RunError, run};
pub use supervisor::{Observer, Phase};
