use crate::audit::settle::Audit;
use crate::load::latency::Latency;
use crate::watch::machine::MachineUse;
use crate::watch::process::ProcessUse;

use super::connect::ConnectError;
use super::live::Totals;
use super::timeline::Second;

/// How clients came (back) to what waited for them. Times in ns from when they all were let loose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    pub clients: u64,
    pub returned: u64,
    /// Clients whose session the server had not kept.
    pub sessions_lost: u64,
    /// Messages that were stored before.
    pub stored: u64,
    /// ns that storing took.
    pub filling: u64,
    /// Until the last client was connected; None when not all were.
    pub connected: Option<u64>,
    /// Until the last message arrived; None when not all did.
    pub delivered: Option<u64>,
}

/// What a run measured, not yet judged.
#[derive(Debug)]
pub struct Outcome {
    /// Ended by the user before its time.
    pub interrupted: bool,
    pub totals: Totals,
    /// ns from the first connect call until the last connection was open and subscribed.
    pub connecting: u64,
    /// ns of the sending window that was measured (without warm-up).
    pub window: u64,
    /// ns between the end of sending and the last arrival or giving up.
    pub draining: u64,
    pub delivered_in_window: u64,
    pub sent_in_window: u64,
    /// Measured from when messages were due; empty when unpaced.
    pub response: Latency,
    pub service: Latency,
    pub acknowledgement: Latency,
    pub lag: Latency,
    pub connect: Latency,
    pub audit: Option<Audit>,
    pub recovery: Option<Recovery>,
    /// When the last delivery was seen and the last client was back, ns on the run's clock; 0 without any.
    pub last_delivery: u64,
    pub last_return: u64,
    /// The first few connections that could not be opened.
    pub failures: Vec<ConnectError>,
    /// Why connections ended early: the first few.
    pub losses: Vec<String>,
    /// Deliveries in each second of sending, warm-up included.
    pub seconds: Vec<u64>,
    /// Every second of sending (or holding), warm-up and draining included.
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

impl Outcome {
    /// Nothing measured yet.
    pub fn empty(interrupted: bool, window: u64) -> Self {
        Self {
            interrupted,
            totals: Totals::default(),
            connecting: 0,
            window,
            draining: 0,
            delivered_in_window: 0,
            sent_in_window: 0,
            response: Latency::default(),
            service: Latency::default(),
            acknowledgement: Latency::default(),
            lag: Latency::default(),
            connect: Latency::default(),
            audit: None,
            recovery: None,
            last_delivery: 0,
            last_return: 0,
            failures: vec![],
            losses: vec![],
            seconds: vec![],
            timeline: vec![],
            generator: ProcessUse::default(),
            servers: vec![],
            unknown_servers: vec![],
            unwatched: vec![],
            machine: MachineUse::default(),
            server_memory: None,
        }
    }
}
