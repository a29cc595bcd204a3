//! Every example of every help text runs, as it stands there, in a shell; only shorter and smaller, and aimed at a server of the test.
#![allow(clippy::unwrap_used)]

mod keep;
mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use flux_bench::selftest::faults::Faults;
use keep::{Bench, Toy};
use serde_json::Value;
use support::Server;

/// Every example there is, with the command whose help it stands in.
fn examples(bench: &Bench) -> Vec<(String, String)> {
    let (mut found, mut open) = (vec![], vec![String::new()]);
    while let Some(path) = open.pop() {
        let help = bench.ok(&format!("{path} -h"));
        let section = |title: &'static str| {
            help.lines().skip_while(move |line| *line != title).skip(1).take_while(|line| line.starts_with("  "))
        };
        let names: Vec<String> = section("Commands:")
            .filter(|line| !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .map(|name| format!("{path} {name}"))
            .collect();
        let before = found.len();
        found.extend(
            section("Examples:")
                .filter(|line| line.trim_start().starts_with("flux-bench "))
                .map(|line| (path.clone(), line.trim().to_owned())),
        );
        assert!(found.len() > before || !names.is_empty(), "the help of '{path}' has no examples");
        open.extend(names);
    }
    found
}

/// What it says after the command, from two spaces on, is for people.
fn command(example: &str) -> &str {
    example.split_once("  ").map_or(example, |(command, _)| command)
}

/// The same with a load that a debug build on a busy machine bears.
fn smaller(command: &str, server: &Server) -> String {
    let mut text = command.to_owned();
    for (large, small) in [
        ("--conns 10000", "--conns 100"),
        ("--conns 10k", "--conns 100"),
        ("--conns 5000", "--conns 100"),
        ("--precision 2%", "--precision 50%"),
        ("--runs 5", "--runs 1"),
        ("--runs 3", "--runs 1"),
        ("--batch 100 --rate 1k", "--batch 100 --rate 100"),
        ("--probe 5s", "--probe 300ms"),
        ("--probe 10s", "--probe 300ms"),
        ("mqtts://127.0.0.1:8883", &server.url("mqtts")),
        ("ws://127.0.0.1:8083", &server.url("ws")),
        ("mqtt://n1:1883,mqtt://n2:1883", &format!("{},{}", server.url("mqtt"), server.url("ws"))),
        ("http://n1:3000", &server.http()),
    ] {
        text = text.replace(large, small);
    }
    if text.contains(" search ") {
        for (flag, value) in [("--probe", "300ms"), ("--to", "2k"), ("--precision", "50%")] {
            if !text.contains(flag) {
                text = format!("{text} {flag} {value}");
            }
        }
    }
    text
}

fn run(command: &str, bench: &Bench, server: &Server) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_flux-bench")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLUX_")) {
        shell.env_remove(name);
    }
    shell.args(["-c", command]).current_dir(bench.home.path()).env("PATH", path).env("HOME", bench.home.path());
    shell.env("FLUX_BENCH_CORE", support::binary());
    shell.env("FLUX_BENCH_RUNS", bench.runs()).env("FLUX_BENCH_URL", server.url("mqtt"));
    shell.env("FLUX_BENCH_HTTP_URL", server.http()).env("FLUX_BENCH_DURATION", "300ms").env("FLUX_BENCH_WARMUP", "0s");
    shell.stdin(Stdio::null()).output().unwrap()
}

/// What an example may end with here. A run that is so short on a busy machine may be INVALID (6) or miss a target that it checks (3);
/// that it could not run (1), was misspelt (2) or broke the audit (4) is never right.
fn allowed(command: &str) -> &'static [i32] {
    let loads = ["flux-bench mqtt", "flux-bench http", "flux-bench search", "flux-bench bus"]
        .iter()
        .any(|load| command.starts_with(load));
    match command {
        // Nothing to do where Redis is not installed; the tests of the bus say so.
        _ if command.starts_with("flux-bench bus") && !redis_is_installed() => &[0, 1, 3, 6],
        // A search may find that nothing holds here.
        _ if loads && (command.contains("--check") || command.contains("--search")) => &[0, 3, 6],
        _ if loads => &[0, 6],
        _ if command.starts_with("flux-bench doctor") => &[0, 1, 6],
        _ => &[0],
    }
}

fn redis_is_installed() -> bool {
    Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What every example finds, whatever the one before has left.
fn prepare(document: &Value) -> Bench {
    let bench = Bench::new();
    keep::fill(&bench, document);
    for name in ["before", "after", "monday", "tuesday"] {
        keep::write(&keep::varied(document, "flux", &[1.0]), &bench.home.path().join(format!("{name}.json")), name);
    }
    bench
}

#[test]
fn every_example_of_every_help_text_runs() {
    let server = Server::start();
    let document = keep::document(&Toy::start(Faults::default()));
    let examples = examples(&Bench::new());
    assert!(examples.len() > 25, "{}", examples.len());
    let mut wrong = vec![];
    for (path, example) in &examples {
        let bench = prepare(&document);
        let command = smaller(command(example), &server);
        let output = run(&command, &bench, &server);
        if !output.status.code().is_some_and(|code| allowed(&command).contains(&code)) {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            wrong.push(format!("help of{path}: {example}\n{command}: {:?}\n{said}", output.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
