//! The shapes of what flux-bench writes for programs. Golden files in fixtures/schema/flux-bench:
//! `FLUX_BLESS=1 cargo test -p flux-bench --test schema` writes them anew; a change there is a change for whoever reads them.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use flux_bench::commands::kept::KeptRun;
use flux_bench::commands::targets::Listed;
use flux_bench::compare::Comparison;
use flux_bench::doctor::Check;
use flux_bench::report::model::{BenchRun, Search};
use flux_bench::selftest::Part;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/schema/flux-bench").join(name)
}

/// What surrounds the items of every document.
#[derive(schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its shape is looked at")]
struct Document<T> {
    api_version: String,
    kind: String,
    items: Vec<T>,
}

fn compare<T: schemars::JsonSchema>(name: &str) {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(T)).unwrap() + "\n";
    let file = golden(name);
    if std::env::var_os("FLUX_BLESS").is_some() {
        std::fs::write(&file, &schema).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == schema, "{} is not what flux-bench writes; FLUX_BLESS=1 writes it anew", file.display());
}

#[test]
fn the_schema_of_runs_is_the_one_in_fixtures() {
    compare::<BenchRun>("BenchRun.json");
}

#[test]
fn so_are_those_of_everything_else_that_is_read() {
    compare::<Document<Listed>>("Target.json");
    compare::<Document<Part>>("Selftest.json");
    compare::<Document<KeptRun>>("KeptRun.json");
    compare::<Document<Comparison>>("Comparison.json");
}

#[test]
fn and_those_of_searches_and_checks() {
    compare::<Document<Check>>("BenchCheck.json");
    compare::<Document<Search>>("BenchSearch.json");
}
