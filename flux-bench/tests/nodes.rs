//! Several processes are one server: found by their ports, named by --pid, or asked over the HTTP API of each node.
#![allow(clippy::unwrap_used)]

mod node;
mod support;

use std::process::{Command, Output, Stdio};

use node::Node;
use serde_json::Value;
use support::{Server, bench, report};

fn servers(run: &Value) -> Vec<&Value> {
    run["servers"].as_array().unwrap().iter().collect()
}

/// Of the whole run: what all nodes used, for each delivery.
fn assert_costs_are_the_sum(run: &Value) {
    let seconds: f64 = servers(run).iter().map(|server| server["cpuSeconds"].as_f64().unwrap()).sum();
    let deliveries = run["throughput"]["deliveriesInWindow"].as_f64().unwrap();
    let cost = run["costs"]["serverMicrosecondsPerDelivery"].as_f64().unwrap();
    assert!((cost - seconds * 1e6 / deliveries).abs() < 0.001, "{cost} of {seconds} s for {deliveries}");
}

fn http(url: &str, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-bench"));
    command.args(["http", "--no-save", "-o", "json", "--warmup", "0s", "--duration", "1s", "--url", url]);
    command.args(arguments.split_whitespace()).output().unwrap()
}

/// What went wrong before the run.
fn failure(output: &Output) -> (Option<i32>, String) {
    let said: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(said["code"], "nodes", "{said:#}");
    (output.status.code(), format!("{} / {}", said["error"].as_str().unwrap(), said["hint"].as_str().unwrap()))
}

#[test]
fn a_node_says_over_http_what_its_process_uses() {
    let node = Node::start();
    let run = report(&bench(node.mqtt(), &format!("--pubs 2 --rate 2k --nodes {}", node.http())));
    assert_eq!(run["failures"], serde_json::json!([]));
    let [server] = servers(&run)[..] else { panic!("{:#}", run["servers"]) };
    assert_eq!((&server["pid"], &server["url"]), (&Value::Null, &node.http().into()), "it may be anywhere");
    assert!(server["cores"].as_f64().unwrap() > 0.0 && server["residentPeakBytes"].as_u64().unwrap() > 1_000_000);
    assert_costs_are_the_sum(&run);
    let points = run["timeline"]["points"].as_array().unwrap();
    assert!(points.iter().all(|point| point["servers"].as_array().unwrap().len() == 1));
    assert_eq!(run["label"], "flux");
}

#[test]
fn two_nodes_are_one_server_and_their_costs_one_sum() {
    let (one, other) = (Node::start(), Node::start());
    let urls = format!("{},{}", one.mqtt(), other.mqtt());
    let nodes = format!("--nodes {},{}", one.http(), other.http());
    let run = report(&bench(&urls, &format!("--pubs 4 --rate 2k {nodes}")));
    assert_eq!(run["failures"], serde_json::json!([]));
    let found: Vec<_> = servers(&run).iter().map(|server| server["url"].as_str().unwrap()).collect();
    assert_eq!(found, [one.http(), other.http()]);
    assert_costs_are_the_sum(&run);
    let http = report(&http(one.http(), &format!("--rate 1k {nodes}")));
    let seconds: f64 = servers(&http).iter().map(|server| server["cpuSeconds"].as_f64().unwrap()).sum();
    let answered = http["throughput"]["deliveriesInWindow"].as_f64().unwrap();
    let cost = http["costs"]["serverMicrosecondsPerRequest"].as_f64().unwrap();
    assert!((cost - seconds * 1e6 / answered).abs() < 0.001, "{cost} of {seconds} s for {answered}");
}

