//! A broker that others wrote, in this binary, to be measured beside ours. Owns: its settings, its process and its end. Must not know
//! what it is measured with. Invariant: it is a process of its own, so that its CPU and memory are its own, and never outlives ours.

#[cfg(feature = "baseline")]
mod broker;
mod child;

#[cfg(feature = "baseline")]
pub use broker::serve;
pub use child::{Child, ChildError};

/// The first word on standard output of a broker that is ready; its address follows.
const READY: &str = "listening";
