//! The table of normative statements and the tests, compared in both directions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[derive(Debug)]
struct Statement {
    tests: Vec<String>,
    not_ours: Option<String>,
}

/// `mqtt5` or `mqtt311` → `3.1.2-4` → what the table says.
fn table() -> BTreeMap<String, BTreeMap<String, Statement>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/mqtt/statements.toml");
    let text = fs::read_to_string(path).expect("the table is there");
    let table: toml::Table = text.parse().expect("the table is TOML");
    let version = |(version, statements): (String, toml::Value)| {
        let toml::Value::Table(statements) = statements else { panic!("{version} is not a table") };
        (version, statements.into_iter().map(|(number, value)| (number.clone(), statement(&number, &value))).collect())
    };
    table.into_iter().map(version).collect()
}

fn statement(number: &str, value: &toml::Value) -> Statement {
    assert!(value.get("text").and_then(toml::Value::as_str).is_some_and(|text| !text.is_empty()), "{number} has no text");
    let tests = value.get("tests").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let tests: Vec<String> = tests.iter().map(|name| name.as_str().expect("names are strings").to_owned()).collect();
    let not_ours = value.get("not_ours").and_then(toml::Value::as_str).map(str::to_owned);
    assert_ne!(tests.is_empty(), not_ours.is_none(), "{number} has either tests or a reason why a server cannot break it");
    Statement { tests, not_ours }
}

/// Names of the test functions beside this file.
fn tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mqtt");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the tests are there") {
        let source = fs::read_to_string(entry.expect("the folder is readable").path()).expect("sources are text");
        let mut is_test = false;
        for line in source.lines() {
            if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test && !line.starts_with("//")) {
                let name = rest.split('(').next().expect("a name");
                assert!(names.insert(name.to_owned()), "{name} is there twice");
            }
            is_test = line.starts_with("#[tokio::test") || line == "#[test]";
        }
    }
    names
}

/// `mqtt5_3_1_2_4_clean_start` → `mqtt5`, `3.1.2-4`.
fn number_in(name: &str) -> Option<(&str, String)> {
    let (version, rest) = name.split_once('_')?;
    let parts: Vec<&str> = rest.split('_').take(4).collect();
    let numbered =
        ["mqtt5", "mqtt311"].contains(&version) && parts.len() == 4 && parts.iter().all(|part| part.parse::<u32>().is_ok());
    numbered.then(|| (version, format!("{}.{}.{}-{}", parts[0], parts[1], parts[2], parts[3])))
}

#[test]
fn every_statement_of_the_table_has_its_tests() {
    let tests = tests();
    for (version, statements) in table() {
        for (number, statement) in statements {
            for name in &statement.tests {
                assert!(tests.contains(name), "{version} {number}: there is no test {name}");
            }
        }
    }
}

#[test]
fn every_numbered_test_is_in_the_table() {
    let table = table();
    for name in tests() {
        let Some((version, number)) = number_in(&name) else { continue };
        let statement = table[version].get(&number).unwrap_or_else(|| panic!("{name}: {version} {number} is not in the table"));
        assert!(statement.tests.contains(&name), "{name} is not listed with {version} {number}");
    }
}

/// Appendix B of MQTT 5.0 lists 251.
#[test]
fn the_table_is_complete() {
    let table = table();
    let five = &table["mqtt5"];
    assert_eq!(five.len(), 251);
    let ours = five.values().filter(|statement| statement.not_ours.is_none()).count();
    assert!(ours >= 220, "{ours} statements have tests");
}
