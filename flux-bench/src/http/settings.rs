use std::path::PathBuf;
use std::time::Duration;

use flux_core::api::paths;
use serde::Serialize;

use crate::plan::settings::Load;
use crate::watch::servers::Subject;

use super::address::Address;

/// What an operator's tools read most.
pub const READ: [&str; 5] = [paths::NODES, paths::SESSIONS, paths::SUBSCRIPTIONS, paths::RETAINED, paths::EVENTS];

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Publish one event in each request
    Events,
    /// Publish many events in each request
    Batch,
    /// Read what an operator would: nodes, sessions, subscriptions, retained messages, events
    Api,
}

impl Workload {
    pub fn name(self) -> &'static str {
        match self {
            Workload::Events => "events",
            Workload::Batch => "batch",
            Workload::Api => "api",
        }
    }

    pub fn publishes(self) -> bool {
        self != Workload::Api
    }
}

/// How several events make one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// One JSON object a line
    Ndjson,
    /// One JSON array
    Json,
}

impl Body {
    pub fn name(self) -> &'static str {
        match self {
            Body::Ndjson => "ndjson",
            Body::Json => "json",
        }
    }
}

/// Everything that one run needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    pub workload: Workload,
    /// As the user wrote it.
    pub url: String,
    pub address: Address,
    /// A certificate authority to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Bearer token.
    pub token: Option<String>,
    pub connections: usize,
    /// Requests per second over all connections; unpaced, each connection asks again when it is answered.
    pub load: Load,
    /// Events in one request.
    pub batch: usize,
    pub body: Body,
    /// Payload bytes of one event.
    pub size: usize,
    pub qos: u8,
    pub topics: usize,
    /// What is read, in turn.
    pub paths: Vec<String>,
    pub duration: Duration,
    pub warmup: Duration,
    /// An answer that takes longer is not waited for.
    pub timeout: Duration,
    pub seed: u64,
    /// Threads of the generator.
    pub workers: usize,
    /// The server's processes.
    pub watched: Vec<Subject>,
}

impl Settings {
    /// Events in one request; 0 when it publishes none.
    pub fn events_per_request(&self) -> usize {
        match self.workload {
            Workload::Events => 1,
            Workload::Batch => self.batch,
            Workload::Api => 0,
        }
    }
}

#[cfg(test)]
pub fn test_settings() -> Settings {
    Settings {
        workload: Workload::Events,
        url: String::new(),
        address: Address::resolve("http://127.0.0.1:1").expect("it is an address"),
        ca_file: None,
        token: None,
        connections: 1,
        load: Load::Paced(1_000.0),
        batch: 10,
        body: Body::Ndjson,
        size: 64,
        qos: 1,
        topics: 1,
        paths: vec![],
        duration: Duration::from_secs(1),
        warmup: Duration::ZERO,
        timeout: Duration::from_secs(10),
        seed: 1,
        workers: 1,
        watched: vec![],
    }
}
