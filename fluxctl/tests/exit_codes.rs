//! Every exit code that is promised is reached, with an error for people and one for programs; and nothing asks where nobody answers.

mod support;

use std::process::Stdio;

use support::{Device, Server, Tool};

const TOKEN: &str = "0123456789abcdef";

/// A full server with a token and a connected device: everything there is to refuse.
fn start() -> (Server, Device, Tool) {
    let server = Server::start_with(&["--set", &format!("http.token={TOKEN}"), "--set", "mqtt.max_connections=1"]);
    let mut device = Device::connect(server.mqtt(), "pump-7");
    device.subscribe("plant/#");
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http()).with("FLUX_TOKEN", TOKEN);
    tool.ok("wait alarm connections --raised");
    (server, device, tool)
}

#[test]
fn every_exit_code_is_reached_for_people_and_for_programs() {
    let (_server, _device, tool) = start();
    assert_eq!(tool.run("nodes list").code, Some(0));
    for (line, exit, code) in [
        ("events publish a --file /nowhere", 1, "input"),
        ("sessions list --conected", 2, "usage"),
        ("retained delete nothing --confirm", 2, "usage"),
        ("sessions delete pump-7 --force", 2, "confirmation_needed"),
        ("sessions show nobody", 3, "session_not_found"),
        ("nodes list --token wrong", 4, "unauthenticated"),
        ("sessions delete pump-7 --yes", 5, "session_connected"),
        ("cluster status", 6, "unhealthy"),
        ("events tail none --count 1 --for 1ms", 7, "timeout"),
        ("nodes list --url http://127.0.0.1:1", 8, "no_endpoint"),
        ("sessions disconnect pump-7 --dry-run", 10, "changes_pending"),
    ] {
        let people = tool.run(line);
        assert_eq!(people.code, Some(exit), "{line}: {}", people.err);
        let label = if exit == 10 { "note: " } else { "error: " };
        assert!(people.err.lines().any(|said| said.starts_with(label)), "{line}: {}", people.err);
        let program = tool.run(&format!("{line} -o json"));
        let failure = program.failure();
        assert_eq!((program.code, &failure["exit"], &failure["code"]), (Some(exit), &exit.into(), &code.into()), "{line}");
        assert_eq!((&failure["apiVersion"], &failure["kind"]), (&"flux/v1".into(), &"Error".into()), "{line}");
    }
}

#[test]
fn nothing_asks_where_nobody_answers() {
    let (_server, _device, tool) = start();
    // Each ends by itself, with its input closed or empty: it acts, or says what to add.
    for (line, exit) in [
        ("sessions disconnect pump-7", 0),
        ("sessions delete pump-7", 2),
        ("events publish plant/7/state on --retain", 0),
        ("events publish plant/7/state -", 0),
        ("events publish plant/7/state --ndjson", 0),
        ("retained delete plant/7/state", 2),
        ("trace stop 1", 3),
        ("context add here --url http://127.0.0.1:1 --token-stdin", 2),
        ("context use nowhere", 3),
        ("context remove nowhere", 3),
    ] {
        tool.ok("wait ready");
        let closed = tool.command(line).stdin(Stdio::null()).output().expect("it ends");
        assert_eq!(closed.status.code(), Some(exit), "{line}: {}", String::from_utf8_lossy(&closed.stderr));
        let said = String::from_utf8_lossy(&closed.stderr);
        assert!(!said.contains("[y/N]") && !said.contains("Type its name"), "{line}: {said}");
    }
}
