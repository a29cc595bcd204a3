use serde::{Deserialize, Serialize};

use crate::audit::settle::Audit;

/// What a part of a run does: the first line that it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Orders {
    pub role: Role,
    /// `memory`, `pubsub`, `streams` or `hybrid`.
    pub bus: String,
    pub redis_url: String,
    pub cluster: String,
    pub qos: u8,
    pub size: usize,
    /// Messages per second; as many as can be without.
    pub rate: Option<f64>,
    /// The share of messages for the other process; the others are for a subscriber beside the publisher.
    pub across: f64,
    pub seed: u64,
    /// Tells this run's messages from those of another.
    pub run: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    Publisher,
    Subscriber,
}

/// When to send and what to count, ns on the system's monotonic clock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Times {
    pub start: u64,
    pub from: u64,
    pub to: u64,
}

/// What was sent to one subscriber.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sent {
    pub sent: u64,
    /// Those that the bus has not taken responsibility for.
    pub unacknowledged: Vec<u64>,
}

/// What the publisher found, told when it has sent everything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Published {
    pub due: u64,
    pub sent_in_window: u64,
    /// To the subscriber of the other process.
    pub far: Sent,
    /// How often the generator was late by how much, ns.
    pub lag: Counts,
    /// Of each second since the start.
    pub seconds: Vec<u64>,
    /// What the subscriber beside it received.
    pub near: Option<Received>,
}

/// Durations (ns) and how often each was seen: a histogram that can be sent.
pub type Counts = Vec<(u64, u64)>;

/// What a subscriber found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Received {
    pub audit: Audit,
    pub response: Counts,
    pub service: Counts,
    pub delivered_in_window: u64,
    /// When the last message came, ns; 0 when none did.
    pub last: u64,
    /// Of each second since the start: how many came, and their latencies.
    pub arrived: Vec<u64>,
    pub seconds: Vec<Counts>,
}

/// The system's monotonic clock, ns: the same in every process.
pub fn now() -> u64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}