#[test]
fn the_processes_of_several_loopback_urls_are_found_and_may_be_named() {
    let (one, other) = (Node::start(), Node::start());
    let urls = format!("{},{}", one.mqtt(), other.mqtt());
    let pids = |run: &Value| servers(run).iter().map(|server| server["pid"].as_u64().unwrap()).collect::<Vec<_>>();
    let mut expected = vec![u64::from(one.pid()), u64::from(other.pid())];
    expected.sort_unstable();
    let found = report(&bench(&urls, "--pubs 4 --rate 2k"));
    assert_eq!(pids(&found), expected);
    assert_costs_are_the_sum(&found);
    let named = report(&bench(&urls, &format!("--pubs 4 --rate 2k --pid {} --pid {}", one.pid(), other.pid())));
    assert_eq!(pids(&named), expected);
}

#[test]
fn a_process_and_a_node_are_watched_beside_each_other_but_nothing_twice() {
    let (one, other) = (Node::start(), Node::start());
    let urls = format!("{},{}", one.mqtt(), other.mqtt());
    let run = report(&bench(&urls, &format!("--pubs 4 --rate 2k --pid {} --nodes {}", one.pid(), other.http())));
    let [process, node] = servers(&run)[..] else { panic!("{:#}", run["servers"]) };
    assert_eq!((&process["pid"], &node["url"]), (&one.pid().into(), &other.http().into()));
    for twice in [format!("--pid {} --nodes {}", one.pid(), one.http()), format!("--nodes {0},{0}", one.http())] {
        let (exit, said) = failure(&bench(one.mqtt(), &format!("--pubs 1 --rate 1k {twice}")));
        assert!(exit == Some(1) && said.contains("twice"), "{said}");
    }
}

#[test]
fn what_is_no_node_is_refused_before_the_run() {
    let node = Node::start();
    // A port where nobody listens, an MQTT port, and a path that is not the API's.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let door = node.mqtt().replace("mqtt://", "http://");
    for wrong in [format!("http://{nobody}"), door, format!("{}/elsewhere", node.http()), "mqtt://n1".to_owned()] {
        let (exit, said) = failure(&bench(node.mqtt(), &format!("--pubs 1 --rate 1k --nodes {wrong}")));
        assert!(exit == Some(1) && said.contains(&wrong) && said.contains("--nodes http://HOST:PORT"), "{said}");
        assert_eq!(failure(&http(node.http(), &format!("--nodes {wrong}"))).0, Some(1));
    }
    assert_eq!(node.events_received(), 0, "nothing ran");
}

#[test]
fn a_node_that_asks_for_a_token_gets_it() {
    const TOKEN: &str = "0123456789abcdef";
    let server = Server::start_with(&[&format!("http.token={TOKEN}")]);
    let nodes = format!("--pubs 1 --rate 1k --nodes {}", server.http());
    let (exit, said) = failure(&bench(&server.url("mqtt"), &nodes));
    assert!(exit == Some(1) && said.contains("--token"), "{said}");
    let run = report(&bench(&server.url("mqtt"), &format!("{nodes} --token {TOKEN}")));
    assert_eq!(servers(&run).len(), 1);
    assert!(!run.to_string().contains(TOKEN), "a report is passed around");
}

#[test]
fn a_node_that_dies_during_the_run_is_named_and_its_part_not_guessed() {
    let (loaded, other) = (Node::start(), Node::start());
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-bench"));
    command.args(["mqtt", "--no-save", "-o", "json", "--warmup", "0s", "--duration", "60s", "--rate", "1k", "--pubs", "2"]);
    command.args(["--url", loaded.mqtt(), "--nodes", &format!("{},{}", loaded.http(), other.http())]);
    let bench = command.stdout(Stdio::piped()).spawn().unwrap();
    while loaded.events_received() < 500 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let gone = other.http().to_owned();
    drop(other);
    assert!(Command::new("kill").args(["-INT", &bench.id().to_string()]).status().unwrap().success());
    let run = report(&bench.wait_with_output().unwrap());
    let found: Vec<_> = servers(&run).iter().map(|server| server["url"].as_str().unwrap()).collect();
    assert_eq!(found, [loaded.http()]);
    let failures = run["failures"].to_string();
    assert!(failures.contains(&gone), "{failures}");
    assert!(run["costs"]["serverMicrosecondsPerDelivery"].is_null(), "part of the cost is not the cost");
}
