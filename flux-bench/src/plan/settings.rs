use std::time::Duration;

use serde::Serialize;

use crate::load::arrivals::Arrival;
use crate::watch::servers::Subject;
use crate::wire::control::Login;
use crate::wire::payload::Payload;

use super::limits::Bind;
use super::mix::Mix;
use super::server::Server;

pub use super::load::Load;
pub use super::scenario::Scenario;

/// Which MQTT client makes the load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// flux-bench's own
    #[default]
    Flux,
    /// The rumqttc client: slower, and an independent check of ours
    Rumqttc,
}

/// A mistake in measuring, planted to see whether the selftest finds it. No flag sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Response times count from when a message was really sent: what a stall holds up is not seen.
    FromActualSend,
}

/// Everything that one run needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    pub scenario: Scenario,
    /// At least one; clients are dealt out over them.
    pub servers: Vec<Server>,
    /// The share of subscribers that are on the server after their publisher's, 0 to 1.
    pub across: f64,
    /// The addresses that connections come from.
    pub bind: Bind,
    pub login: Login,
    pub driver: Driver,
    /// Connections that neither publish nor subscribe.
    pub idle: usize,
    /// Connections that do both.
    pub devices: usize,
    pub publishers: usize,
    pub subscribers: usize,
    pub topics: usize,
    /// Shared subscriptions that the subscribers divide among them.
    pub groups: usize,
    /// Sub: the filter. Pub: what topics begin with.
    pub topic: Option<String>,
    pub mix: Mix,
    pub payload: Payload,
    /// Messages are retained; their topics are cleared at the end.
    pub retain: bool,
    pub load: Load,
    pub arrival: Arrival,
    /// Storm: messages that wait for each subscriber.
    pub queued: u64,
    /// Connections opened per second; as fast as possible without.
    pub connect_rate: Option<f64>,
    /// Connections closed and opened again per second of sending.
    pub churn: Option<f64>,
    pub duration: Duration,
    pub warmup: Duration,
    /// Unacknowledged messages per publisher.
    pub inflight: u16,
    pub seed: u64,
    /// Threads of the generator.
    pub workers: usize,
    /// Draining ends when nothing has arrived for so long.
    pub drain_quiet: Duration,
    /// The server's processes.
    pub watched: Vec<Subject>,
    pub flaw: Option<Flaw>,
}

impl Settings {
    /// One of everything, a second of 64 bytes at QoS 1 as fast as it goes: to be changed to what is wanted.
    pub fn plain(scenario: Scenario, servers: Vec<Server>) -> Self {
        Self {
            scenario,
            servers,
            across: 0.0,
            bind: Bind::Auto,
            login: Login::default(),
            driver: Driver::Flux,
            idle: 0,
            devices: 0,
            publishers: 1,
            subscribers: 1,
            topics: 1,
            groups: 1,
            topic: None,
            mix: Mix::only(1),
            payload: Payload::Filler(64),
            retain: false,
            load: Load::Unpaced,
            arrival: Arrival::Constant,
            queued: 1,
            connect_rate: None,
            churn: None,
            duration: Duration::from_secs(1),
            warmup: Duration::ZERO,
            inflight: 64,
            seed: 1,
            workers: 1,
            drain_quiet: Duration::from_secs(1),
            watched: vec![],
            flaw: None,
        }
    }

    pub fn connections(&self) -> usize {
        self.idle + self.devices + self.publishers + self.subscribers
    }

    /// Whether a subscriber is on another server than its publisher: evenly among them, as many as the share says.
    pub fn crosses(&self, subscriber: usize) -> bool {
        let until = |count: usize| (count as f64 * self.across + 1e-9).floor();
        until(subscriber + 1) > until(subscriber)
    }

    /// The servers as the user wrote them.
    pub fn url(&self) -> String {
        self.servers.iter().map(|server| server.url.as_str()).collect::<Vec<_>>().join(",")
    }

    /// The highest QoS of the run.
    pub fn qos(&self) -> u8 {
        self.mix.highest()
    }

    /// Payload bytes.
    pub fn size(&self) -> usize {
        self.payload.place().size
    }
}

#[cfg(test)]
pub fn test_settings() -> Settings {
    Settings { load: Load::Paced(1_000.0), ..Settings::plain(Scenario::Pair, vec![Server::tcp(([127, 0, 0, 1], 1).into())]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_subscribers_are_across_as_the_share_says() {
        let across = |across| (0..10).filter(|number| Settings { across, ..test_settings() }.crosses(*number)).count();
        assert_eq!([0.0, 0.2, 0.5, 1.0].map(across), [0, 2, 5, 10]);
    }
}
