//! When messages are due and how long they took. Owns: the open-loop schedule and the latency histograms.
//! Must not know MQTT or sockets. Invariant: due times come from the index alone; nothing that happens later moves them.

pub mod arrivals;
pub mod latency;
pub mod pace;
