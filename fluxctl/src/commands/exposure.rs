use std::net::SocketAddr;

use flux_core::api::Listener;
use serde_json::Value;

use super::checks::{Details, Report};

/// Who could use the listeners that others can reach, and what could be read on the way to them.
pub fn look(report: &mut Report, details: &Details) {
    let far = |listener: &&Listener| listener.address.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_loopback());
    let listeners: Vec<&Listener> = details.nodes.items.iter().flat_map(|node| &node.listeners).filter(far).collect();
    authentication(report, details, &listeners);
    encryption(report, &listeners);
}

fn authentication(report: &mut Report, details: &Details, listeners: &[&Listener]) {
    let set = |key: &str| match details.config.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::Object(entries)) => !entries.is_empty(),
        Some(_) => true,
    };
    let users = set("security.users") || set("security.password_file");
    let anonymous = match details.config.get("mqtt.allow_anonymous") {
        Some(Value::Bool(allowed)) => *allowed,
        Some(Value::String(word)) if word != "auto" => word == "true",
        _ => !users,
    };
    let open = |listener: &&&Listener| match listener.protocol.as_str() {
        "http" | "https" => !set("http.token"),
        "mqtts" | "wss" => anonymous && !set("mqtt.tls.client_ca"),
        _ => anonymous,
    };
    let open: Vec<String> = listeners.iter().filter(open).map(|listener| place(listener)).collect();
    if !open.is_empty() {
        let hint = "set http.token and security.users (or security.password_file), or listen on loopback";
        report.critical("authentication", format!("anybody may use {}", open.join(" ")), hint);
    } else if listeners.is_empty() {
        report.ok("authentication", "all listeners are on loopback");
    } else {
        report.ok("authentication", "needed beyond loopback");
    }
}

fn encryption(report: &mut Report, listeners: &[&Listener]) {
    let clear = listeners.iter().filter(|listener| matches!(listener.protocol.as_str(), "http" | "mqtt" | "ws"));
    let clear: Vec<String> = clear.map(|listener| place(listener)).collect();
    if clear.is_empty() {
        report.ok("encryption", "nothing crosses a network in the clear");
    } else {
        let hint = "use TLS (mqtt.tls_listen, mqtt.wss_listen, http.tls.cert), or a network you trust";
        report.warning("encryption", format!("passwords and payloads can be read on the way to {}", clear.join(" ")), hint);
    }
}

fn place(listener: &Listener) -> String {
    format!("{}://{}", listener.protocol, listener.address)
}
