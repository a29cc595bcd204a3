use crate::engine::Totals;
use crate::engine::timeline::Second;
use crate::load::latency::Latency;
use crate::watch::machine::MachineUse;
use crate::watch::process::ProcessUse;

use super::answers::Answers;

/// What a run measured, not yet judged.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Ended by the user before its time.
    pub interrupted: bool,
    /// `delivered` counts successes, `acknowledged` answers of any kind.
    pub totals: Totals,
    /// ns from the first connect call until the last connection was open.
    pub connecting: u64,
    /// ns of the window that was measured (without warm-up).
    pub window: u64,
    /// ns between the end of sending and the last answer or giving up.
    pub draining: u64,
    /// Requests answered with success in the window.
    pub answered_in_window: u64,
    pub sent_in_window: u64,
    /// Events in requests that were answered with success in the window.
    pub events_in_window: u64,
    /// Measured from when requests were due; empty when unpaced.
    pub response: Latency,
    pub service: Latency,
    pub lag: Latency,
    pub connect: Latency,
    pub answers: Answers,
    /// Connections that the server closed between two requests; they were opened again.
    pub reopened: u64,
    /// Why connections ended before their answer came: the first few.
    pub losses: Vec<String>,
    /// Every second of sending, warm-up and draining included.
    pub timeline: Vec<Second>,
    /// Over the window.
    pub generator: ProcessUse,
    /// Each process of the server.
    pub servers: Vec<ProcessUse>,
    /// Those of which it is not known what they used, and why.
    pub unknown_servers: Vec<String>,
    /// Nodes of the watched ones' clusters that were not watched.
    pub unwatched: Vec<String>,
    pub machine: MachineUse,
    /// All servers' resident memory before the first connection and when all were open and idle, bytes.
    pub server_memory: Option<(u64, u64)>,
}
