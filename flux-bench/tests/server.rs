//! The binary against the real server, over everything that carries MQTT.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Server, bench, report};

/// Complete, in order, nothing twice.
fn assert_clean(run: &Value, sent: u64) {
    assert_eq!(run["violations"].as_array().unwrap().len(), 0, "{run:#}");
    let audit = &run["audit"];
    assert_eq!((&audit["sent"], &audit["lost"], &audit["reordered"]), (&sent.into(), &0.into(), &0.into()), "{audit:#}");
}

#[test]
fn every_transport_and_version_carries_the_same_load() {
    let server = Server::start();
    let ca = format!("--ca {}", server.file("cert.pem"));
    for (scheme, trust) in [("mqtt", ""), ("mqtts", &ca), ("ws", ""), ("wss", &ca), ("mqtts", "--insecure")] {
        for protocol in [4, 5] {
            let load = format!("pair --pubs 2 --rate 1k --qos {} --protocol {protocol} {trust}", protocol - 3);
            let run = report(&bench(&server.url(scheme), &load));
            assert_clean(&run, 1_000);
            assert_eq!(run["connections"]["lost"], 0, "{scheme} {protocol}");
        }
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_with_what_to_do() {
    let server = Server::start();
    let output = bench(&server.url("mqtts"), "--pubs 1 --rate 1k");
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stderr).unwrap();
    let cause = said["cause"].as_str().unwrap();
    assert!(cause.contains("TLS") && cause.contains("--ca FILE"), "{cause}");
}

#[test]
fn a_server_that_asks_who_the_client_is_is_told_with_its_certificate() {
    let server = Server::start_with(&["mqtt.tls.client_ca=FOLDER/cert.pem"]);
    let ca = format!("--pubs 1 --rate 1k --ca {}", server.file("cert.pem"));
    assert_eq!(bench(&server.url("mqtts"), &ca).status.code(), Some(1));
    let known = format!("{ca} --cert {} --key {}", server.file("cert.pem"), server.file("key.pem"));
    assert_clean(&report(&bench(&server.url("mqtts"), &known)), 1_000);
}

#[test]
fn clients_are_dealt_out_over_servers_and_come_from_the_addresses_that_are_named() {
    let server = Server::start();
    // One server by two of its doors: half of the pairs use each.
    let urls = format!("{},{}", server.url("mqtt"), server.url("ws"));
    let run = report(&bench(&urls, "--pubs 4 --rate 1k --bind 127.0.0.2,127.0.0.3"));
    assert_clean(&run, 1_000);
    assert_eq!(run["settings"]["urls"].as_array().unwrap().len(), 2);
    let across = report(&bench(&urls, "--pubs 4 --rate 1k --cross-node"));
    assert_clean(&across, 1_000);
}

#[test]
fn version_5_says_why_it_is_refused() {
    let server = Server::start_with(&["mqtt.max_connections=1"]);
    let output = bench(&server.url("mqtt"), "--pubs 1 --protocol 5");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("server busy") || said.contains("quota exceeded") || said.contains("server unavailable"), "{said}");
}
