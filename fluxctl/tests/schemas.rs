//! The JSON of every command has a schema, fixtures/schema/fluxctl/KIND.json, and keeps to it.
//!
//! What the API defines is taken from its OpenAPI document (fixtures/api/openapi.json), itself compared with the server by a test of its
//! own. `FLUX_SCHEMA=overwrite cargo test -p fluxctl --test schemas` writes the files anew; the difference shows what programs will notice.

mod reads;
mod schema;
mod support;

use std::collections::BTreeSet;

use reads::{Plant, READS};
use schema::{KINDS, read, validate, written};
use serde_json::Value;
use support::Follow;

#[test]
fn the_schemas_are_those_of_the_api_and_of_this_tool() {
    let kinds: BTreeSet<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    for kind in &kinds {
        written(kind);
    }
    let files = std::fs::read_dir(schema::folder()).expect("the folder is there").map(|file| file.expect("a file").file_name());
    let files: BTreeSet<String> = files.map(|name| name.to_string_lossy().trim_end_matches(".json").to_owned()).collect();
    assert_eq!(files, kinds.into_iter().map(str::to_owned).collect(), "a file for each kind and no other");
}

#[test]
fn every_read_command_keeps_to_its_schema() {
    let Plant { tool, .. } = &Plant::start();
    for (line, kind, filled) in READS {
        let answer = tool.run(&format!("{line} -o json")).json();
        assert!(!*filled || !answer["items"].as_array().expect("a list").is_empty(), "{line}");
        validate(&read(kind), &answer).unwrap_or_else(|problem| panic!("{line}: {problem}"));
    }
}

#[test]
fn streams_and_changes_keep_to_theirs() {
    let Plant { tool, trace, .. } = &Plant::start();
    let rows = |kind: &str, line: &str| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        validate(&schema::row(kind), &row).unwrap_or_else(|problem| panic!("{kind}: {problem}"));
    };
    for tail in ["events tail 'plant/#' --count 1 -o json", "events tail 'plant/#' --count 1 -o json --mqtt"] {
        let tail = Follow::new(tool.spawn(tail));
        tail.ready();
        tool.ok("events publish plant/7/state on --qos 1 --content-type text/plain --user-property unit=C --expiry 1h");
        rows("Event", &tail.rest());
    }
    rows("TraceRecord", &trace.line());
    for (line, kind) in [
        ("events publish plant/7/state on", "Published"),
        ("events publish plant/7/state on --mqtt --qos 1", "Published"),
        ("events publish plant/7/state on --retain --dry-run", "Difference"),
        ("sessions disconnect pump-7 --dry-run", "Difference"),
        ("wait ready", "Condition"),
        ("retained delete plant/7/state --yes", "Change"),
        ("sessions disconnect pump-7", "Change"),
        ("context use staging", "Change"),
    ] {
        let answer = tool.run(&format!("{line} -o json")).json();
        assert_eq!(answer["kind"], kind, "{line}");
        validate(&read(kind), &answer).unwrap_or_else(|problem| panic!("{line}: {problem}"));
    }
    for line in
        ["sessions show nobody", "sessions list --conected", "sessions disconnect pump-7 nobody --dry-run", "context use none"]
    {
        let failure = tool.run(&format!("{line} -o json")).failure();
        validate(&read("Error"), &failure).unwrap_or_else(|problem| panic!("{line}: {problem}"));
    }
}

#[test]
fn a_validator_that_finds_nothing_proves_nothing() {
    let schema = read("Change");
    let good = serde_json::json!({"apiVersion": "flux/v1", "kind": "Change", "items": [{"resource": "session", "name": "a", "result": "deleted"}]});
    assert_eq!(validate(&schema, &good), Ok(()));
    for (path, value) in [
        ("/kind", Value::from("Other")),
        ("/items", Value::Null),
        ("/items/0/name", 7.into()),
        ("/items/0", serde_json::json!({})),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).expect("it is there") = value;
        assert!(validate(&schema, &bad).is_err(), "{path}");
    }
    let mut more = good.clone();
    more["items"][0]["surprise"] = 1.into();
    assert!(validate(&schema, &more).is_err(), "a field that the schema does not know");
}
