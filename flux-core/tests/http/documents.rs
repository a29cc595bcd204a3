//! The OpenAPI document: the same as in `fixtures`, complete, and true of what the server answers.

use std::collections::BTreeSet;
use std::path::Path;

use flux_core::api::{PublishEvent, paths};
use flux_core::http::openapi_document;
use flux_core::types::QoS;
use serde_json::Value;

use crate::world::World;

fn document() -> Value {
    serde_json::to_value(openapi_document()).unwrap()
}

/// `UPDATE_FIXTURES=1` rewrites it: the change then shows in the diff.
#[test]
fn the_document_is_the_one_in_fixtures() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/api/openapi.json");
    let found = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &found).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = golden.lines().zip(found.lines()).enumerate().find(|(_, (golden, found))| golden != found);
    assert!(golden == found, "the API differs from {} at {difference:?}; UPDATE_FIXTURES=1 accepts it", path.display());
}

#[test]
fn every_path_is_described_and_every_reference_leads_somewhere() {
    let document = document();
    let described: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let known: BTreeSet<&str> =
        paths::ALL.iter().copied().filter(|path| ![paths::STATUS_PAGE, paths::DOCS].contains(path)).collect();
    assert_eq!(described, known);
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_path_is_served() {
    let world = World::start().await;
    for path in paths::ALL {
        let url = world.at(&path.replace("{id}", "x").replace("{client_id}", "x").replace("{topic}", "x"));
        let answer = world.raw.get(url).send().await.unwrap();
        let kind = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        if kind == "application/problem+json" {
            assert_ne!(answer.json::<Value>().await.unwrap()["code"], "no_such_path", "{path}");
        }
    }
}

#[tokio::test]
async fn every_answer_to_get_is_what_the_document_says() {
    let world = World::start().await;
    world.sessions.add("x", true, &[("a", Some("g"))]);
    world.client.publish(&PublishEvent::bytes("x", b"x").retain(true).qos(QoS::AtLeastOnce)).await.unwrap();
    world.client.start_trace(&flux_core::api::StartTrace { topic: Some("#".to_owned()), ..Default::default() }).await.unwrap();
    world.alarms.raise(flux_core::telemetry::Cause::QueueFull, flux_core::api::Severity::Warning, "one");
    let document = document();
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        // Only a cluster can have a canary: fluxctl's tests look at one.
        if schema.is_null() || path == paths::OPENAPI || path == paths::BUS_CANARY {
            continue;
        }
        let url = world.at(&path.replace("/nodes/{id}", "/nodes/test").replace("{client_id}", "x").replace("{topic}", "x"));
        let answer = world.raw.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        let answer: Value = answer.json().await.unwrap();
        // A bus of one process has no routes to other nodes.
        assert!(answer["items"] != serde_json::json!([]) || path == paths::BUS_ROUTES, "{url} shows something to check");
        fits(&document, schema, &answer, path);
        checked += 1;
    }
    assert!(checked >= 17, "{checked} answers were checked");
}

/// Whether `value` is what `schema` describes: types, required fields, no others than those named, enumerations.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(document, &document["components"]["schemas"][reference.rsplit('/').next().unwrap()], value, at);
    }
    if let Some(options) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        if value.is_null() && options.iter().any(|option| option["type"] == "null") {
            return;
        }
        let option = options.iter().find(|option| option["type"] != "null").unwrap();
        return fits(document, option, value, at);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().for_each(|part| fits(document, part, value, at));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&found) || found == "integer" && kinds.contains(&"number"), "{at} is {found}, not {kinds:?}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at} is {value}, none of {words:?}");
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(value.get(name).is_some(), "{at} lacks {name}");
    }
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            fits(document, part, value, &format!("{at}.{name}"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], item, &format!("{at}[{index}]"));
    }
}

#[tokio::test]
async fn the_pages_need_nothing_from_elsewhere() {
    let world = World::start().await;
    for path in [paths::STATUS_PAGE, paths::DOCS] {
        let answer = world.raw.get(world.at(path)).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        let html = answer.text().await.unwrap();
        assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("src="), "{path}");
    }
}
