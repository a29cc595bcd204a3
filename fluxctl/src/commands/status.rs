use std::collections::BTreeSet;

use flux_core::api::{Alarm, BusInfo, DurableInfo, Node, NodeList, NodeState, Ready, Severity, Unreachable};
use flux_core::output::{Style, Tone, printable, quantity};
use serde::Serialize;

use super::checks;

/// Everything `cluster status` says. What is wrong is worked out once, for people and programs alike.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub healthy: bool,
    pub url: String,
    pub ready: Ready,
    pub nodes: Vec<Node>,
    pub unreachable: Vec<Unreachable>,
    pub bus: BusInfo,
    pub store: DurableInfo,
    pub alarms: Vec<Alarm>,
    pub findings: Vec<Finding>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The cluster is unhealthy for it.
    pub critical: bool,
    pub detail: String,
    pub hint: Option<String>,
}

impl Finding {
    fn new(critical: bool, detail: String) -> Self {
        Finding { critical, detail, hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Finding { hint: Some(hint.into()), ..self }
    }
}

impl Status {
    pub fn new(url: &str, ready: Ready, nodes: NodeList, bus: BusInfo, store: DurableInfo, alarms: Vec<Alarm>) -> Self {
        let NodeList { items: nodes, unreachable, .. } = nodes;
        let url = url.trim_end_matches('/').to_owned();
        let mut status = Status { healthy: true, url, ready, nodes, unreachable, bus, store, alarms, findings: Vec::new() };
        status.findings = status.look();
        status.healthy = !status.findings.iter().any(|finding| finding.critical);
        status
    }

    fn look(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for check in self.ready.checks.iter().filter(|check| !check.ok) {
            let detail = check.detail.as_deref().unwrap_or("it does not say why");
            findings.push(Finding::new(true, format!("not ready: {}: {detail}", check.name)));
        }
        if !self.ready.ready && findings.is_empty() {
            findings.push(Finding::new(true, format!("{} is not ready", self.url)));
        }
        for Unreachable { id, address, detail } in &self.unreachable {
            let finding = Finding::new(true, format!("{id} at {address} does not answer: {detail}"));
            findings.push(finding.hint("look at its log; start it again with flux-core serve"));
        }
        for node in self.nodes.iter().filter(|node| node.state != NodeState::Ready) {
            let critical = matches!(node.state, NodeState::Gone | NodeState::Unknown);
            findings.push(Finding::new(critical, format!("{} is {}", node.id, node.state.as_str())));
        }
        if self.store.failed {
            let finding = Finding::new(true, "the durable store cannot write: nothing it should keep is acknowledged".into());
            findings.push(finding.hint("fluxctl alarms list -o wide"));
        }
        let versions: BTreeSet<&str> = self.nodes.iter().map(|node| node.version.as_str()).collect();
        if versions.len() > 1 {
            let versions = versions.into_iter().collect::<Vec<_>>().join(" and ");
            findings.push(Finding::new(false, format!("nodes run different versions: {versions}")).hint("fluxctl nodes list"));
        }
        for alarm in &self.alarms {
            let detail = format!("{} {} on {}: {}", alarm.severity.as_str(), alarm.name, alarm.node, alarm.detail);
            let finding = Finding::new(alarm.severity == Severity::Critical, detail);
            findings.push(Finding { hint: alarm.hint.clone(), ..finding });
        }
        findings
    }

    pub fn first_line(&self, context: Option<&str>, style: Style) -> String {
        let ready = self.nodes.iter().filter(|node| node.state == NodeState::Ready).count();
        let total = self.nodes.len() + self.unreachable.len();
        let tone = if ready == total { Tone::Good } else { Tone::Bad };
        let ready = style.paint(&format!("{ready}/{total} {} ready", if total == 1 { "node" } else { "nodes" }), tone);
        let health = if self.healthy { style.paint("healthy", Tone::Good) } else { style.paint("UNHEALTHY", Tone::Bad) };
        let context = context.map(|context| format!("   context {}", printable(context))).unwrap_or_default();
        format!("{}  {health}   {ready}   {}{context}\n", style.bold("CLUSTER"), self.url)
    }

    pub fn last_lines(&self, style: Style) -> String {
        let store = if self.store.failed { style.paint("FAILED", Tone::Bad) } else { style.paint("ok", Tone::Good) };
        let mut waits = String::new();
        if self.store.queued_entries > 0 {
            waits = format!(", {} queued", quantity(self.store.queued_entries, "message"));
        }
        let cut_off = self.bus.cluster.as_ref().is_some_and(|cluster| !cluster.connected);
        let bus = if cut_off { style.paint("CUT OFF", Tone::Bad) } else { style.paint("ok", Tone::Good) };
        let mut text = format!(
            "{} {} {bus}   {} {store} {}{waits}   {} {}\n",
            style.bold("BUS"),
            self.bus.kind,
            style.bold("STORE"),
            checks::place(&self.store),
            style.bold("ALARMS"),
            self.alarm_summary(style),
        );
        let widest = self.findings.iter().map(|finding| finding.detail.chars().count()).max().unwrap_or(0).min(60);
        for Finding { critical, detail, hint } in &self.findings {
            let tone = if *critical { Tone::Bad } else { Tone::Warning };
            text.push_str(&style.paint("!", tone));
            text.push_str(&format!(" {}", printable(detail)));
            if let Some(hint) = hint {
                let gap = widest.saturating_sub(detail.chars().count());
                text.push_str(&format!("{:gap$}   hint: {}", "", printable(hint)));
            }
            text.push('\n');
        }
        text
    }

