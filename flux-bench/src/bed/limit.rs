use std::process::{Command, Stdio};

use super::redis::Redis;

/// Requests of one measurement: a second or two on any machine.
const REQUESTS: &str = "500000";

/// Commands in one round trip: as many as our own writer puts into one.
const PIPELINE: &str = "512";

/// What redis-benchmark reaches over one connection, pipelined, with a payload of `size` and the command that `bus` is made of, per
/// second. None when it is not installed, or Redis wants TLS or a login.
pub fn limit(redis: &Redis, bus: &str, size: usize) -> Option<f64> {
    let (host, port) = redis.plain()?;
    let payload = "x".repeat(size);
    let command: Vec<&str> = match bus {
        "pubsub" => vec!["PUBLISH", "flux-bench", &payload],
        _ => vec!["XADD", "flux-bench-limit", "MAXLEN", "~", "10000", "*", "m", &payload],
    };
    let benchmark = |arguments: &[&str]| {
        let mut program = Command::new("redis-benchmark");
        program.args(["-h", &host, "-p", &port.to_string()]).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        program.output().ok().filter(|output| output.status.success())
    };
    let output = benchmark(&[&["-q", "-c", "1", "-n", REQUESTS, "-P", PIPELINE], command.as_slice()].concat())?;
    if bus != "pubsub" {
        benchmark(&["-q", "-c", "1", "-n", "1", "DEL", "flux-bench-limit"]);
    }
    rate(&String::from_utf8_lossy(&output.stdout))
}

/// It repaints its line: the last figure is the whole measurement's.
fn rate(text: &str) -> Option<f64> {
    let before = text.rsplit_once(" requests per second")?.0;
    before.rsplit([' ', ':']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_figure_counts() {
        let text =
            "PUBLISH c x: rps=0.0 (overall: 0.0) avg_msec=nan\rPUBLISH c x: 458715.59 requests per second, p50=0.911 msec\n\n";
        assert_eq!(rate(text), Some(458_715.59));
        assert_eq!(rate("Could not connect"), None);
    }
}
