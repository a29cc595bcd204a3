//! The one way in: MQTT, HTTP, rules and wills all publish here, nothing reaches the bus around it.
//!
//! Owns: authorization of a publish, interceptors, retained messages, the hand-over to durable queues. Must not know: packets, sockets.
//! Invariant: a receipt resolves only after every durable queue that is owed the event has it.

mod arrivals;
mod event;
mod publish;
mod retained;

pub use event::{NewEvent, Submitted};
pub use publish::{Ingress, Parts, RetainedLimits};
pub use retained::{Change, Retained};
