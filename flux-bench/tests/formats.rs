//! Every command that reads honours every format and keeps to its schema, and nothing waits for an answer that nobody gives.
#![allow(clippy::unwrap_used)]

mod keep;

use std::process::Stdio;

use flux_bench::selftest::faults::Faults;
use keep::{Bench, Toy};
use serde_json::Value;

/// What is read, and the kind of its document.
const READS: &[(&str, &str)] = &[
    ("targets list", "Target"),
    ("targets explain single.message_rate", "Target"),
    ("selftest --messages 2k", "Selftest"),
    ("doctor", "BenchCheck"),
    ("runs list", "KeptRun"),
    ("runs show latest", "BenchRun"),
    ("compare latest#rumqttd latest", "Comparison"),
];

fn bench() -> Bench {
    let bench = Bench::new();
    keep::fill(&bench, &keep::document(&Toy::start(Faults::default())));
    bench
}

#[test]
fn every_read_command_honours_every_format() {
    let bench = bench();
    for (line, kind) in READS {
        let json: Value = serde_json::from_str(&bench.ok(&format!("{line} -o json"))).unwrap();
        assert_eq!((&json["apiVersion"], &json["kind"]), (&"flux/v1".into(), &(*kind).into()), "{line}");
        let items = json["items"].as_array().unwrap_or_else(|| panic!("{line}: items is a list, never null"));
        assert!(!items.is_empty(), "{line}");
        let schema = std::fs::read_to_string(format!("{}/../fixtures/schema/flux-bench/{kind}.json", env!("CARGO_MANIFEST_DIR")));
        let schema: Value = serde_json::from_str(&schema.unwrap_or_else(|error| panic!("{kind}: {error}"))).unwrap();
        jsonschema::validate(&schema, &json).unwrap_or_else(|problem| panic!("{line}: {problem}"));

        let yaml: Value = serde_norway::from_str(&bench.ok(&format!("{line} -o yaml"))).unwrap();
        assert_eq!((&yaml["kind"], yaml["items"].as_array().map(Vec::len)), (&json["kind"], Some(items.len())), "{line}");

        let csv = bench.ok(&format!("{line} -o csv"));
        let header = csv.lines().next().unwrap();
        assert!(
            header.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_,".contains(letter)),
            "{header}"
        );
        let first = header.split(',').next().unwrap();
        let names = bench.ok(&format!("{line} -o name"));
        let chosen = bench.ok(&format!("{line} -o csv --columns {first} --no-headers --sort-by -{first}"));
        assert_eq!((chosen.lines().count(), csv.lines().count() - 1), (names.lines().count(), names.lines().count()), "{line}");

        for format in ["table", "wide"] {
            let shown = bench.ok(&format!("{line} -o {format} --columns {first}"));
            assert!(shown.contains(&first.to_uppercase().replace('_', " ")), "{line}: {shown}");
            let whole = bench.ok(&format!("{line} -o {format}"));
            assert!(!whole.is_empty() && !whole.contains('\x1b'), "{line}: no colour in a pipe: {whole}");
        }
        assert_eq!(bench.code(&format!("{line} -o csv --columns nonsense")), Some(2), "{line}");
        assert_eq!(bench.code(&format!("{line} -o json --columns {first}")), Some(2), "{line}");
    }
}

#[test]
fn every_command_with_columns_is_among_them() {
    let bench = Bench::new();
    let mut open = vec![String::new()];
    while let Some(path) = open.pop() {
        let help = bench.ok(&format!("{path} -h"));
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
        let names = commands.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
        open.extend(names.map(|name| format!("{path} {name}")));
        let read = READS.iter().any(|(line, _)| line.starts_with(path.trim_start()));
        assert!(!help.contains("--columns") || read, "{path} reads, and no test holds it to every format");
    }
}

#[test]
fn a_run_is_written_in_every_format_too() {
    let (bench, toy) = (Bench::new(), Toy::start(Faults::default()));
    for (format, begins) in [
        ("json", "{"),
        ("yaml", "apiVersion:"),
        ("csv", "run,"),
        ("name", "2"),
        ("table", "flux-bench mqtt conns"),
        ("wide", "flux-bench mqtt conns"),
    ] {
        let shown = bench.ok(&format!("mqtt conns --conns 5 --duration 100ms --url mqtt://{} -o {format}", toy.address));
        assert!(shown.starts_with(begins), "{format}: {shown}");
    }
    assert_eq!(bench.ok("runs list -o name").lines().count(), 6, "each was kept");
}

#[test]
fn reports_are_made_in_every_form() {
    let bench = bench();
    let page = bench.ok("report latest --html");
    assert!(page.starts_with("<!doctype html>") && page.contains("rumqttd") && page.contains("</html>"), "{page}");
    assert!(bench.ok("report latest").starts_with("### PASS: "));
    let json: Value = serde_json::from_str(&bench.ok("report 20261124 --json")).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 5);
    bench.ok("report latest --out run.html");
    assert_eq!(std::fs::read_to_string(bench.home.path().join("run.html")).unwrap(), page);
}

#[test]
fn nobody_is_asked_for_anything() {
    let (bench, toy) = (bench(), Toy::start(Faults::default()));
    let run = format!("mqtt conns --conns 5 --duration 100ms --url mqtt://{}", toy.address);
    let lines = READS.iter().map(|(line, _)| *line).chain(["report latest", "report latest --html --out a.html", run.as_str()]);
    for line in lines {
        // An input that stays open and silent: who reads it waits for ever.
        let mut child = bench.command(line).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let silent = child.stdin.take();
        assert!(child.wait().unwrap().code().is_some(), "{line} ends by itself");
        drop(silent);
    }
}
