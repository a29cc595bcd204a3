use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A process's resources over the window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessUse {
    pub name: String,
    /// Absent when it is on another machine.
    pub pid: Option<u32>,
    /// Where its figures came from, when not from the operating system.
    pub url: Option<String>,
    pub cpu_seconds: f64,
    /// 1.0 is one core busy all the time.
    pub cores: f64,
    /// At the end.
    pub resident_bytes: u64,
    /// The most that was seen.
    pub resident_peak_bytes: u64,
    pub descriptors: Option<u64>,
}

impl ProcessUse {
    /// Its name and where it is.
    pub fn whose(&self) -> String {
        match (self.pid, &self.url) {
            (Some(pid), _) => format!("{} (pid {pid})", self.name),
            (None, Some(url)) => format!("{} ({url})", self.name),
            (None, None) => self.name.clone(),
        }
    }

    /// The sum. Its peak is that of the parts, which need not have been at one time; descriptors are known where all are.
    pub fn together(all: &[Self]) -> Self {
        Self {
            cpu_seconds: all.iter().map(|one| one.cpu_seconds).sum(),
            cores: all.iter().map(|one| one.cores).sum(),
            resident_bytes: all.iter().map(|one| one.resident_bytes).sum(),
            resident_peak_bytes: all.iter().map(|one| one.resident_peak_bytes).sum(),
            descriptors: all.iter().map(|one| one.descriptors).sum(),
            ..Self::default()
        }
    }
}

/// The same of one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessSample {
    pub cores: f64,
    pub resident_bytes: u64,
}

/// Resources for one unit of work. What does not depend on the machine's other load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Costs {
    pub server_microseconds_per_delivery: Option<f64>,
    pub generator_microseconds_per_delivery: Option<f64>,
    /// HTTP.
    pub server_microseconds_per_request: Option<f64>,
    /// KB are 1,024 bytes; what the server grew by while connections were opened.
    pub server_kilobytes_per_connection: Option<f64>,
    /// Bus: everything that Redis was asked to do during the run, heartbeats too, for each message.
    #[serde(default)]
    pub redis_commands_per_message: Option<f64>,
}
