//! DESIGN §3: a module imports only from modules of lower rank, and a child never looks up at its own `mod.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rank of each top-level module. Equal ranks are strangers.
const RANKS: &[(&str, u32)] = &[
    ("main", 100),
    ("cli", 95),
    ("testing", 90),
    ("node", 80),
    ("http", 70),
    ("mqtt", 60),
    ("ingress", 55),
    ("security", 50),
    ("durable", 45),
    ("bus", 40),
    ("redis", 30),
    ("telemetry", 30),
    ("client", 20),
    ("config", 20),
    ("hook", 20),
    ("lifecycle", 20),
    ("measure", 20),
    ("output", 20),
    ("receipt", 20),
    ("api", 10),
    ("types", 0),
];

fn source_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("source folder is readable") {
        let path = entry.expect("source folder is readable").path();
        if path.is_dir() {
            source_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The top-level module that a file belongs to: `mqtt/session.rs` and `mqtt.rs` are both `mqtt`.
fn module_of(source: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(source).expect("file is below src");
    let first = relative.components().next().expect("file has a name");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Names right after `crate::`, also inside one level of braces, comments left out. Everything from the first test module on may look anywhere.
fn imports(text: &str) -> Vec<String> {
    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for line in production.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (start, prefix) in line.match_indices("crate::").chain(line.match_indices("flux_core::")) {
            let name = line[start + prefix.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            assert!(!name.is_empty(), "write one `use crate::module::…` a line: {line}");
            found.push(name.to_owned());
        }
    }
    found
}

#[test]
fn imports_only_go_down() {
    let ranks: BTreeMap<&str, u32> = RANKS.iter().copied().collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&source, &mut files);
    assert!(files.len() > 10, "the source was found");
    let mut wrong = Vec::new();
    for file in files {
        let module = module_of(&source, &file);
        if module == "lib" {
            continue;
        }
        let rank = *ranks.get(module.as_str()).unwrap_or_else(|| panic!("{module} has no rank in {}", file!()));
        for import in imports(&fs::read_to_string(&file).expect("source is readable")) {
            let Some(imported) = ranks.get(import.as_str()) else { continue };
            if import != module && *imported >= rank {
                wrong.push(format!("{}: {module} ({rank}) imports {import} ({imported})", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that do not go down:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_of_contents_is_in_layer_order_and_defines_nothing() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("lib.rs is readable");
    let ranks: BTreeMap<&str, u32> = RANKS.iter().copied().collect();
    let mut last = 0;
    for line in library.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("//") && !line.starts_with('#')) {
        let module = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'));
        let module = module.unwrap_or_else(|| panic!("lib.rs only lists modules, but says: {line}"));
        let rank = ranks[module];
        assert!(rank >= last, "{module} stands below a module of higher rank");
        last = rank;
    }
}
