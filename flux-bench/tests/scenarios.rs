//! Every scenario and every shape of load against the real server.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Stdio};

use serde_json::Value;
use support::{Server, bench, report};

fn assert_clean(run: &Value) {
    assert_eq!(run["violations"].as_array().unwrap().len(), 0, "{run:#}");
    assert_eq!((&run["audit"]["lost"], &run["connections"]["failed"]), (&0.into(), &0.into()), "{run:#}");
}

/// A run against a server of its own, which must be clean.
fn clean(arguments: &str) -> Value {
    let server = Server::start();
    let run = report(&bench(&server.url("mqtt"), arguments));
    assert_clean(&run);
    run
}

#[test]
fn publishing_only_measures_acknowledgements() {
    let server = Server::start();
    let run = report(&bench(&server.url("mqtt"), "pub --rate 2k"));
    assert_eq!((&run["messages"]["sent"], &run["messages"]["acknowledged"]), (&2_000.into(), &2_000.into()));
    assert_eq!(run["latencyMilliseconds"]["acknowledgement"]["count"], 2_000);
    assert!(run["audit"].is_null() && run["throughput"]["deliveriesPerSecond"].is_null());
    let unanswered = report(&bench(&server.url("mqtt"), "pub --rate 2k --qos 0"));
    let doubts = unanswered["doubts"].to_string();
    assert!(!doubts.contains("too few"), "nothing comes back that could be too little: {doubts}");
}

