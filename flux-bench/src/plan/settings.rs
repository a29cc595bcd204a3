use std::time::Duration;

use serde::Serialize;

use crate::wire::control::Login;

use super::limits::Bind;
use super::server::Server;

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Opens connections as fast as it can and holds them
    Conns,
    /// N publishers to N subscribers, each pair on its own topic
    Pair,
    /// Many publishers to one subscriber
    FanIn,
    /// One publisher to many subscribers
    FanOut,
}

impl Scenario {
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Conns => "conns",
            Scenario::Pair => "pair",
            Scenario::FanIn => "fan-in",
            Scenario::FanOut => "fan-out",
        }
    }
}

/// How many messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// Open loop, messages per second over all publishers.
    Paced(f64),
    /// As fast as the sockets (and at QoS 1 and 2 the window) take them.
    Unpaced,
}

/// Everything that one run needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    pub scenario: Scenario,
    /// At least one; clients are dealt out over them.
    pub servers: Vec<Server>,
    /// Each subscriber on the server after its publisher's.
    pub cross_node: bool,
    /// The addresses that connections come from.
    pub bind: Bind,
    pub login: Login,
    /// Connections that neither publish nor subscribe.
    pub idle: usize,
    pub publishers: usize,
    pub subscribers: usize,
    pub topics: usize,
    pub qos: u8,
    /// Payload bytes.
    pub size: usize,
    pub load: Load,
    /// Connections opened per second; as fast as possible without.
    pub connect_rate: Option<f64>,
    pub duration: Duration,
    pub warmup: Duration,
    /// Unacknowledged messages per publisher.
    pub inflight: u16,
    pub seed: u64,
    /// Threads of the generator.
    pub workers: usize,
    /// Draining ends when nothing has arrived for so long.
    pub drain_quiet: Duration,
    /// The server's process, if it is on this machine.
    pub pid: Option<u32>,
}

impl Settings {
    pub fn connections(&self) -> usize {
        self.idle + self.publishers + self.subscribers
    }

    /// The servers as the user wrote them.
    pub fn url(&self) -> String {
        self.servers.iter().map(|server| server.url.as_str()).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
pub fn test_settings() -> Settings {
    Settings {
        scenario: Scenario::Pair,
        servers: vec![Server::tcp(([127, 0, 0, 1], 1).into())],
        cross_node: false,
        bind: Bind::Auto,
        login: Login::default(),
        idle: 0,
        publishers: 1,
        subscribers: 1,
        topics: 1,
        qos: 1,
        size: 64,
        load: Load::Paced(1_000.0),
        connect_rate: None,
        duration: Duration::from_secs(1),
        warmup: Duration::ZERO,
        inflight: 64,
        seed: 1,
        workers: 1,
        drain_quiet: Duration::from_secs(1),
        pid: None,
    }
}
