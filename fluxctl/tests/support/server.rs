use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to listen: generous, because nothing depends on it but the patience of who waits for a failure.
const START: Duration = Duration::from_secs(60);

/// Lines that have not been looked through yet.
const LINES: usize = 64;

/// `flux-core serve` with its data in a folder of its own; killed when dropped.
pub struct Server {
    process: Child,
    http: String,
    mqtt: String,
    mqtts: Option<String>,
    _data: TempDir,
}

impl Server {
    pub fn start() -> Self {
        Server::start_with(&[])
    }

    pub fn start_with(flags: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLUX_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--http-listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        command.args(flags).env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the server starts");
        let said = listen(&mut process);
        let (http, mqtt, mqtts) = addresses(&mut process, &said);
        Server { process, http, mqtt, mqtts, _data: data }
    }

    /// `http://127.0.0.1:PORT`, `https://` where the flags ask for it
    pub fn http(&self) -> &str {
        &self.http
    }

    /// `127.0.0.1:PORT`
    pub fn mqtt(&self) -> &str {
        &self.mqtt
    }

    /// The same over TLS, where the flags ask for it.
    pub fn mqtts(&self) -> &str {
        self.mqtts.as_deref().expect("a TLS listener")
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The program that serves.
    pub fn binary() -> &'static Path {
        binary()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the server writes, line by line, read on threads of their own so that it never waits for a full pipe.
fn listen(process: &mut Child) -> Receiver<String> {
    let (sender, lines) = sync_channel(LINES);
    let stdout: Box<dyn Read + Send> = Box::new(process.stdout.take().expect("piped"));
    let stderr: Box<dyn Read + Send> = Box::new(process.stderr.take().expect("piped"));
    for stream in [stdout, stderr] {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                // The test has what it wanted: go on reading, so that the server can go on writing.
                let _ = sender.send(line);
            }
        });
    }
    lines
}

/// The addresses it prints once it listens: lines that begin with `HTTP API` and `MQTT`.
fn addresses(process: &mut Child, said: &Receiver<String>) -> (String, String, Option<String>) {
    let deadline = Instant::now() + START;
    let (mut http, mut mqtt, mut mqtts, mut log) = (None, None, None, String::new());
    while let Ok(line) = said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        let scheme = if line.contains("https://") { "https" } else { "http" };
        http = http.or_else(|| address(&line, "HTTP API").map(|address| format!("{scheme}://{address}")));
        mqtt = mqtt.or_else(|| address(&line, "MQTT"));
        mqtts = mqtts.or_else(|| address(&line, "MQTT over TLS"));
        log = log + &line + "\n";
        // What comes after the addresses.
        if let (true, Some(http), Some(mqtt)) = (line.trim_start().starts_with("Data"), &http, &mqtt) {
            return (http.clone(), mqtt.clone(), mqtts);
        }
    }
    let _ = process.kill();
    panic!("the server printed no addresses ({:?}); it said:\n{log}", process.wait());
}

fn address(line: &str, label: &str) -> Option<String> {
    let value = line.trim_start().strip_prefix(label)?.split_whitespace().next()?;
    value.trim_start_matches("http://").trim_start_matches("https://").parse().ok().map(|address: SocketAddr| address.to_string())
}

/// `FLUX_TEST_CORE_BIN`, or the binary beside the tool under test, brought up to date by cargo once for each test program.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("FLUX_TEST_CORE_BIN") {
            return path.into();
        }
        let test = std::env::current_exe().expect("this program has a path");
        // TARGET/PROFILE/deps/TEST
        let profile = test.parent().and_then(Path::parent).expect("a test is built below target");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "-p", "flux-core", "--bin", "flux-core", "--target-dir"]);
        build.arg(profile.parent().expect("a profile is a folder of target"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "flux-core does not build");
        profile.join("flux-core")
    })
}