#[test]
fn subscribing_only_counts_what_others_send() {
    let server = Server::start();
    let url = server.url("mqtt");
    let mut publisher = Command::new(env!("CARGO_BIN_EXE_flux-bench"));
    publisher.args(["mqtt", "pub", "--pubs", "1", "--rate", "1k", "--topic", "plant", "--duration", "10m", "--url", &url]);
    let publisher = publisher.args(["-o", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let heard = loop {
        let heard = report(&bench(&url, "sub --subs 2 --topic plant/#"));
        // The publisher may not have begun.
        if heard["messages"]["delivered"].as_u64().unwrap() > 0 {
            break heard;
        }
    };
    assert!(heard["audit"].is_null() && heard["throughput"]["deliveriesPerSecond"].as_f64().unwrap() > 0.0, "{heard:#}");
    assert!(Command::new("kill").args(["-INT", &publisher.id().to_string()]).status().unwrap().success());
    let sent = report(&publisher.wait_with_output().unwrap());
    assert_eq!((&sent["result"], &sent["scenario"]), (&"INTERRUPTED".into(), &"pub".into()));
}

#[test]
fn a_shared_subscription_gives_each_message_to_one_member_of_each_group() {
    let run = clean("shared --pubs 3 --subs 6 --groups 2 --rate 2k");
    assert_eq!((&run["audit"]["sent"], &run["audit"]["delivered"]), (&2_000.into(), &4_000.into()));
    assert_eq!(run["audit"]["duplicated"], 0);
}

#[test]
fn a_fleet_reports_at_mixed_quality_and_hears_its_commands() {
    let run = clean("device --conns 102 --rate 2k");
    let by_qos: Vec<u64> = run["audit"]["byQos"].as_array().unwrap().iter().map(|class| class["qos"].as_u64().unwrap()).collect();
    assert_eq!(by_qos, [0, 1, 2]);
    // 1,980 messages of telemetry to one service and 20 commands to one device each.
    assert_eq!((&run["audit"]["sent"], &run["audit"]["delivered"]), (&2_000.into(), &2_000.into()));
    assert_eq!(run["settings"]["options"]["mix"], "0=14,1=5,2=1");
}

#[test]
fn retained_messages_are_all_read_by_every_new_subscriber_and_gone_afterwards() {
    let server = Server::start();
    let url = server.url("mqtt");
    for protocol in [4, 5] {
        let run = report(&bench(&url, &format!("retained --topics 200 --subs 5 --protocol {protocol}")));
        assert_clean(&run);
        assert_eq!(run["audit"]["delivered"], 1_000);
        let recovery = &run["connections"]["recovery"];
        assert_eq!((&recovery["clients"], &recovery["storedMessages"]), (&5.into(), &200.into()));
        assert!(recovery["deliveredSeconds"].as_f64().unwrap() > 0.0);
        let left = report(&bench(&url, "sub --subs 1 --topic flux-bench/#"));
        assert_eq!(left["messages"]["delivered"], 0, "nothing is left behind");
    }
}

#[test]
fn after_a_storm_everyone_is_back_and_has_what_waited() {
    let server = Server::start();
    for (protocol, qos) in [(4, 1), (5, 2)] {
        let load = format!("storm --subs 50 --queued 20 --qos {qos} --protocol {protocol}");
        let run = report(&bench(&server.url("mqtt"), &load));
        assert_clean(&run);
        assert_eq!(run["audit"]["delivered"], 1_000);
        let recovery = &run["connections"]["recovery"];
        assert_eq!((&recovery["clients"], &recovery["sessionsLost"]), (&50.into(), &0.into()));
        assert!(recovery["connectedSeconds"].as_f64().unwrap() > 0.0 && recovery["deliveredSeconds"].as_f64().is_some());
        assert_eq!(run["latencyMilliseconds"]["response"]["count"], 1_000);
    }
}

#[test]
fn clients_leave_and_come_back_while_messages_are_sent() {
    let idle = clean("pair --pubs 2 --rate 1k --churn 20/s");
    assert_eq!((&idle["connections"]["returned"], &idle["connections"]["lost"]), (&20.into(), &0.into()), "{idle:#}");
    for protocol in [4, 5] {
        // Subscribers with sessions that are kept lose nothing while they are away.
        let sessions = clean(&format!("pair --pubs 4 --rate 1k --churn 10/s --persistent --protocol {protocol}"));
        assert!(sessions["connections"]["returned"].as_u64().unwrap() > 0);
    }
}

#[test]
fn loads_have_shapes() {
    let random = clean("pair --pubs 3 --rate 2k --arrival poisson");
    let sent = random["audit"]["sent"].as_u64().unwrap();
    assert!((1_700..2_300).contains(&sent) && sent != 2_000, "{sent} of about 2,000");
    // From 1,000/s to 3,000/s within the second: 2,000 messages.
    assert_eq!(clean("pair --pubs 3 --rate 1k..3k/1s")["audit"]["sent"], 2_000);
    let json = clean(r#"pair --pubs 2 --rate 1k --payload {"temperature":21.5}"#);
    assert!(json["settings"]["sizeBytes"].as_u64().unwrap() > 64 && json["audit"]["delivered"] == 1_000);
    let server = Server::start();
    let spread = report(&bench(&server.url("mqtt"), "conns --conns 100 --ramp 1s"));
    assert!(spread["connections"]["seconds"].as_f64().unwrap() > 0.9, "evenly over a second");
}

#[test]
fn another_client_finds_the_same() {
    let server = Server::start();
    let ca = server.file("cert.pem");
    for (scheme, load) in [
        ("mqtt", "pair --pubs 3 --rate 1k"),
        ("mqtt", "pair --pubs 3 --rate 1k --qos 0=2,1=1,2=1"),
        ("mqtt", "fan-out --subs 4 --rate 250 --qos 2"),
        ("ws", "fan-in --pubs 4 --rate 1k"),
        ("mqtts", "pair --pubs 2 --rate 1k --ca CA"),
    ] {
        let run = report(&bench(&server.url(scheme), &format!("{} --driver rumqttc", load.replace("CA", &ca))));
        assert_clean(&run);
        assert_eq!(run["audit"]["delivered"], 1_000, "{load}");
        assert_eq!(run["settings"]["options"]["driver"], "rumqttc");
    }
    for refused in ["shared", "storm", "pair --protocol 5", "pair --churn 1/s", "pair --bind 127.0.0.2"] {
        let output = bench(&server.url("mqtt"), &format!("{refused} --driver rumqttc"));
        assert_eq!(output.status.code(), Some(2), "{refused}");
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    for arguments in [
        "storm --qos 0",
        "retained --qos 0=1,1=1",
        "device --rate max",
        "storm --rate 1k..2k/1s",
        "pair --topic a",
        "pub --topic a/#",
        "conns --churn 1/s",
        "pair --payload @/nowhere/at/all",
        "shared --groups 0",
        "pub --subs 1",
    ] {
        assert_eq!(bench("mqtt://127.0.0.1:1", arguments).status.code(), Some(2), "{arguments}");
    }
}
