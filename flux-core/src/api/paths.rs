//! Every path of the server. `{…}` stands for one percent-encoded segment: client ids and topics may contain `/`.

pub const STATUS_PAGE: &str = "/";
pub const DOCS: &str = "/docs";
pub const HEALTH: &str = "/health";
pub const READY: &str = "/ready";
pub const METRICS: &str = "/metrics";

pub const OPENAPI: &str = "/api/v1/openapi.json";
pub const NODES: &str = "/api/v1/nodes";
pub const NODE: &str = "/api/v1/nodes/{id}";
pub const CLIENTS: &str = "/api/v1/clients";
pub const CLIENT: &str = "/api/v1/clients/{client_id}";
pub const SESSIONS: &str = "/api/v1/sessions";
pub const SESSION: &str = "/api/v1/sessions/{client_id}";
pub const SESSION_DISCONNECT: &str = "/api/v1/sessions/{client_id}/disconnect";
pub const SUBSCRIPTIONS: &str = "/api/v1/subscriptions";
pub const RETAINED: &str = "/api/v1/retained";
pub const RETAINED_TOPIC: &str = "/api/v1/retained/{topic}";
pub const EVENTS: &str = "/api/v1/events";
pub const EVENTS_TAIL: &str = "/api/v1/events/tail";
pub const BUS: &str = "/api/v1/bus";
pub const BUS_ROUTES: &str = "/api/v1/bus/routes";
pub const BUS_CANARY: &str = "/api/v1/bus/canary";
pub const BUS_CANARY_PROMOTE: &str = "/api/v1/bus/canary/promote";
pub const REDIS: &str = "/api/v1/redis";
pub const DURABLE: &str = "/api/v1/durable";
pub const ALARMS: &str = "/api/v1/alarms";
pub const CONFIG: &str = "/api/v1/config";
pub const CONFIG_REFERENCE: &str = "/api/v1/config/reference";
pub const TRACES: &str = "/api/v1/traces";
pub const TRACE: &str = "/api/v1/traces/{id}";
pub const TRACE_TAIL: &str = "/api/v1/traces/{id}/tail";

/// All of them, for tests and clients that check what they know.
pub const ALL: &[&str] = &[
    STATUS_PAGE,
    DOCS,
    HEALTH,
    READY,
    METRICS,
    OPENAPI,
    NODES,
    NODE,
    CLIENTS,
    CLIENT,
    SESSIONS,
    SESSION,
    SESSION_DISCONNECT,
    SUBSCRIPTIONS,
    RETAINED,
    RETAINED_TOPIC,
    EVENTS,
    EVENTS_TAIL,
    BUS,
    BUS_ROUTES,
    BUS_CANARY,
    BUS_CANARY_PROMOTE,
    REDIS,
    DURABLE,
    ALARMS,
    CONFIG,
    CONFIG_REFERENCE,
    TRACES,
    TRACE,
    TRACE_TAIL,
];

/// Puts `value`, percent-encoded, where `path` has its `{…}`.
pub fn with(path: &str, value: &str) -> String {
    let (before, rest) = path.split_once('{').expect("the path has a parameter");
    let (_, after) = rest.split_once('}').expect("a parameter of a path is closed");
    format!("{before}{}{after}", encode_segment(value))
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3), so that it is one segment whatever it holds.
pub fn encode_segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_one_segment_whatever_it_holds() {
        assert_eq!(with(SESSION_DISCONNECT, "a/b c"), "/api/v1/sessions/a%2Fb%20c/disconnect");
        assert_eq!(with(RETAINED_TOPIC, "ü~"), "/api/v1/retained/%C3%BC~");
    }
}
