//! `flux-core serve` as a child process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tokio::time::Instant;

pub const BINARY: &str = env!("CARGO_BIN_EXE_flux-core");

pub struct Serve {
    process: Child,
    banner: Vec<String>,
}

impl Serve {
    /// Serves MQTT, WebSocket and HTTP on free ports.
    pub fn start(data_dir: &Path) -> Serve {
        Serve::with(data_dir, &[])
    }

    pub fn with(data_dir: &Path, arguments: &[&str]) -> Serve {
        let mut process = command(data_dir, arguments).stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut banner = Vec::new();
        while let Some(Ok(line)) = lines.next() {
            if line.starts_with("Try next") {
                // The rest is read to its end, or the server would write into a closed pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Serve { process, banner };
            }
            banner.push(line);
        }
        panic!("flux-core serve ended before it served: {:?}, {banner:?}", process.wait());
    }

    /// The address on the line of the banner with this `name`: the name, at least two spaces, the value.
    pub fn address(&self, name: &str) -> SocketAddr {
        let value = |line: &String| {
            line.trim_start().split_once("  ").filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
        };
        let value = self.banner.iter().find_map(value).unwrap_or_else(|| panic!("{name} is not in {:?}", self.banner));
        let value = value.split_whitespace().next().expect("a value");
        let value = value.split_once("://").map_or(value, |(_, rest)| rest);
        value.split('/').next().and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{value} is not an address"))
    }

    pub fn mqtt(&self) -> SocketAddr {
        self.address("MQTT")
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(mut self) {
        self.process.kill().expect("it was running");
        self.process.wait().expect("it can be waited for");
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().expect("kill runs");
        assert!(status.success(), "the process is there");
    }

    /// Waits for the end. `None` if it does not come in time.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let began = Instant::now();
        while began.elapsed() < patience {
            if let Some(status) = self.process.try_wait().expect("it can be waited for") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("--data-dir").arg(data_dir).args(["--set", "log.level=warn"]).args(arguments);
    for listener in ["--mqtt-listen", "--ws-listen", "--http-listen"] {
        if !arguments.contains(&listener) {
            command.args([listener, "127.0.0.1:0"]);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// A start that is expected to fail: what it printed and how it ended.
pub fn fails(data_dir: &Path, arguments: &[&str]) -> Output {
    let mut process =
        command(data_dir, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let began = Instant::now();
    while process.try_wait().expect("it can be waited for").is_none() {
        if began.elapsed() > Duration::from_secs(20) {
            let _ = process.kill();
            panic!("{arguments:?} was expected to fail, but it serves");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    process.wait_with_output().expect("its output can be read")
}
