//! Runs as they were kept, for tests of what is made of them: made once on the built-in server, then varied.
#![allow(dead_code, reason = "not every test program needs all of it")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flux_bench::selftest::broker::{Books, Broker};
use flux_bench::selftest::faults::Faults;
use serde_json::Value;
use tempfile::TempDir;

/// The built-in server; it ends with this.
pub struct Toy {
    pub address: SocketAddr,
    pub books: Books,
    _runtime: tokio::runtime::Runtime,
}

impl Toy {
    pub fn start(faults: Faults) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let broker = runtime.block_on(Broker::bind(faults)).unwrap();
        let (address, books) = (broker.address().unwrap(), broker.books());
        runtime.spawn(broker.serve());
        Toy { address, books, _runtime: runtime }
    }
}

/// flux-bench with a folder of runs of its own, and nobody at its terminal.
pub struct Bench {
    pub home: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Bench { home: tempfile::tempdir().unwrap() }
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flux-bench"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLUX_")) {
            command.env_remove(name);
        }
        command.args(arguments.split_whitespace()).current_dir(self.home.path());
        command.env("FLUX_BENCH_RUNS", self.runs()).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    pub fn runs(&self) -> std::path::PathBuf {
        self.home.path().join("runs")
    }

    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What it wrote, and it was content; a selftest or a doctor on a machine that is busy may not be.
    pub fn ok(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let content = [Some(0), Some(1).filter(|_| arguments.starts_with("selftest") || arguments.starts_with("doctor"))];
        assert!(content.contains(&output.status.code()), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn code(&self, arguments: &str) -> Option<i32> {
        self.run(arguments).status.code()
    }
}

/// The document of a short run, unpaced and so without a doubt about the generator.
pub fn document(toy: &Toy) -> Value {
    let bench = Bench::new();
    let load = format!("mqtt --no-save --rate max --warmup 0s --duration 300ms --pubs 2 --url mqtt://{} -o json", toy.address);
    serde_json::from_slice(&bench.run(&load).stdout).unwrap()
}

/// As many runs as there are factors, each that much faster; nothing in them is doubtful.
pub fn varied(document: &Value, label: &str, factors: &[f64]) -> Value {
    let mut whole = document.clone();
    let items = factors.iter().enumerate().map(|(index, factor)| {
        let mut run = document["items"][0].clone();
        let rate = run["throughput"]["deliveriesPerSecond"].as_f64().unwrap();
        run["throughput"]["deliveriesPerSecond"] = (rate * factor).into();
        (run["label"], run["round"], run["result"]) = (label.into(), (index + 1).into(), "PASS".into());
        run
    });
    whole["items"] = items.collect();
    whole
}

/// Writes it where runs are kept, or anywhere.
pub fn write(document: &Value, path: &Path, id: &str) {
    let mut document = document.clone();
    for (index, run) in document["items"].as_array_mut().unwrap().iter_mut().enumerate() {
        run["id"] = if index == 0 { id.into() } else { format!("{id}.{}", index + 1).into() };
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, document.to_string()).unwrap();
}

/// Two documents: an older one of one server, and the latest of two servers in turns.
pub fn fill(bench: &Bench, document: &Value) {
    let older = varied(document, "flux", &[1.0, 1.01, 0.99, 1.02, 0.98]);
    let mut latest = varied(document, "flux", &[1.005, 1.015, 0.995]);
    let beside = varied(document, "rumqttd", &[0.5, 0.51, 0.49]);
    latest["items"].as_array_mut().unwrap().extend(beside["items"].as_array().unwrap().iter().cloned());
    for (document, id) in [(&older, "20261124-190000-000-pair"), (&latest, "20261125-190000-000-pair")] {
        write(document, &bench.runs().join(format!("{id}.json")), id);
    }
}
