//! Every command that reads, and a server on which each has something to show. Owns: the list. Must not know: formats.
//!
//! Invariant: a new read command is added here, and all that is promised of every one of them is tested.
#![allow(dead_code)]

use crate::support::{Device, Server, Tool};

/// Each command, the kind of its JSON, and whether the server below has something for it to show.
pub const READS: &[(&str, &str, bool)] = &[
    ("cluster status", "ClusterStatus", true),
    ("nodes list", "Node", true),
    ("nodes show n1", "Node", true),
    ("sessions list", "Session", true),
    ("sessions show pump-7", "Session", true),
    ("subscriptions list", "Subscription", true),
    ("retained list", "RetainedMessage", true),
    ("retained get plant/7/state", "Event", true),
    ("bus canary show", "CanaryWay", false),
    ("bus inboxes", "Inbox", false),
    ("bus routes", "BusRoute", false),
    ("bus status", "Bus", true),
    ("alarms list", "Alarm", true),
    ("alarms list --history", "Alarm", true),
    ("config reference", "ConfigKey", true),
    ("config show", "ConfigValue", true),
    ("metrics", "Sample", true),
    ("trace list", "Trace", true),
    ("doctor", "Check", true),
    ("context list", "Context", true),
    ("context show staging", "Context", true),
    ("version", "Version", true),
];

/// Those that show what no server changes: watching them is refused.
pub const STILL: &[&str] = &["context list", "context show staging"];

/// A server with one device, one subscription, one retained message, one alarm, one trace; and a context that is not in effect.
pub struct Plant {
    pub server: Server,
    pub device: Device,
    pub tool: Tool,
    pub trace: crate::support::Follow,
    _folder: tempfile::TempDir,
}

impl Plant {
    pub fn start() -> Self {
        // One connection of ten is an alarm, and only a warning.
        let limits = ["--set", "mqtt.max_connections=10", "--set", "telemetry.limit_alarm=10", "--set", "node.id=n1"];
        let server = Server::start_with(&limits);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let contexts = folder.path().join("contexts.toml").display().to_string();
        let tool = Tool::new(env!("CARGO_BIN_EXE_fluxctl"), server.http()).with("FLUXCTL_CONFIG", &contexts);
        tool.ok("context add staging --url http://127.0.0.1:1 --token 0123456789abcdef --ca-file ca.pem --protected");
        let mut device = Device::connect(server.mqtt(), "pump-7");
        device.subscribe("plant/7/#");
        tool.ok("events publish plant/7/state on --retain --qos 1 --content-type text/plain --user-property unit=C --expiry 1h");
        let trace = crate::support::Follow::new(tool.spawn("trace client pump-7 -o json"));
        trace.ready();
        tool.ok("wait alarm connections --raised");
        Plant { server, device, tool, trace, _folder: folder }
    }
}
