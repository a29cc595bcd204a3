//! Contexts: kept for their owner only, overruled by what is typed, and protected where they say so.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use support::{Server, Tool};
use tempfile::TempDir;

const TOKEN: &str = "0123456789abcdef";

/// A tool with a file of contexts of its own, and that file.
fn tool(url: &str) -> (Tool, PathBuf, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("fluxctl").join("contexts.toml");
    let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), url).with("FLUXCTL_CONFIG", &file.display().to_string());
    (tool, file, folder)
}

#[test]
fn a_context_is_added_used_shown_and_removed_without_showing_its_token() {
    let server = Server::start_with(&["--set", &format!("http.token={TOKEN}")]);
    let (tool, file, _folder) = tool("");
    assert_eq!(tool.ok("context list -o name"), "");
    let added = tool.feed(&format!("context add here --url {} --token-stdin", server.http()), format!("{TOKEN}\n").as_bytes());
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert_eq!(std::fs::metadata(&file).expect("the file is there").permissions().mode() & 0o777, 0o600);
    tool.ok("context add nowhere --url http://127.0.0.1:1");
    assert_eq!(tool.ok("context list -o name"), "here\nnowhere\n");
    let shown = tool.run("context show -o json").json();
    assert_eq!((&shown["items"][0]["name"], &shown["items"][0]["token"]), (&"here".into(), &true.into()));

    tool.ok("nodes list");
    assert_eq!(tool.run("nodes list --context nowhere").code, Some(8));
    assert_eq!(tool.with("FLUX_CONTEXT", "nowhere").run("nodes list").code, Some(8));
    tool.with("FLUX_CONTEXT", "nowhere").ok("nodes list --context here");
    assert_eq!(tool.with("FLUX_URL", "http://127.0.0.1:1").run("nodes list").code, Some(8));
    tool.with("FLUX_URL", "http://127.0.0.1:1").ok("nodes list --context here");
    tool.ok("context use nowhere");
    assert_eq!(tool.run("nodes list").code, Some(8));

    for line in ["context list -o json", "context list -o wide", "context show here -o yaml"] {
        assert!(!tool.ok(line).contains(TOKEN), "{line}");
    }
    let twice = tool.run("context add here --url http://127.0.0.1:1");
    assert_eq!(twice.code, Some(5), "{}", twice.err);
    tool.ok("context add here --url http://127.0.0.1:1 --replace");
    assert_eq!(tool.run("context add incomplete").code, Some(2));
    assert_eq!(tool.run("context add wrong --url nonsense").code, Some(2));
    tool.ok("context remove here nowhere");
    assert_eq!(tool.run("context use here").code, Some(3));
    assert_eq!(tool.run("nodes list --context here").code, Some(3));
}

#[test]
fn a_token_goes_to_its_own_server_only() {
    let server = Server::start_with(&["--set", &format!("http.token={TOKEN}")]);
    let (tool, _file, _folder) = tool("");
    tool.ok(&format!("context add elsewhere --url http://127.0.0.1:1 --token {TOKEN}"));
    assert_eq!(tool.run(&format!("nodes list --url {}", server.http())).code, Some(4), "the token of another server is not sent");
}

#[test]
fn a_file_that_others_could_read_is_closed_and_a_broken_one_named() {
    let (tool, file, _folder) = tool("");
    tool.ok("context add here --url http://127.0.0.1:1");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).expect("it is ours");
    let told = tool.run("context list");
    assert!(told.code == Some(0) && told.err.contains("could be read by others (mode 644)"), "{}", told.err);
    assert_eq!(std::fs::metadata(&file).expect("the file is there").permissions().mode() & 0o777, 0o600);
    assert_eq!(tool.run("context list").err, "");
    std::fs::write(&file, "current = 7").expect("it is ours");
    let broken = tool.run("nodes list");
    assert_eq!(broken.code, Some(1));
    assert!(broken.err.contains(&file.display().to_string()) && broken.err.contains("line 1"), "{}", broken.err);
    tool.ok("version --client");
}

#[test]
fn a_write_in_a_protected_context_wants_its_name() {
    let server = Server::start();
    let (tool, _file, _folder) = tool("");
    tool.ok(&format!("context add prod --url {} --protected", server.http()));
    for line in ["events publish a b", "events publish a b --yes", "sessions disconnect a", "retained delete a --yes"] {
        let refused = tool.run(line);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{line}");
        assert!(refused.err.contains("hint: add --confirm prod"), "{line}: {}", refused.err);
        let json = tool.run(&format!("{line} -o json")).failure();
        assert_eq!(json["code"], "confirmation_needed", "{line}");
    }
    let by_address = tool.with("FLUX_URL", &format!("{}/", server.http())).run("events publish a b");
    assert_eq!(by_address.code, Some(2), "an address does not get around it");
    assert_eq!(tool.run("events publish a b --confirm pord").code, Some(2));
    let written = tool.run("events publish a b --confirm prod");
    assert_eq!(written.code, Some(0), "{}", written.err);
    assert_eq!(written.err, format!("context: prod (protected)   server: {}\n", server.http()));
    assert_eq!(tool.run("events publish a b --dry-run").code, Some(10), "a dry run changes nothing");
    tool.ok("sessions list");
}
