//! Carries events from publishers to subscribers. Owns: filters, routes, shared groups. Must not know: MQTT packets, sessions, disks.
//!
//! Invariant: an event is one allocation shared by all who receive it, and a publisher takes no lock that all publishers share.

mod port;

pub use port::{Append, Availability, BusStats, Delivered, EventBus, Guarantees, Handover, Stored, Subscriber};

/// A publisher's memory of where one topic leads.
#[derive(Default)]
pub struct Route {}
