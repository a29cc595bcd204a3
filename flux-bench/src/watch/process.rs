use std::fs;
use std::time::Instant;

use serde::Serialize;

/// Ticks of /proc times per second: a constant of the Linux ABI (USER_HZ).
const TICKS: f64 = 100.0;

/// A process to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pid: u32,
}

/// A process's resources over a stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProcessUse {
    /// None when it is on another machine.
    pub pid: Option<u32>,
    /// Where its figures came from, when not from the operating system.
    pub url: Option<String>,
    pub name: String,
    pub cpu_seconds: f64,
    /// 1.0 is one core busy all the time.
    pub cores: f64,
    /// Bytes at the end.
    pub resident: u64,
    /// The most that was seen, bytes.
    pub resident_peak: u64,
    pub descriptors: Option<u64>,
}

/// What a process used in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ProcessSample {
    /// 1.0 is one core busy all the time.
    pub cores: f64,
    /// Bytes at its end.
    pub resident: u64,
}

impl Process {
    pub fn of(pid: u32) -> Self {
        Self { pid }
    }

    pub fn exists(&self) -> bool {
        fs::exists(format!("/proc/{}/stat", self.pid)).unwrap_or(false)
    }

    pub fn name(&self) -> Option<String> {
        Some(fs::read_to_string(format!("/proc/{}/comm", self.pid)).ok()?.trim_end().to_owned())
    }

    /// User and system time since it began, seconds.
    fn cpu_seconds(&self) -> Option<f64> {
        cpu_seconds(&fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?)
    }

    /// Bytes in memory.
    pub fn resident(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        kilobytes(&status, "VmRSS:")
    }

    fn descriptors(&self) -> Option<u64> {
        Some(fs::read_dir(format!("/proc/{}/fd", self.pid)).ok()?.count() as u64)
    }

    /// The most descriptors it may have open.
    pub fn descriptor_limit(&self) -> Option<u64> {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.pid)).ok()?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

/// The 14th and 15th field of /proc/PID/stat (proc_pid_stat(5)); the second, the name, may hold spaces and parentheses.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

fn kilobytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

/// A process that is watched over a window.
#[derive(Debug)]
pub struct Watched {
    process: Process,
    peak: u64,
    looked: Instant,
    started: Option<(Instant, f64)>,
    sampled: Option<(Instant, f64)>,
}

impl Watched {
    pub fn new(process: Process) -> Self {
        Self { process, peak: process.resident().unwrap_or(0), looked: Instant::now(), started: None, sampled: None }
    }

    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    pub fn resident(&self) -> Option<u64> {
        self.process.resident()
    }

    /// The window begins.
    pub fn start(&mut self) {
        self.started = self.process.cpu_seconds().map(|cpu| (Instant::now(), cpu));
    }

    /// What was used since the last sample; None at the first, or when it cannot be read.
    pub fn sample(&mut self) -> Option<ProcessSample> {
        let (now, cpu) = (Instant::now(), self.process.cpu_seconds()?);
        let (since, cpu_before) = self.sampled.replace((now, cpu))?;
        let elapsed = now.duration_since(since).as_secs_f64();
        let resident = self.process.resident()?;
        self.peak = self.peak.max(resident);
        Some(ProcessSample { cores: if elapsed > 0.0 { (cpu - cpu_before) / elapsed } else { 0.0 }, resident })
    }

    /// Notes the memory, ten times a second at most.
    pub fn look(&mut self) {
        if self.looked.elapsed().as_millis() >= 100 {
            self.looked = Instant::now();
            self.peak = self.peak.max(self.process.resident().unwrap_or(0));
        }
    }

    /// What was used since the window began; None when it cannot be read (any more).
    pub fn used(&mut self) -> Option<ProcessUse> {
        let (since, cpu_before) = self.started?;
        let cpu_seconds = self.process.cpu_seconds()? - cpu_before;
        let resident = self.process.resident()?;
        self.peak = self.peak.max(resident);
        Some(ProcessUse {
            pid: Some(self.process.pid),
            url: None,
            name: self.process.name()?,
            cpu_seconds,
            cores: cpu_seconds / since.elapsed().as_secs_f64(),
            resident,
            resident_peak: self.peak,
            descriptors: self.process.descriptors(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_any_name() {
        let stat = "42 (a (strange) name) S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_seconds(stat), Some(3.0));
    }

    #[test]
    fn this_process_has_memory_and_descriptors() {
        let own = Process::of(std::process::id());
        assert!(own.resident().unwrap() > 100_000);
        assert!(own.descriptors().unwrap() >= 3 && own.descriptor_limit().unwrap() >= 3);
        assert!(!Process::of(u32::MAX).exists());
    }
}
