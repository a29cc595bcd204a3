//! Schemas of what fluxctl writes as JSON. Owns: how they are made, and the part of JSON Schema 2020-12 that they use. Must not know: a server.
//!
//! Invariant: stricter than the standard where that finds mistakes: a field that a schema does not name is an error here, although
//! programs should expect new ones.

mod kinds;
mod validate;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

pub use kinds::KINDS;
pub use validate::validate;

const COMPONENT: &str = "#/components/schemas/";
const DEFINITION: &str = "#/$defs/";

pub fn folder() -> PathBuf {
    fixtures().join("schema/fluxctl")
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// The schema as it is kept.
pub fn read(kind: &str) -> Value {
    let path = folder().join(format!("{kind}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// The schema of one row of a stream: an item without its envelope.
pub fn row(kind: &str) -> Value {
    let whole = read(kind);
    let mut item = whole["properties"]["items"]["items"].clone();
    item["$defs"] = whole["$defs"].clone();
    item
}

/// Compares the file with what it should be, or writes it.
pub fn written(kind: &str) {
    let schema = serde_json::to_string_pretty(&made(kind)).expect("it is JSON") + "\n";
    let path = folder().join(format!("{kind}.json"));
    if std::env::var("FLUX_SCHEMA").is_ok_and(|wish| wish == "overwrite") {
        std::fs::write(&path, schema).expect("the folder is ours");
    } else {
        assert_eq!(
            std::fs::read_to_string(&path).unwrap_or_default(),
            schema,
            "{}: FLUX_SCHEMA=overwrite writes it anew",
            path.display()
        );
    }
}

fn made(kind: &str) -> Value {
    let text = std::fs::read_to_string(fixtures().join("api/openapi.json")).expect("the API's document is there");
    let api: Value = serde_json::from_str(&text).expect("it is JSON");
    let (_, item) = KINDS.iter().find(|(known, _)| *known == kind).expect("a kind of this tool");
    let item = item();
    let mut definitions = Map::new();
    collect(&item, &api, &mut definitions);
    let mut schema = match kind {
        // The only one that is no list, and stands on standard error.
        "Error" => item,
        _ => json!({
            "type": "object",
            "properties": {
                "apiVersion": {"const": "flux/v1"},
                "kind": {"const": kind},
                "items": {"type": "array", "items": item},
            },
            "required": ["apiVersion", "kind", "items"],
        }),
    };
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = kind.into();
    if !definitions.is_empty() {
        schema["$defs"] = definitions.into();
    }
    local(&mut schema);
    schema
}

/// Every definition that `schema` needs, and those that they need.
fn collect(schema: &Value, api: &Value, definitions: &mut Map<String, Value>) {
    match schema {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix(COMPONENT))
                && !definitions.contains_key(name)
            {
                let found = merged(&api["components"]["schemas"][name], api);
                definitions.insert(name.to_owned(), found.clone());
                collect(&found, api, definitions);
            }
            fields.values().for_each(|field| collect(field, api, definitions));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, api, definitions)),
        _ => {}
    }
}

/// The parts of an `allOf` as the one object that they describe.
fn merged(schema: &Value, api: &Value) -> Value {
    let Some(parts) = schema["allOf"].as_array() else { return schema.clone() };
    let mut whole = json!({"type": "object", "properties": {}, "required": []});
    for part in parts {
        let part = match part["$ref"].as_str().and_then(|path| path.strip_prefix(COMPONENT)) {
            Some(name) => merged(&api["components"]["schemas"][name], api),
            None => part.clone(),
        };
        let properties = part["properties"].as_object().cloned().unwrap_or_default();
        whole["properties"].as_object_mut().expect("an object").extend(properties);
        let required = part["required"].as_array().cloned().unwrap_or_default();
        whole["required"].as_array_mut().expect("a list").extend(required);
    }
    whole
}

/// References within the API's document become references within this one.
fn local(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(path)) = fields.get_mut("$ref") {
                *path = path.replace(COMPONENT, DEFINITION);
            }
            fields.values_mut().for_each(local);
        }
        Value::Array(items) => items.iter_mut().for_each(local),
        _ => {}
    }
}