    fn alarm_summary(&self, style: Style) -> String {
        let tones = [(Severity::Critical, Tone::Bad), (Severity::Warning, Tone::Warning), (Severity::Info, Tone::Plain)];
        let counted = tones.into_iter().filter_map(|(severity, tone)| {
            let number = self.alarms.iter().filter(|alarm| alarm.severity == severity).count();
            (number > 0).then(|| style.paint(&format!("{number} {}", severity.as_str()), tone))
        });
        let counted: Vec<String> = counted.collect();
        if counted.is_empty() { style.paint("none", Tone::Good) } else { counted.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: Style = Style { colour: false, terminal: false, size: None };

    fn node(id: &str, version: &str, state: &str) -> Node {
        let flow = json!({"total": 0, "per_second": 0.0});
        serde_json::from_value(json!({
            "id": id, "version": version, "state": state, "roles": ["http", "mqtt"], "started_at": "2026-01-01T00:00:00.000Z",
            "uptime_seconds": 525_600, "listeners": [], "connections": 10_021, "sessions": 0, "durable_sessions": 0,
            "subscriptions": 0, "retained_messages": 0, "process": {"pid": 1},
            "traffic": {"messages_in": flow, "messages_out": flow, "messages_dropped": flow, "bytes_in": flow, "bytes_out": flow},
            "storage": {"data_dir": "/data", "used_bytes": 0},
        }))
        .expect("a node")
    }

    fn status(nodes: Vec<Node>, alarms: serde_json::Value, failed: bool) -> Status {
        let bus = json!({"kind": "memory", "at_least_once": true, "crosses_nodes": false, "published": 0, "delivered": 0,
            "dropped": 0, "subscriptions": 0, "subscribers": 0, "shared_groups": 0});
        let store = json!({"transactions": 0, "commits": 0, "failures": 0, "waiting_bytes": 0, "disk_bytes": 12_000_000,
            "queued_entries": 1_200, "failed": failed});
        Status::new(
            "http://127.0.0.1:3000/",
            Ready { ready: true, checks: vec![] },
            NodeList { items: nodes, unreachable: vec![], next_cursor: None },
            serde_json::from_value(bus).expect("a bus"),
            serde_json::from_value(store).expect("a store"),
            serde_json::from_value(alarms).expect("alarms"),
        )
    }

    #[test]
    fn a_healthy_node_is_told_in_a_few_words() {
        let status = status(vec![node("n1", "0.1.0", "ready")], json!([]), false);
        assert!(status.healthy);
        assert_eq!(status.first_line(None, PLAIN), "CLUSTER  healthy   1/1 node ready   http://127.0.0.1:3000\n");
        let named = status.first_line(Some("prod (protected)"), PLAIN);
        assert!(named.ends_with("http://127.0.0.1:3000   context prod (protected)\n"), "{named}");
        assert_eq!(status.last_lines(PLAIN), "BUS memory ok   STORE ok 12MB on disk, 1,200 messages queued   ALARMS none\n");
    }

    #[test]
    fn what_differs_is_a_hint_and_what_fails_is_unhealthy() {
        let nodes = vec![node("n1", "0.9.2", "ready"), node("n2", "0.9.1", "draining")];
        let differs = status(nodes.clone(), json!([]), false);
        assert!(differs.healthy);
        assert!(differs.last_lines(PLAIN).contains("! nodes run different versions: 0.9.1 and 0.9.2   hint: fluxctl nodes list"));
        assert!(differs.last_lines(PLAIN).contains("! n2 is draining\n"));
        let failed = status(nodes, json!([]), true);
        assert!(!failed.healthy);
        assert!(failed.first_line(None, PLAIN).contains("UNHEALTHY"));
    }

    #[test]
    fn only_a_critical_alarm_makes_it_unhealthy() {
        let alarm = |severity: &str| {
            json!([{"name": "disk_full", "severity": severity, "node": "n1", "detail": "2% free", "hint": "make room",
                "count": 1, "since": "2026-01-01T00:00:00.000Z", "last": "2026-01-01T00:00:00.000Z", "cleared_at": null}])
        };
        let warned = status(vec![node("n1", "1", "ready")], alarm("warning"), false);
        assert!(warned.healthy);
        let lines = warned.last_lines(PLAIN);
        assert!(lines.ends_with("ALARMS 1 warning\n! warning disk_full on n1: 2% free   hint: make room\n"), "{lines}");
        assert!(!status(vec![node("n1", "1", "ready")], alarm("critical"), false).healthy);
    }
}
