use serde::Serialize;

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Opens connections as fast as it can and holds them
    Conns,
    /// Publishes only: nobody subscribes, acknowledgements are what comes back
    Pub,
    /// Subscribes only, and counts what others send
    Sub,
    /// N publishers to N subscribers, each pair on its own topic
    Pair,
    /// Many publishers to one subscriber
    FanIn,
    /// One publisher to many subscribers
    FanOut,
    /// Subscribers share a subscription: each message to exactly one of them
    Shared,
    /// A fleet: devices publish telemetry to a service and listen for rare commands
    Device,
    /// Retained messages are stored, then new subscribers read them all
    Retained,
    /// All subscribers lose their connections, messages queue up, and all come back at once
    Storm,
}

impl Scenario {
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Conns => "conns",
            Scenario::Pub => "pub",
            Scenario::Sub => "sub",
            Scenario::Pair => "pair",
            Scenario::FanIn => "fan-in",
            Scenario::FanOut => "fan-out",
            Scenario::Shared => "shared",
            Scenario::Device => "device",
            Scenario::Retained => "retained",
            Scenario::Storm => "storm",
        }
    }

    /// Somebody publishes.
    pub fn publishes(self) -> bool {
        !matches!(self, Scenario::Conns | Scenario::Sub)
    }

    /// What is published is owed to subscribers of the same run, so that it can be audited.
    pub fn delivers(self) -> bool {
        self.publishes() && self != Scenario::Pub
    }

    /// Messages are stored first, then fetched by subscribers that come (back) all at once: no schedule, no window.
    pub fn recovers(self) -> bool {
        matches!(self, Scenario::Retained | Scenario::Storm)
    }
}
