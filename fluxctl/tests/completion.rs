//! What TAB offers comes from the server, and man pages from the grammar.

mod support;

use std::process::Command;

use support::{Device, Server, Tool};

/// What the shell is offered for the last word of the line.
fn offered(tool: &Tool, line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command: Command = tool.command("");
    command.env("FLUXCTL_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string()).env("_CLAP_IFS", "\n");
    let output = command.arg("--").args(words).output().expect("it runs");
    assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn names_are_completed_from_the_server() {
    let server = Server::start_with(&["--set", "node.id=n1"]);
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http());
    let _devices = [Device::connect(server.mqtt(), "pump-7"), Device::connect(server.mqtt(), "valve-1")];
    tool.ok("events publish plant/7/state on --retain --qos 1");
    assert_eq!(offered(&tool, "fluxctl sessions show pu"), ["pump-7"]);
    assert!(offered(&tool, "fluxctl sessions delete ").contains(&"valve-1".to_owned()));
    assert!(offered(&tool, "fluxctl nodes show ").contains(&"n1".to_owned()));
    assert!(offered(&tool, "fluxctl retained get pl").contains(&"plant/7/state".to_owned()));
    assert!(offered(&tool, "fluxctl ses").contains(&"sessions".to_owned()));
    let typed = format!("fluxctl --url {} sessions show pu", server.http());
    assert_eq!(offered(&tool.without_url(), &typed), ["pump-7"], "the server of the line that is typed");
}

#[test]
fn without_a_server_it_offers_nothing_and_is_silent() {
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), "http://127.0.0.1:1");
    assert!(!offered(&tool, "fluxctl sessions show ").iter().any(|word| !word.starts_with('-')));
}

#[test]
fn contexts_are_completed_from_their_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("contexts.toml").display().to_string();
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), "http://127.0.0.1:1").with("FLUXCTL_CONFIG", &file);
    tool.ok("context add staging --url http://127.0.0.1:1");
    assert!(offered(&tool, "fluxctl context use st").iter().any(|word| word.starts_with("staging")));
    assert!(offered(&tool, "fluxctl nodes list --context st").iter().any(|word| word.starts_with("staging")));
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), "http://127.0.0.1:1");
    tool.ok(&format!("man {}", folder.path().display()));
    let page = std::fs::read_to_string(folder.path().join("fluxctl-sessions-list.1")).expect("a page for each command");
    assert!(page.contains("Examples:") && page.contains("fluxctl sessions list"), "{page}");
    assert!(tool.ok("man").contains(".TH fluxctl 1"));
}
