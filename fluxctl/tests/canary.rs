//! Moves a cluster of three processes from one bus to another, as an operator would: look, try, compare, take over.

#[expect(dead_code, reason = "that the schemas are those of the API is looked at elsewhere")]
mod schema;
mod support;

use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Redis, Server, Tool};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(redis: &Redis, id: &str) -> (Server, Tool) {
    let server = Server::start_with(&["--node-id", id, "--bus", "pubsub", "--redis-url", &redis.url()]);
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http());
    (server, tool)
}

fn until(what: &str, mut yes: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !yes() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn bus(tool: &Tool) -> Value {
    tool.run("bus status -o json").json()["items"][0].clone()
}

fn kinds(tools: &[&Tool]) -> Vec<String> {
    tools.iter().map(|tool| bus(tool)["kind"].as_str().expect("a word").to_owned()).collect()
}

#[test]
fn a_cluster_moves_from_pubsub_to_hybrid() {
    if !Redis::is_there() {
        return;
    }
    let redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (_one, one) = start(&redis, "n1");
    let (two, at_two) = start(&redis, "n2");
    let (mut three, at_three) = start(&redis, "n3");
    let all = [&one, &at_two, &at_three];
    until("all three meet", || all.iter().all(|tool| bus(tool)["cluster"]["peers"].as_array().expect("a list").len() == 2));

    // What cannot be is refused with what to do.
    let code = |line: &str| one.run(line).code;
    assert_eq!(one.run("bus canary promote --yes -o json").failure()["code"], "canary_not_found");
    assert_eq!(
        (code("bus canary abort"), code("bus canary set pubsub 5"), code("bus canary set hybrid 101")),
        (Some(3), Some(5), Some(2))
    );
    assert_eq!((code("bus canary set memory 5"), code("bus canary set hybrid 5 --dry-run")), (Some(2), Some(10)));
    assert_eq!(one.ok("bus canary show -o name"), "");

    // A canary of all topics, begun at one node, known to all before the command ends.
    one.ok("bus canary set hybrid 100");
    for tool in all {
        let canary = &bus(tool)["cluster"]["canary"];
        assert_eq!((&canary["percent"], &canary["candidate"]["kind"]), (&100.into(), &"hybrid".into()));
    }
    let refused = at_two.run("bus canary promote --yes -o json");
    assert_eq!((refused.code, &refused.failure()["code"]), (Some(5), &"unsafe".into()), "nothing was compared yet");
    let mut device = support::Device::connect(two.mqtt(), "pump-7");
    device.subscribe("plant/#");
    for number in 0..20 {
        one.ok(&format!("events publish plant/{number} on --qos 1"));
    }
    until("every node tells what was compared", || {
        all.iter().all(|tool| {
            let canary = &bus(tool)["cluster"]["canary"];
            let all_of = |way: &str| canary[way]["sent"] == 20 && canary[way]["arrived"] == 20;
            canary["nodes"] == 3 && all_of("current") && all_of("candidate")
        })
    });
    let shown = at_three.ok("bus canary show --columns role,kind,sent,arrived,missing --no-headers");
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows, [["current", "pubsub", "20", "20", "0"], ["candidate", "hybrid", "20", "20", "0"]]);
    for (line, kind) in [("bus canary show", "CanaryWay"), ("bus status", "Bus")] {
        let answer = one.run(&format!("{line} -o json")).json();
        schema::validate(&schema::read(kind), &answer).unwrap_or_else(|problem| panic!("{line}: {problem}"));
    }
    let status = at_two.ok("bus status");
    assert!(
        status.contains("hybrid beside, for 100 % of the topics") && status.contains("hybrid: 20 sent, 20 arrived"),
        "{status}"
    );

    // Asks, or wants --yes; then every node has changed over before the command ends.
    assert_eq!(code("bus canary promote"), Some(2));
    assert_eq!(kinds(&all), ["pubsub"; 3]);
    assert_eq!(one.run("bus canary promote --dry-run").code, Some(10));
    at_three.ok("bus canary promote --yes");
    assert_eq!(kinds(&all), ["hybrid"; 3]);
    assert!(all.iter().all(|tool| bus(tool)["cluster"]["canary"] == Value::Null && bus(tool)["at_least_once"] == true));

    // Back to what promises less only by force; another candidate comes and goes.
    one.ok("bus canary set pubsub 10");
    assert_eq!(one.run("bus canary promote --yes -o json").failure()["code"], "unsafe");
    at_two.ok("bus canary abort");
    assert!(all.iter().all(|tool| bus(tool)["cluster"]["canary"] == Value::Null));

    // A node that starts with what its command line has always said follows the cluster.
    three.kill();
    let (_again, again) = start(&redis, "n3");
    assert_eq!(kinds(&[&again]), ["hybrid"]);
}

#[test]
fn a_new_cluster_begins_with_the_configured_canary() {
    if !Redis::is_there() {
        return;
    }
    let redis = Redis::with(&[]);
    let url = redis.url();
    let keys = ["--set", "bus.canary.kind=streams", "--set", "bus.canary.percent=10"];
    let start =
        |id, keys: &[&str]| Server::start_with(&[&["--node-id", id, "--bus", "hybrid", "--redis-url", &url], keys].concat());
    let first = start("n1", &keys);
    // Nothing is configured here: it follows.
    let second = start("n2", &[]);
    for server in [&first, &second] {
        let canary = &bus(&Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http()))["cluster"]["canary"];
        assert_eq!((&canary["percent"], &canary["candidate"]["kind"]), (&10.into(), &"streams".into()));
    }
}
