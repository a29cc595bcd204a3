//! Starting and stopping.

use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use crate::serve::{Serve, fails};
use crate::wire::{Client, Connect, Publish};

#[tokio::test]
async fn sigterm_says_goodbye_and_ends_in_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut server = Serve::start(folder.path());
    let mut five = Client::connect(server.mqtt(), Connect::v5("five")).await;
    let mut three = Client::connect(server.mqtt(), Connect::v311("three")).await;
    server.signal("TERM");
    five.disconnected(0x8B).await;
    three.disconnected(0).await;
    let status = server.wait(Duration::from_secs(15)).expect("it ends within its deadline");
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn sigint_stops_too_even_when_a_client_does_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut server = Serve::with(folder.path(), &["--set", "shutdown.deadline=2s"]);
    let mut stuck = Client::connect(server.mqtt(), Connect::v5("stuck")).await;
    stuck.subscribe("t", 0).await;
    let mut publisher = Client::connect(server.mqtt(), Connect::v5("publisher")).await;
    for _ in 0..64 {
        publisher.publish(Publish::new("t", vec![0; 500_000])).await;
    }
    server.signal("INT");
    let status = server.wait(Duration::from_secs(15)).expect("it ends within its deadline");
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_an_orderly_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut server = Serve::start(folder.path());
    let mut client = Client::connect(server.mqtt(), Connect::v5("c").durable()).await;
    client.subscribe("t", 1).await;
    client.disconnect().await;
    Client::connect(server.mqtt(), Connect::v5("publisher")).await.publish(Publish::new("t", "kept").qos(1).retain()).await;
    server.signal("TERM");
    server.wait(Duration::from_secs(15)).expect("it ends within its deadline");
    let server = Serve::start(folder.path());
    let mut client = Client::connect(server.mqtt(), Connect::v5("c").durable()).await;
    assert!(client.connack.session_present);
    assert_eq!(client.receive().await.text(), "kept");
    client.subscribe("+", 1).await;
    assert_eq!(client.receive().await.text(), "kept", "retained");
}

/// Exit code other than 0, and a message on standard error that names the cause and no backtrace.
fn one_clear_message(output: &Output, wanted: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it must fail: {text}");
    for word in wanted {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
    assert!(!text.contains("panicked") && text.lines().count() <= 12, "one clear message: {text}");
    assert!(output.stdout.is_empty(), "nothing was served");
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    for listener in ["--mqtt-listen", "--http-listen", "--ws-listen"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        one_clear_message(&fails(folder.path(), &[listener, &address]), &[&address]);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").expect("the folder is writable");
    let below = file.join("data");
    one_clear_message(&fails(&below, &[]), &[&file.display().to_string()]);
}

#[test]
fn a_folder_in_use_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let _first = Serve::start(folder.path());
    one_clear_message(&fails(folder.path(), &[]), &[&folder.path().display().to_string(), "in use"]);
}

#[test]
fn every_problem_of_a_configuration_is_named_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = fails(folder.path(), &["--set", "mqtt.no_such_key=1", "--set", "mqtt.receive_maximum=0"]);
    one_clear_message(&output, &["mqtt.no_such_key", "mqtt.receive_maximum"]);
}

#[test]
fn listening_to_the_world_without_authentication_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    one_clear_message(&fails(folder.path(), &["--mqtt-listen", "0.0.0.0:0"]), &["--insecure"]);
}
