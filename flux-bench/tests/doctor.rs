//! What the doctor says of this machine and of a server on it.
#![allow(clippy::unwrap_used)]

mod node;

use std::process::{Command, Output};

use node::Node;
use serde_json::Value;

fn doctor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flux-bench")).arg("doctor").args(arguments).output().unwrap()
}

fn checks(output: &Output) -> Vec<Value> {
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["apiVersion"], &found["kind"]), (&"flux/v1".into(), &"BenchCheck".into()));
    found["items"].as_array().unwrap().clone()
}

#[test]
fn a_server_is_found_with_its_version_and_its_limit() {
    let node = Node::start();
    let output = doctor(&["--url", node.http(), "--url", node.mqtt(), "--conns", "10", "-o", "json"]);
    let checks = checks(&output);
    let find = |name: &str| checks.iter().find(|check| check["check"].as_str().unwrap().starts_with(name)).unwrap();
    let http = find(&format!("server {}", node.http()));
    assert!(http["detail"].as_str().unwrap().starts_with("FLUX IOT "), "{http}");
    assert_eq!((&http["status"], &find(&format!("server {}", node.mqtt()))["status"]), (&"OK".into(), &"OK".into()));
    assert_eq!(find(&format!("server's descriptors (pid {})", node.pid()))["status"], "OK");
    assert_eq!(find(&format!("server's machine (pid {})", node.pid()))["status"], "WARNING", "they share it");
    assert!(checks.iter().all(|check| (check["status"] == "OK") == check["hint"].is_null()), "{checks:?}");
}

#[test]
fn a_run_that_could_not_work_is_exit_code_1() {
    // Nobody listens on port 1, and nobody has so many descriptors.
    for arguments in [&["--url", "mqtt://127.0.0.1:1"][..], &["--conns", "4000M"]] {
        let output = doctor(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("CRITICAL") && text.contains("hint: "), "{text}");
    }
}

#[test]
fn it_is_told_in_every_format() {
    for format in ["table", "wide", "json", "yaml", "csv", "name"] {
        let output = doctor(&["--conns", "10", "-o", format]);
        assert!(String::from_utf8(output.stdout).unwrap().contains("descriptors"), "{format}");
    }
    let columns = doctor(&["--conns", "10", "--columns", "check,status", "--no-headers"]);
    assert!(String::from_utf8(columns.stdout).unwrap().starts_with("descriptors"));
}
