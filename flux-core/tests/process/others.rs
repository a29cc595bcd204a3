//! Clients that others wrote, as programs: mosquitto_pub, mosquitto_sub and paho-mqtt for Python.
//!
//! `FLUX_TEST_REQUIRE=1` (scripts/test sets it) makes a missing program a failure.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::serve::Serve;
use crate::wire::certificate::Certificate;

/// Whether the program can be run. Panics if it cannot and must.
fn is_there(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    // Mosquitto's tools end with 1 after --help.
    let found = status.is_ok_and(|status| arguments == ["--help"] || status.success());
    let required = std::env::var_os("FLUX_TEST_REQUIRE").is_some();
    assert!(found || !required, "{program} {arguments:?} does not run; scripts/test installs it");
    if !found {
        eprintln!("skipped: {program} {arguments:?} does not run");
    }
    found
}

/// A server with every listener.
fn serve(folder: &Path, certificate: &Certificate) -> Serve {
    let settings: Vec<String> = certificate.settings().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    Serve::with(folder, &arguments)
}

fn mosquitto(program: &str, address: SocketAddr, version: &str, ca: Option<&Path>) -> Command {
    // By lines: what a program writes into a pipe would otherwise come when its buffer is full.
    let mut command = Command::new("stdbuf");
    command.args(["-oL", program, "-h", "localhost", "-p", &address.port().to_string(), "-V", version, "-q", "2"]);
    if let Some(ca) = ca {
        command.arg("--cafile").arg(ca);
    }
    command
}

#[test]
fn mosquitto_pub_and_sub_talk_to_each_other() {
    if !is_there("mosquitto_sub", &["--help"]) || !is_there("mosquitto_pub", &["--help"]) {
        return;
    }
    let (folder, certificate) = (tempfile::tempdir().expect("a temporary folder"), Certificate::new());
    let server = serve(folder.path(), &certificate);
    let file = certificate.file();
    for version in ["mqttv31", "mqttv311", "mqttv5"] {
        for (address, ca) in [(server.address("MQTT"), None), (server.address("MQTT over TLS"), Some(file.as_path()))] {
            // -d: it prints that it is subscribed, so that nothing has to be guessed.
            let mut subscriber = mosquitto("mosquitto_sub", address, version, ca);
            let mut subscriber =
                subscriber.args(["-t", "hello/#", "-v", "-C", "2", "-d"]).stdout(Stdio::piped()).spawn().expect("it runs");
            let mut lines = BufReader::new(subscriber.stdout.take().expect("piped")).lines().map_while(Result::ok);
            assert!(lines.any(|line| line.contains("Subscribed")), "{version} is subscribed");
            for message in ["one", "two words"] {
                let status = mosquitto("mosquitto_pub", address, version, ca).args(["-t", "hello/world", "-m", message]).status();
                assert!(status.expect("it runs").success());
            }
            let printed: Vec<String> = lines.filter(|line| line.starts_with("hello/")).collect();
            assert_eq!(printed, ["hello/world one", "hello/world two words"], "{version}");
            assert!(subscriber.wait().expect("it ends").success());
        }
    }
}

/// Python with paho-mqtt: `FLUX_TEST_PYTHON`, or python3.
fn python() -> String {
    std::env::var("FLUX_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn paho(version: &str) {
    let python = python();
    if !is_there(&python, &["-c", "from paho.mqtt.client import CallbackAPIVersion"]) {
        return;
    }
    let (folder, certificate) = (tempfile::tempdir().expect("a temporary folder"), Certificate::new());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process/paho/conversation.py");
    let listeners = [("tcp", "MQTT"), ("tls", "MQTT over TLS"), ("ws", "MQTT over WebSocket"), ("wss", "MQTT over WSS")];
    let server = serve(folder.path(), &certificate);
    for (transport, listener) in listeners {
        let port = server.address(listener).port().to_string();
        let mut command = Command::new(&python);
        command.arg(&script).args([version, transport, "localhost", &port]).arg(certificate.file());
        assert!(command.status().expect("it runs").success(), "paho-mqtt {version} over {transport}");
    }
}

#[test]
fn paho_version_3_1_1_talks_over_every_transport() {
    paho("3.1.1");
}

#[test]
fn paho_version_5_talks_over_every_transport() {
    paho("5");
}
