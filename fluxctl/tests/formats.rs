//! Every command that reads honours every format, on a real server.

mod reads;
mod support;

use std::collections::BTreeSet;

use reads::{Plant, READS, STILL};
use serde_json::Value;
use support::Follow;

/// The words that are written large: titles of columns. Figures differ from one look at a live server to the next.
fn titles(shown: &str) -> BTreeSet<&str> {
    shown.split_whitespace().filter(|word| word.len() > 1 && word.chars().all(|letter| letter.is_ascii_uppercase())).collect()
}

#[test]
fn every_read_command_honours_every_format() {
    let Plant { tool, .. } = &Plant::start();
    for (line, kind, filled) in READS {
        let json = tool.run(&format!("{line} -o json"));
        let (json, code) = (json.json(), json.code);
        assert_eq!((code, &json["apiVersion"], &json["kind"]), (Some(0), &Value::from("flux/v1"), &Value::from(*kind)), "{line}");
        let items = json["items"].as_array().unwrap_or_else(|| panic!("{line}: items is a list, never null"));
        assert_eq!(!items.is_empty(), *filled, "{line}");

        let yaml: Value = serde_norway::from_str(&tool.ok(&format!("{line} -o yaml"))).expect("YAML");
        assert_eq!((&yaml["kind"], yaml["items"].as_array().map(Vec::len)), (&json["kind"], Some(items.len())), "{line}");

        let csv = tool.ok(&format!("{line} -o csv"));
        let (header, rows) = csv.split_once('\n').expect("a header");
        let first = header.split(',').next().expect("a column");
        let names = tool.ok(&format!("{line} -o name"));
        assert_eq!(names.is_empty(), rows.is_empty(), "{line}");
        assert!(header.chars().all(|letter| letter.is_ascii_lowercase() || "_,".contains(letter)), "{line}: {header}");
        let chosen = tool.ok(&format!("{line} -o csv --columns {first} --no-headers --sort-by {first}"));
        assert_eq!(chosen.lines().count(), names.lines().count(), "{line}");

        let (table, wide) = (tool.ok(&format!("{line} -o table")), tool.ok(&format!("{line} -o wide")));
        let title = first.to_uppercase().replace('_', " ");
        assert!(table.contains(&title) && wide.contains(&title), "{line}: {table}");
        assert!(titles(&wide).is_superset(&titles(&table)), "{line}: wide shows at least the columns of table: {wide}");
        assert!(!table.contains('\x1b') && !wide.contains('\x1b'), "{line}: no colour in a pipe");
        assert!(tool.command(line).env("CLICOLOR_FORCE", "1").output().expect("it runs").stdout.contains(&0x1b), "{line}");
    }
}

#[test]
fn a_watch_in_a_pipe_writes_json_lines_until_it_is_interrupted() {
    let Plant { tool, .. } = &Plant::start();
    for line in STILL {
        assert_eq!(tool.run(&format!("{line} --watch")).code, Some(2), "{line}");
    }
    for (line, kind, _) in READS.iter().filter(|(line, ..)| !STILL.contains(line)) {
        let watch = Follow::new(tool.spawn(&format!("{line} --watch=100ms")));
        for _ in 0..2 {
            let json: Value = serde_json::from_str(&watch.line()).expect("a JSON object a line");
            assert_eq!(json["kind"], *kind, "{line}");
        }
        assert_eq!(watch.interrupt(), Some(0), "{line}");
    }
}

#[test]
fn a_stream_honours_every_format() {
    let Plant { tool, .. } = &Plant::start();
    for stream in ["events tail 'plant/#'", "events tail 'plant/#' --mqtt", "trace topic 'plant/#'"] {
        for (format, wanted) in [
            ("table", "plant/7/state"),
            ("wide", "plant/7/state"),
            ("json", "\"topic\":\"plant/7/state\""),
            ("yaml", "topic: plant/7/state"),
            ("csv", ",plant/7/state,"),
            ("name", if stream.starts_with("trace") { "PUBLISH" } else { "plant/7/state" }),
        ] {
            let follow = Follow::new(tool.spawn(&format!("{stream} --count 1 -o {format}")));
            follow.ready();
            tool.ok("events publish plant/7/state '21,5 \"hot\"' --qos 1");
            let shown = follow.rest();
            assert!(shown.contains(wanted), "{stream} {format}: {shown}");
            if stream.starts_with("events") && format == "csv" {
                assert!(shown.contains("\"21,5 \"\"hot\"\"\""), "{shown}");
            }
        }
    }
}
