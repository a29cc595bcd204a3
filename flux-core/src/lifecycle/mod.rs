//! Starting and stopping: tasks that are always joined, the request to stop, signals from outside. Must not know: what the tasks do.
//!
//! Invariant: every task has a name, is counted until it has ended, and its panic is heard of. Nothing else calls `tokio::spawn`.

mod shutdown;
mod signals;
mod tasks;

pub use shutdown::Shutdown;
pub use signals::{Signal, Signals};
pub use tasks::{StillRunning, TaskPanic, Tasks};
