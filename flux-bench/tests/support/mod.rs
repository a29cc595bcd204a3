//! The real server, for tests of what flux-bench does with one.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long a server may take to listen: generous, because nothing depends on it but the patience of who waits for a failure.
const START: Duration = Duration::from_secs(60);

/// Lines that have not been looked through yet.
const LINES: usize = 64;

/// `flux-core serve` on free ports for every transport, with its data in a folder of its own; killed when dropped.
pub struct Server {
    process: Child,
    said: Vec<String>,
    folder: TempDir,
}

impl Server {
    #[allow(dead_code, reason = "not every test program needs it")]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// `FOLDER` in a setting is where its `cert.pem` and `key.pem` are.
    pub fn start_with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let made =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("cert.pem"), made.cert.pem()).expect("written");
        std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).expect("written");
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLUX_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--http-listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0"]);
        command.args(["--mqtts-listen", "127.0.0.1:0", "--ws-listen", "127.0.0.1:0", "--wss-listen", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(folder.path().join("data"));
        for (key, name) in [("cert", "cert.pem"), ("key", "key.pem")] {
            command.args(["--set", &format!("mqtt.tls.{key}={}", file(name).display())]);
        }
        for setting in settings {
            command.args(["--set", &setting.replace("FOLDER", &folder.path().display().to_string())]);
        }
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the server starts");
        let lines = listen(&mut process);
        let said = started(&mut process, &lines);
        Server { process, said, folder }
    }

    /// `mqtt://127.0.0.1:PORT`, or mqtts, ws, wss.
    pub fn url(&self, scheme: &str) -> String {
        let label = match scheme {
            "mqtt" => "MQTT ",
            "mqtts" => "MQTT over TLS",
            "ws" => "MQTT over WebSocket",
            _ => "MQTT over WSS",
        };
        let port = self.said.iter().find_map(|line| {
            let value = line.trim_start().strip_prefix(label)?.split_whitespace().next()?;
            value.rsplit_once(':').map(|(_, port)| port.trim_end_matches("/mqtt").to_owned())
        });
        format!("{scheme}://127.0.0.1:{}", port.unwrap_or_else(|| panic!("no {label:?} in {:?}", self.said)))
    }

    /// `http://127.0.0.1:PORT`
    #[allow(dead_code, reason = "not every test program needs it")]
    pub fn http(&self) -> String {
        let address = self.said.iter().find_map(|line| line.trim_start().strip_prefix("HTTP API")?.split_whitespace().next());
        let address = address.unwrap_or_else(|| panic!("no HTTP API in {:?}", self.said));
        format!("http://{}", address.trim_start_matches("http://"))
    }

    /// `cert.pem`, its certificate and its own authority, or `key.pem`.
    #[allow(dead_code, reason = "not every test program needs it")]
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// flux-bench mqtt with these arguments, a short run.
#[allow(dead_code, reason = "not every test program needs it")]
pub fn bench(url: &str, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-bench"));
    command.args(["mqtt", "--no-save"]).args(arguments.split_whitespace()).args(["--url", url, "-o", "json"]);
    command.args(["--warmup", "0s", "--duration", "1s"]).output().expect("flux-bench runs")
}

/// The only run in its report.
#[allow(dead_code, reason = "not every test program needs it")]
pub fn report(output: &Output) -> Value {
    let found: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report; it said {}", String::from_utf8_lossy(&output.stderr)));
    found["items"][0].clone()
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
                // Once the test has what it wanted nobody listens: go on reading, so that the server can go on writing.
                let _ = sender.send(line);
            }
        });
    }
    lines
}

/// What it prints until it listens: the line of its data folder comes last.
fn started(process: &mut Child, lines: &Receiver<String>) -> Vec<String> {
    let deadline = Instant::now() + START;
    let mut said = vec![];
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        let last = line.trim_start().starts_with("Data");
        said.push(line);
        if last {
            return said;
        }
    }
    let _ = process.kill();
    panic!("the server does not listen ({:?}); it said {said:#?}", process.wait());
}

/// `FLUX_TEST_CORE_BIN`, or the binary beside the tool under test, brought up to date by cargo once for each test program.
pub fn binary() -> &'static Path {
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
