use std::fs;
use std::time::Instant;

use super::door::Door;

/// How often the clock is read to find out what that costs.
const READINGS: u32 = 20_000;

/// What the machine says. A figure that cannot be read is absent.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Connections that a run is to hold.
    pub connections: u64,
    /// Descriptors this process may open when it asks for more.
    pub descriptors: Option<u64>,
    /// First and last port of connections that name none.
    pub ports: Option<(u16, u16)>,
    pub cores: usize,
    /// Of the last minute.
    pub load: Option<f64>,
    pub clock: Clock,
    /// Bytes.
    pub memory: Option<u64>,
    /// Connections that may wait to be accepted (net.core.somaxconn).
    pub backlog: Option<u64>,
    pub optimised: bool,
    pub doors: Vec<Door>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    pub source: Option<String>,
    /// What one reading costs, ns.
    pub cost: f64,
    pub backwards: bool,
}

/// Looks at this machine.
pub fn facts(connections: u64, doors: Vec<Door>) -> Facts {
    let limit = rlimit::Resource::NOFILE.get().ok();
    Facts {
        connections,
        descriptors: limit.map(|(_, hard)| hard),
        ports: read("/proc/sys/net/ipv4/ip_local_port_range").as_deref().and_then(pair),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        load: read("/proc/loadavg").and_then(|text| text.split_whitespace().next()?.parse().ok()),
        clock: clock(),
        memory: read("/proc/meminfo").as_deref().and_then(available),
        backlog: read("/proc/sys/net/core/somaxconn").and_then(|text| text.trim().parse().ok()),
        optimised: !cfg!(debug_assertions),
        doors,
    }
}

fn clock() -> Clock {
    let began = Instant::now();
    let (mut before, mut backwards) = (began, false);
    for _ in 0..READINGS {
        let now = Instant::now();
        backwards |= now < before;
        before = now;
    }
    let source = read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    Clock {
        source: source.map(|name| name.trim().to_owned()),
        cost: began.elapsed().as_nanos() as f64 / f64::from(READINGS),
        backwards,
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn pair(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_understood() {
        assert_eq!(pair("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(available("MemTotal: 100 kB\nMemAvailable:   50 kB\n"), Some(51_200));
        let here = facts(10, vec![]);
        assert!(here.cores > 0 && here.clock.cost > 0.0 && !here.clock.backwards);
    }
}
