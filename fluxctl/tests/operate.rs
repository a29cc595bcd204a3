//! What an operator does when something is wrong: look, wait, trace.

mod support;

use serde_json::Value;
use support::{Device, Follow, Server, Tool};

fn start(flags: &[&str]) -> (Server, Tool) {
    let server = Server::start_with(flags);
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http());
    (server, tool)
}

#[test]
fn a_full_server_is_unhealthy_until_there_is_room() {
    let (server, tool) = start(&["--set", "mqtt.max_connections=1", "--set", "node.id=n1"]);
    tool.ok("wait healthy");
    let device = Device::connect(server.mqtt(), "pump-7");
    let raised = tool.run("wait alarm connections --raised -o json").json();
    assert_eq!((&raised["kind"], &raised["items"][0]["condition"]), (&"Condition".into(), &"raised".into()));
    for line in ["cluster status", "doctor"] {
        let answer = tool.run(&format!("{line} -o json"));
        assert_eq!((answer.code, &answer.failure()["code"]), (Some(6), &"unhealthy".into()), "{line}");
        assert!(!answer.json()["items"].as_array().expect("a list").is_empty(), "{line} says what it found");
    }
    let found = tool.run("doctor --columns check,status --no-headers");
    assert!(found.out.lines().any(|line| line.split_whitespace().eq(["connections", "critical"])), "{}", found.out);
    assert_eq!(tool.run("wait healthy --for 100ms").code, Some(7));

    let watch = Follow::new(tool.spawn("cluster status --watch=100ms --until healthy"));
    let seen: Value = serde_json::from_str(&watch.line()).expect("JSON");
    assert_eq!(seen["items"][0]["healthy"], false);
    drop(device);
    tool.ok("wait alarm connections --cleared");
    let last = watch.rest().lines().last().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    assert_eq!(last.expect("a further line")["items"][0]["healthy"], true);
    tool.ok("cluster status");
    tool.ok("doctor");
}

#[test]
fn a_doctor_without_a_server_or_a_token_says_so() {
    let (mut server, tool) = start(&["--set", "http.token=0123456789abcdef"]);
    let refused = tool.run("doctor");
    assert_eq!(refused.code, Some(6), "{}", refused.err);
    assert!(refused.out.contains("access") && refused.out.contains("FLUX_TOKEN"), "{}", refused.out);
    tool.with("FLUX_TOKEN", "0123456789abcdef").ok("doctor");
    server.kill();
    let away = tool.run("doctor");
    assert_eq!(away.code, Some(8));
    assert!(away.out.contains("server") && away.out.contains("critical"), "{}", away.out);
}

#[test]
fn a_warning_fails_only_a_strict_doctor() {
    let (_server, tool) = start(&["--set", "durability.ack=routed"]);
    let found = tool.ok("doctor --columns check,status --no-headers");
    assert!(found.lines().any(|line| line.split_whitespace().eq(["acknowledgement", "warning"])), "{found}");
    assert_eq!(tool.run("doctor --strict").code, Some(6));
}

#[test]
fn waiting_ends_when_it_is_so_and_with_7_when_it_is_not() {
    let (server, tool) = start(&["--set", "node.id=n1"]);
    tool.ok("wait ready");
    tool.ok("wait node n1 --state ready");
    let late = tool.run("wait node n1 --state draining --for 50ms -o json");
    assert_eq!((late.code, &late.failure()["cause"]), (Some(7), &"it is ready".into()));
    assert_eq!(tool.run("wait node n2 --state ready --for 50ms").code, Some(7));
    assert_eq!(tool.run("wait session pump-7").code, Some(2), "connected, away, drained or gone");

    tool.ok("wait session pump-7 --gone");
    let wait = Follow::new(tool.spawn("wait session pump-7 --connected -o name"));
    let mut device = Device::connect(server.mqtt(), "pump-7");
    assert_eq!(wait.rest(), "pump-7\n");
    device.subscribe("plant/#");
    tool.ok("wait session pump-7 --drained");
    drop(device);
    tool.ok("wait session pump-7 --away");
    tool.ok("events publish plant/1 x --qos 1");
    assert_eq!(tool.run("wait session pump-7 --drained --for 50ms").code, Some(7));
    assert_eq!(tool.run("wait session pump-7 --gone --for 50ms").code, Some(7));
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), "http://127.0.0.1:1");
    let late = tool.run("wait ready --for 100ms");
    assert_eq!(late.code, Some(7));
    assert!(late.err.contains("no server answers"), "{}", late.err);
    let (_server, tool) = start(&["--set", "http.token=0123456789abcdef"]);
    assert_eq!(tool.run("wait healthy").code, Some(4), "waiting does not help against a missing token");
}

#[test]
fn a_trace_follows_a_client_and_is_stopped_with_its_command() {
    let (server, tool) = start(&[]);
    let trace = Follow::new(tool.spawn("trace client pump-7 -o json"));
    trace.ready();
    assert_eq!(tool.ok("trace list -o name").lines().count(), 1);
    let mut device = Device::connect(server.mqtt(), "pump-7");
    device.subscribe("plant/#");
    let mut packets = Vec::new();
    while packets.last().is_none_or(|packet| packet != "SUBACK") {
        let record: Value = serde_json::from_str(&trace.line()).expect("JSON");
        assert_eq!(record["client_id"], "pump-7");
        packets.push(record["packet"].as_str().expect("a word").to_owned());
    }
    assert_eq!(packets, ["CONNECT", "CONNACK", "SUBSCRIBE", "SUBACK"]);
    assert_eq!(trace.interrupt(), Some(0));
    assert_eq!(tool.ok("trace list -o name"), "", "Ctrl-C leaves no trace behind");
}

#[test]
fn a_trace_of_topics_ends_by_count_by_time_and_when_somebody_stops_it() {
    let (server, tool) = start(&[]);
    let mut device = Device::connect(server.mqtt(), "pump-7");
    device.subscribe("plant/#");
    let trace = Follow::new(tool.spawn("trace topic 'plant/+' --count 1 -o csv --columns packet,topic --no-headers"));
    trace.ready();
    tool.ok("events publish elsewhere x --qos 1");
    tool.ok("events publish plant/7 x --qos 1");
    let row = trace.rest();
    assert!(row.ends_with(",plant/7\n") && row.lines().count() == 1, "{row}");
    tool.ok("trace client nobody --for 50ms");
    assert_eq!(tool.run("trace client nobody --for 50ms --count 1").code, Some(7));
    assert_eq!(tool.ok("trace list -o name"), "");
    assert_eq!(tool.run("trace topic 'plant/#/x'").code, Some(2));

    let trace = Follow::new(tool.spawn("trace client nobody"));
    trace.ready();
    let id = tool.ok("trace list -o name");
    tool.ok(&format!("trace stop {}", id.trim()));
    assert_eq!(trace.rest(), "");
    assert_eq!(tool.run("trace stop 99").code, Some(3));
}
