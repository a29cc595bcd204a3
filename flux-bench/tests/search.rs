//! The search for the highest rate: over a server whose capacity is known, and over flux-core.
#![allow(clippy::unwrap_used)]

mod node;

use std::process::{Command, Output};

use flux_bench::selftest::web::{Web, WebFaults};
use node::Node;
use serde_json::Value;

fn search(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-bench"));
    command.arg("search").args(arguments.split_whitespace()).output().unwrap()
}

fn found(output: &Output) -> Value {
    let found: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!((&found["apiVersion"], &found["kind"]), (&"flux/v1".into(), &"BenchSearch".into()));
    found["items"][0].clone()
}

#[test]
fn a_known_capacity_is_not_exceeded_and_each_probe_is_told() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let web = runtime.block_on(Web::bind(WebFaults { per_second: Some(2_000.0), ..Default::default() })).unwrap();
    let address = web.address().unwrap();
    runtime.spawn(web.serve());
    // Generous, because the machine may be busy: above the capacity the backlog outgrows any bound.
    let output = search(&format!(
        "http --url http://{address} --from 1k --probe 1s --precision 10% --slo p99<100ms,loss=0 --conns 100 -o json"
    ));
    let (found, told) = (found(&output), String::from_utf8(output.stderr).unwrap());
    if let Some(rate) = found["ratePerSecond"].as_f64() {
        assert!(rate <= 2_300.0, "{rate}/s from a server that makes 2,000/s: {found}");
    }
    let probes = found["probes"].as_array().unwrap();
    assert_eq!(probes.len(), told.lines().count(), "{told}");
    assert!(told.starts_with("probe 1 (bracket): 1,000/s"), "{told}");
    assert!(probes.iter().all(|probe| probe["holds"].as_bool().unwrap() == probe["reason"].is_null()), "{found}");
}

#[test]
fn what_holds_up_to_the_ceiling_is_confirmed_three_times() {
    let node = Node::start();
    let output =
        search(&format!("mqtt --url {} --from 1k --to 1k --probe 2s --slo p99<10s,loss=0 --pubs 2 -o json", node.mqtt()));
    let found = found(&output);
    // A generator that finds no processor ends it too, and says so.
    match found["limit"].as_str().unwrap() {
        "ceiling" => assert_eq!((found["ratePerSecond"].as_f64(), found["of"].as_u64()), (Some(1_000.0), Some(3)), "{found}"),
        limit => assert_eq!(limit, "generator", "{found}"),
    }
}
