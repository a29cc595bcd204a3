use std::fs;

/// What the process costs, as the operating system counts it. What it does not tell is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProcessFigures {
    /// Processor time since the start, all threads.
    pub cpu_seconds: Option<f64>,
    pub rss_bytes: Option<u64>,
    pub open_descriptors: Option<u64>,
    pub descriptor_limit: Option<u64>,
}

impl ProcessFigures {
    /// Reads `/proc/self`: some tens of microseconds.
    pub fn read() -> Self {
        ProcessFigures {
            cpu_seconds: fs::read_to_string("/proc/self/stat").ok().and_then(|text| cpu_seconds(&text)),
            rss_bytes: fs::read_to_string("/proc/self/status").ok().and_then(|text| rss_bytes(&text)),
            open_descriptors: open_descriptors(),
            descriptor_limit: rlimit::Resource::NOFILE.get_soft().ok(),
        }
    }
}

/// proc_pid_stat(5): fields 14 and 15, in clock ticks. The name (field 2) is in parentheses and may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

fn open_descriptors() -> Option<u64> {
    // Linux 6.2 and later tell the count as the folder's size; listing a hundred thousand entries takes milliseconds.
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        count => Some(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_and_spaces_do_not_shift_the_fields() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 100 0 0";
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(cpu_seconds(stat), Some(300.0 / ticks));
        assert_eq!(rss_bytes("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!((cpu_seconds("42 (a"), rss_bytes("")), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_descriptors() {
        let figures = ProcessFigures::read();
        assert!(figures.rss_bytes.unwrap() > 100_000);
        assert!(figures.open_descriptors.unwrap() >= 3);
        assert!(figures.descriptor_limit.unwrap() >= figures.open_descriptors.unwrap());
        assert!(figures.cpu_seconds.unwrap() >= 0.0);
    }
}
