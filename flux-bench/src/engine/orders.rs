use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::audit::ledger::Inbox;
use crate::audit::settle::Outbox;
use crate::clock::Clock;
use crate::plan::settings::Settings;
use crate::plan::wiring::Wiring;

use super::connect::ConnectError;
use super::live::Live;
use super::tally::{Tally, Window};

/// What all workers are told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    Connect,
    /// Every publisher sends its part of what is stored before it is fetched.
    Fill,
    /// All subscribers' connections are cut.
    Scatter,
    /// All subscribers connect, at `at`; the record of seconds began at `recorded`.
    Gather {
        at: u64,
        recorded: u64,
    },
    /// Send from `start` until the window ends.
    Send {
        start: u64,
        window: Window,
    },
    /// Send nothing more.
    Halt,
    Close,
}

/// What a worker is given.
#[derive(Debug, Clone)]
pub struct Orders {
    /// Its number.
    pub worker: usize,
    pub settings: Arc<Settings>,
    pub wiring: Arc<Wiring>,
    pub run: u32,
    pub sources: Arc<[IpAddr]>,
    pub clock: Clock,
    /// When connecting began, ns.
    pub began: u64,
    pub live: Arc<Live>,
    pub command: watch::Receiver<Command>,
}

/// What a worker brings back.
#[derive(Debug, Default)]
pub struct Findings {
    pub tally: Tally,
    pub outboxes: Vec<(u32, Outbox)>,
    pub inboxes: Vec<Inbox>,
    pub failures: Vec<ConnectError>,
    pub losses: Vec<String>,
    /// When its last connection was open, ns.
    pub ready_at: u64,
}

/// How many reasons are kept of connections that failed or were lost.
pub const REASONS_KEPT: usize = 10;
