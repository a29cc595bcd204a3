//! The program that serves, for the tests of both tools: `#[path = "../../../fluxctl/tests/support/program.rs"] mod program;`.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How long a server may take to listen: generous, because nothing depends on it but the patience of who waits for a failure.
const START: Duration = Duration::from_secs(60);

/// Lines that have not been looked through yet.
const LINES: usize = 64;

/// `flux-core serve` for HTTP and MQTT on free ports, with its data below this folder and nothing of the environment.
pub fn serve(data: &Path) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLUX_")) {
        command.env_remove(name);
    }
    command.args(["serve", "--http-listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0", "--data-dir"]).arg(data);
    command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts it and waits until it listens; beside the process what it has printed.
pub fn start(command: &mut Command) -> (Child, Vec<String>) {
    let mut process = command.spawn().expect("the server starts");
    let lines = listen(&mut process);
    let said = started(&mut process, &lines);
    (process, said)
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
