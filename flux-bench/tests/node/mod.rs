#![allow(dead_code, reason = "not every test program asks a node for everything")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// `flux-core serve` on ports of its own, with its data in a folder of its own; killed when dropped.
pub struct Node {
    process: Child,
    http: String,
    mqtt: String,
    _data: TempDir,
}

impl Node {
    pub fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLUX_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--http-listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (mut http, mut mqtt) = (None, None);
        for line in lines.by_ref().map_while(Result::ok) {
            http = http.or_else(|| address(&line, "HTTP API"));
            mqtt = mqtt.or_else(|| address(&line, "MQTT"));
            if http.is_some() && mqtt.is_some() {
                break;
            }
        }
        // What else it says is read, so that it can go on.
        std::thread::spawn(move || lines.for_each(drop));
        let (http, mqtt) = (http.expect("it says where its API is"), mqtt.expect("it says where MQTT is"));
        Node { process, http: format!("http://{http}"), mqtt: format!("mqtt://{mqtt}"), _data: data }
    }

    pub fn http(&self) -> &str {
        &self.http
    }

    pub fn mqtt(&self) -> &str {
        &self.mqtt
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// By its own count.
    pub fn events_received(&self) -> u64 {
        let address = self.http.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let counts = text.lines().filter(|line| line.starts_with("flux_messages_received"));
        counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn address(line: &str, label: &str) -> Option<SocketAddr> {
    let value = line.trim_start().strip_prefix(label)?.split_whitespace().next()?;
    value.trim_start_matches("http://").parse().ok()
}

/// `FLUX_TEST_CORE_BIN`, or the binary beside this one, brought up to date by cargo once for each test program.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("FLUX_TEST_CORE_BIN") {
            return path.into();
        }
        let test = std::env::current_exe().unwrap();
        // TARGET/PROFILE/deps/TEST
        let profile = test.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "-p", "flux-core", "--bin", "flux-core", "--target-dir"]).arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "flux-core does not build");
        profile.join("flux-core")
    })
}
