use serde_json::{Value, json};

/// The schema of one item.
type Item = fn() -> Value;

/// Every kind, and what its items look like.
pub const KINDS: &[(&str, Item)] = &[
    ("Alarm", || api("Alarm")),
    ("Bus", || api("BusInfo")),
    ("BusRoute", || api("BusRoute")),
    ("CanaryWay", || api("CanaryWay")),
    ("Change", || object(json!({"resource": text(), "name": text(), "result": text()}))),
    ("Check", || {
        let status = json!({"enum": ["ok", "warning", "critical"]});
        object(json!({"check": text(), "status": status, "detail": text(), "hint": maybe("string")}))
    }),
    ("ClusterStatus", || {
        let finding = object(json!({"critical": flag(), "detail": text(), "hint": maybe("string")}));
        object(json!({
            "healthy": flag(), "url": text(), "ready": api("Ready"), "nodes": list(api("Node")), "unreachable": list(api("Unreachable")),
            "bus": api("BusInfo"), "store": api("DurableInfo"), "alarms": list(api("Alarm")), "findings": list(finding),
        }))
    }),
    ("Condition", || object(json!({"resource": text(), "name": text(), "condition": text(), "waited_ms": number()}))),
    ("ConfigKey", || api("ConfigKey")),
    ("ConfigValue", || api("EffectiveValue")),
    ("Context", || {
        object(
            json!({"name": text(), "current": flag(), "url": text(), "protected": flag(), "token": flag(), "ca_file": maybe("string")}),
        )
    }),
    ("Difference", || object(json!({"change": {"enum": ["+", "~", "-"]}, "resource": text(), "name": text(), "detail": text()}))),
    ("Error", || {
        let exit = json!({"enum": [1, 2, 3, 4, 5, 6, 7, 8, 10]});
        let always = json!({"apiVersion": {"const": "flux/v1"}, "kind": {"const": "Error"}, "code": text(), "exit": exit, "error": text()});
        let mut error = object(always);
        error["properties"]["cause"] = text();
        error["properties"]["hint"] = text();
        error
    }),
    ("Event", || api("Event")),
    ("Inbox", || api("Inbox")),
    ("Node", || api("Node")),
    ("Published", || object(json!({"topic": text(), "id": maybe("string"), "matched": maybe("integer")}))),
    ("RetainedMessage", || api("Retained")),
    ("Sample", || {
        let labels = json!({"type": "object", "additionalProperties": text()});
        object(json!({"name": text(), "labels": labels, "value": maybe("number")}))
    }),
    // A list has the summary, one that is shown all there is.
    ("Session", || json!({"anyOf": [api("Session"), api("SessionSummary")]})),
    ("Subscription", || api("SubscriptionInfo")),
    ("Trace", || api("Trace")),
    ("TraceRecord", || api("TraceRecord")),
    ("Version", || object(json!({"fluxctl": text(), "server": maybe("string")}))),
];

/// What the API calls so.
fn api(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// All of its fields are always there.
fn object(properties: Value) -> Value {
    let required: Vec<&String> = properties.as_object().expect("fields").keys().collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn number() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn maybe(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}
