//! HTTP load with the binary, as a user runs it: against the built-in server, whose faults are known, and against flux-core.
#![allow(clippy::unwrap_used)]

mod node;

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Duration;

use flux_bench::selftest::web::{Web, WebFaults, WebReader};
use node::Node;
use serde_json::Value;

struct Server {
    address: SocketAddr,
    reader: WebReader,
    _runtime: tokio::runtime::Runtime,
}

fn server(faults: WebFaults) -> Server {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let web = runtime.block_on(Web::bind(faults)).unwrap();
    let (address, reader) = (web.address().unwrap(), web.reader());
    runtime.spawn(web.serve());
    Server { address, reader, _runtime: runtime }
}

fn bench(url: &str, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-bench"));
    command.arg("http").args(arguments.split_whitespace()).args([
        "--warmup",
        "0s",
        "--duration",
        "1s",
        "--no-save",
        "--url",
        url,
    ]);
    command.output().unwrap()
}

fn run(server: &Server, arguments: &str) -> Output {
    bench(&format!("http://{}", server.address), arguments)
}

fn report(output: &Output) -> Value {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!((&report["apiVersion"], &report["kind"]), (&"flux/v1".into(), &"BenchRun".into()));
    report["items"][0].clone()
}

/// How often requests ended in this way.
fn answers(run: &Value, status: &str) -> u64 {
    let found = run["answers"].as_array().unwrap().iter().find(|answer| answer["status"] == status);
    found.map_or(0, |answer| answer["count"].as_u64().unwrap())
}

#[test]
fn a_run_counts_what_the_server_counted() {
    let server = server(WebFaults::default());
    let run = report(&run(&server, "--rate 2k --conns 8 -o json"));
    assert_eq!((run["messages"]["sent"].as_u64(), answers(&run, "200")), (Some(2_000), 2_000));
    assert_eq!((server.reader.books().requests, server.reader.books().events), (2_000, 2_000));
    assert_eq!(run["latencyMilliseconds"]["response"]["count"], 2_000);
    assert_eq!((&run["tool"], &run["connections"]["opened"]), (&"http".into(), &8.into()));
}

#[test]
fn a_batch_is_as_many_events_as_was_said_in_either_form() {
    for body in ["ndjson", "json"] {
        let server = server(WebFaults::default());
        let run = report(&run(&server, &format!("batch --batch 50 --body {body} --rate 1k -o json")));
        assert_eq!((server.reader.books().requests, server.reader.books().events), (1_000, 50_000), "{body}");
        assert_eq!(answers(&run, "200"), 1_000);
        assert!(
            run["throughput"]["eventsPerSecond"].as_f64().unwrap() > run["throughput"]["requestsPerSecond"].as_f64().unwrap()
        );
    }
}

#[test]
fn as_fast_as_it_goes_nothing_is_miscounted() {
    let server = server(WebFaults::default());
    let run = report(&run(&server, "--rate max --conns 4 -o json"));
    assert_eq!(answers(&run, "200"), server.reader.books().requests);
    assert!(run["latencyMilliseconds"]["response"].is_null(), "unpaced requests have no intended time");
    assert!(run["latencyMilliseconds"]["service"]["count"].as_u64().unwrap() > 0);
}

#[test]
fn refusals_and_broken_connections_are_told_apart_and_fail_the_run() {
    let server = server(WebFaults { refuse_every: Some(10), close_every: Some(101), ..Default::default() });
    let output = run(&server, "--rate 2k --conns 8 --slo loss<1%,errors=0 --check -o json");
    let (run, books) = (report(&output), server.reader.books());
    // A generator that got no processor doubts its own times, which weighs more; what it counted is exact all the same.
    let doubtful = !run["doubts"].as_array().unwrap().is_empty();
    assert_eq!(output.status.code(), Some(if doubtful { 6 } else { 3 }), "{run:#}");
    assert_eq!((answers(&run, "503 busy"), answers(&run, "connection closed")), (books.refused, books.closed));
    assert_eq!(run["connections"]["lost"], books.closed, "and each was opened again");
    assert_eq!(run["messages"]["sent"], books.requests);
    assert_eq!(run["targets"][0]["verdict"], "PASS", "19 of 2,000 are less than 1 %");
}

#[test]
fn a_stall_shows_in_the_response_time_of_everything_it_held_up() {
    let server = server(WebFaults { stall: Some((500, Duration::from_millis(500))), ..Default::default() });
    // One connection: the generator is held up too, which hides the stall from whoever measures from the actual send.
    let run = report(&run(&server, "--rate 2k --conns 1 -o json"));
    let latency = &run["latencyMilliseconds"];
    let (response, service) = (latency["response"]["p90"].as_f64().unwrap(), latency["service"]["p90"].as_f64().unwrap());
    // A quarter of the requests were due in the second half of the stall or while its backlog was worked off.
    assert!(response > 100.0 && response > 2.0 * service, "response {response} ms, service {service} ms");
}

#[test]
fn a_server_that_refuses_everything_has_failed() {
    let server = server(WebFaults { refuse_every: Some(1), ..Default::default() });
    let output = run(&server, "--rate 2k -o json");
    let run = report(&output);
    assert!(run["failures"][0].as_str().unwrap().contains("2000 of 2000 requests were answered without success"), "{run}");
    assert_eq!(answers(&run, "503 busy"), 2_000);
}

#[test]
fn flux_core_takes_every_event_and_answers_every_read() {
    let core = Node::start();
    let run = report(&bench(core.http(), "events --rate 1k --conns 4 -o json"));
    assert_eq!(answers(&run, "200"), 1_000);
    assert_eq!(core.events_received(), 1_000);
    let run = report(&bench(core.http(), "batch --batch 20 --rate 50 --conns 4 -o json"));
    assert_eq!((answers(&run, "200"), core.events_received()), (50, 2_000));
    let run = report(&bench(core.http(), "api --rate 100 --conns 2 -o json"));
    assert_eq!(answers(&run, "200"), 100, "{}", run["answers"]);
    assert_eq!(run["servers"][0]["pid"], core.pid(), "found by its port");
}
