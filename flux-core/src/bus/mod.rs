//! Carries events from publishers to subscribers. Owns: filters, routes, shared groups. Must not know: MQTT packets, sessions, disks.
//!
//! Invariant: an event is one allocation shared by all who receive it, and a publisher takes no lock that all publishers share.

#[cfg(feature = "test-util")]
pub mod conformance;
pub mod distributed;
#[cfg(feature = "test-util")]
mod faulty;
mod group;
#[cfg(any(test, feature = "test-util"))]
pub mod invariants;
mod levels;
mod memory;
mod metered;
mod port;
mod route;
mod subscriptions;
mod trie;
pub mod wire;

#[cfg(feature = "test-util")]
pub use faulty::{Faults, Faulty, seed};
pub use memory::MemoryBus;
pub use metered::Metered;
pub use port::{Answer, Append, Availability, BusStats, Delivered, EventBus, Guarantees, Handover, Stored, Subscriber};
pub use route::Route;
