//! The binary against the built-in server, as a user runs it.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use flux_bench::selftest::broker::{Books, Broker};
use flux_bench::selftest::faults::Faults;
use serde_json::Value;

struct Server {
    address: SocketAddr,
    books: Books,
    _runtime: tokio::runtime::Runtime,
}

fn server(faults: Faults) -> Server {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let broker = runtime.block_on(Broker::bind(faults)).unwrap();
    let (address, books) = (broker.address().unwrap(), broker.books());
    runtime.spawn(broker.serve());
    Server { address, books, _runtime: runtime }
}

fn command(server: &Server, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-bench"));
    command.args(["mqtt", "--no-save"]).args(arguments.split_whitespace()).args(["--url", &format!("mqtt://{}", server.address)]);
    command
}

fn run(server: &Server, arguments: &str) -> Output {
    command(server, &format!("{arguments} --warmup 0s --duration 1s --drain 3s")).output().unwrap()
}

fn report(output: &Output) -> Value {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["apiVersion"], &report["kind"]), (&"flux/v1".into(), &"BenchRun".into()));
    report["items"][0].clone()
}

#[test]
fn a_run_counts_what_the_server_counted() {
    let server = server(Faults::default());
    let run = report(&run(&server, "--rate 2k --pubs 3 --subs 3 -o json"));
    assert_eq!(run["audit"]["sent"], 2_000);
    assert_eq!(run["audit"]["delivered"], server.books.committed().forwarded);
    assert_eq!(run["guarantee"], "exactly-once");
    assert_eq!(run["latencyMilliseconds"]["response"]["count"], 2_000);
    assert_eq!(run["environment"]["command"][1], "mqtt");
}

#[test]
fn fan_out_owes_every_subscriber_and_fan_in_only_one() {
    let server = server(Faults::default());
    let out = report(&run(&server, "fan-out --subs 5 --rate 1k -o json"));
    assert_eq!((&out["audit"]["sent"], &out["audit"]["delivered"]), (&1_000.into(), &5_000.into()));
    let fan_in = report(&run(&server, "fan-in --pubs 5 --rate 1k -o json"));
    assert_eq!((&fan_in["audit"]["sent"], &fan_in["audit"]["delivered"]), (&1_000.into(), &1_000.into()));
}

#[test]
fn as_fast_as_it_goes_nothing_is_miscounted() {
    let server = server(Faults::default());
    for qos in 0..=2 {
        let before = server.books.committed().forwarded;
        let run = report(&run(&server, &format!("--rate max --qos {qos} --pubs 2 -o json")));
        let delivered = server.books.committed().forwarded - before;
        assert_eq!(run["audit"]["delivered"], delivered, "QoS {qos}");
        assert_eq!((&run["audit"]["lost"], &run["audit"]["duplicated"]), (&0.into(), &0.into()), "QoS {qos}");
        assert!(run["latencyMilliseconds"]["response"].is_null(), "unpaced messages have no intended time");
    }
}

#[test]
fn a_server_that_loses_acknowledged_messages_breaks_the_audit() {
    let server = server(Faults { drop_every: Some(10), ..Default::default() });
    let output = run(&server, "--rate 2k --pubs 2");
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("RESULT  FAIL (audit broken)") && text.contains("lost 200 (FORBIDDEN at QoS 1)"), "{text}");
}

#[test]
fn at_qos_0_the_same_loss_is_reported_and_allowed() {
    let server = server(Faults { drop_every: Some(10), ..Default::default() });
    let run = report(&run(&server, "--rate 2k --pubs 2 --qos 0 -o json"));
    assert_eq!((&run["audit"]["lost"], &run["guarantee"]), (&200.into(), &"at-most-once".into()));
    assert!(run["violations"].as_array().unwrap().is_empty());
}

#[test]
fn too_few_samples_are_invalid_and_say_so() {
    let server = server(Faults::default());
    let output = run(&server, "--rate 100 --pubs 1");
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8(output.stdout).unwrap().contains("100 latencies are too few"));
}

#[test]
fn a_target_that_is_missed_fails_only_a_check() {
    let server = server(Faults { stall: Some((1_000, Duration::from_millis(500))), ..Default::default() });
    // Half a second of standing still in one second at 5,000/s: p99 is far above the goal of 1.5 ms.
    let checked = run(&server, "--rate 5k --check");
    assert_eq!(checked.status.code(), Some(3), "{}", String::from_utf8_lossy(&checked.stdout));
    assert!(String::from_utf8(checked.stdout).unwrap().contains("goal.paced_p99"));
}

#[test]
fn connections_are_opened_and_counted() {
    let server = server(Faults::default());
    let run = report(&run(&server, "conns --conns 200 -o json"));
    assert_eq!((&run["connections"]["opened"], &run["connections"]["lost"]), (&200.into(), &0.into()));
    assert_eq!(run["latencyMilliseconds"]["connect"]["count"], 200);
}

#[test]
fn an_interrupted_run_reports_what_it_has() {
    let server = server(Faults::default());
    let child = command(&server, "--rate 1k --pubs 1 --warmup 0s --duration 60s -o json").stdout(Stdio::piped()).spawn().unwrap();
    while server.books.committed().forwarded < 100 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let run = report(&output);
    assert_eq!(run["result"], "INTERRUPTED");
    assert_eq!((&run["audit"]["lost"], &run["audit"]["sent"]), (&0.into(), &server.books.committed().forwarded.into()));
}
