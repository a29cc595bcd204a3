use std::fs;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine's processor time so far, in ticks.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    all: u64,
    idle: u64,
}

/// How busy the machine was, all processes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineUse {
    /// 0 to 1; None when unknown.
    pub busy: Option<f64>,
}

/// Where a run took place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    pub cpu: String,
    pub cores: usize,
    pub memory_bytes: Option<u64>,
    pub kernel: String,
    pub version: String,
    /// Debug builds measure themselves more than the server.
    pub optimised: bool,
    pub command: Vec<String>,
}

impl Machine {
    pub fn look() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        ticks(&stat).unwrap_or(Self { all: 0, idle: 0 })
    }

    /// Since `self`. The kernel samples this figure by its tick and misses who works in short bursts between two, as a server
    /// under light load does, so it is at least what the processes we know used: `known` cores of them, measured exactly.
    pub fn used(&self, known: f64) -> MachineUse {
        let now = Self::look();
        let all = now.all.saturating_sub(self.all);
        let idle = now.idle.saturating_sub(self.idle);
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let sampled = (all > 0).then(|| 1.0 - idle as f64 / all as f64);
        MachineUse { busy: sampled.map(|sampled| sampled.max((known / cores).min(1.0))) }
    }
}

/// The first line of /proc/stat: user nice system idle iowait irq softirq steal (guest is contained in user).
fn ticks(stat: &str) -> Option<Machine> {
    let fields: Vec<u64> =
        stat.lines().next()?.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
    let idle = fields.get(3)? + fields.get(4)?;
    Some(Machine { all: fields.iter().sum(), idle })
}

impl Environment {
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory =
            meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
        Self {
            cpu: model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory.map(|kilobytes| kilobytes * 1_024),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim_end().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            optimised: !cfg!(debug_assertions),
            command: without_secrets(std::env::args()),
        }
    }
}

/// Reports are passed around: what follows a flag for a secret is not.
fn without_secrets(command: impl Iterator<Item = String>) -> Vec<String> {
    const SECRET: [&str; 2] = ["--password", "--token"];
    let mut shown: Vec<String> = vec![];
    for word in command {
        let hidden = match (shown.last(), word.split_once('=')) {
            (Some(flag), _) if SECRET.contains(&flag.as_str()) => "***".to_owned(),
            (_, Some((flag, _))) if SECRET.contains(&flag) => format!("{flag}=***"),
            _ => word,
        };
        shown.push(hidden);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_holds_no_secrets() {
        let command = "flux-bench mqtt --password hunter2 --token=abc --qos 1".split(' ').map(str::to_owned);
        assert_eq!(without_secrets(command).join(" "), "flux-bench mqtt --password *** --token=*** --qos 1");
    }

    #[test]
    fn idle_and_waiting_for_disks_are_not_busy() {
        let machine = ticks("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1 2 3").unwrap();
        assert_eq!((machine.all, machine.idle), (100, 80));
    }
}
