use std::fs;

use serde::Serialize;

/// The machine's processor time so far, in ticks.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    all: u64,
    idle: u64,
}

/// How busy the machine was, all processes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MachineUse {
    /// 0 to 1; None when unknown.
    pub busy: Option<f64>,
}

/// Where a run took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    pub cpu: String,
    pub cores: usize,
    pub memory_bytes: Option<u64>,
    pub kernel: String,
    pub version: &'static str,
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
            version: env!("CARGO_PKG_VERSION"),
            optimised: !cfg!(debug_assertions),
            command: std::env::args().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_for_disks_are_not_busy() {
        let machine = ticks("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1 2 3").unwrap();
        assert_eq!((machine.all, machine.idle), (100, 80));
    }
}
