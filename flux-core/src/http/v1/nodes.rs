use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::bus::state_of;
use crate::api::paths;
use crate::api::{Node, NodeList, Storage, Unreachable};
use crate::bus::distributed::Peer;
use crate::http::error::Error;
use crate::http::extract::{Answer, Segment};
use crate::http::state::App;
use crate::types::Timestamp;

/// The nodes of the cluster; those that did not answer are named.
#[utoipa::path(get, path = paths::NODES, tag = "nodes", operation_id = "list_nodes", responses((status = 200, body = NodeList)))]
pub async fn list(State(app): State<App>) -> Json<NodeList> {
    let mut list = NodeList { items: vec![this_node(&app)], unreachable: Vec::new(), next_cursor: None };
    for peer in app.with.member.iter().flat_map(|member| member.peers()) {
        match other_node(&peer) {
            Some(node) => list.items.push(node),
            None => list.unreachable.push(Unreachable {
                detail: "it has told nothing about itself yet, or this version does not understand it".to_owned(),
                id: peer.id.to_string(),
                address: peer.http,
            }),
        }
    }
    list.items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Json(list)
}

/// One node: what it is, what it carries, what it costs.
#[utoipa::path(get, path = paths::NODE, tag = "nodes", operation_id = "show_node", params(("id" = String, Path, description = "The node's id")),
    responses((status = 200, body = Node)))]
pub async fn show(State(app): State<App>, Segment(id): Segment) -> Answer<Node> {
    if id == app.facts.id.as_str() {
        return Ok(Json(this_node(&app)));
    }
    let peers = app.with.member.iter().flat_map(|member| member.peers());
    let found = peers.filter(|peer| peer.id.as_str() == id).find_map(|peer| other_node(&peer));
    found.map(Json).ok_or_else(|| Error::node_not_found(&id))
}

/// As it described itself with its last heartbeat.
fn other_node(peer: &Peer) -> Option<Node> {
    let node = Node::deserialize(&peer.about).ok()?;
    Some(Node { state: state_of(peer.state), ..node })
}

/// For the other nodes, so that each can answer for all.
pub(in crate::http) fn about(app: &App) -> serde_json::Value {
    serde_json::to_value(this_node(app)).unwrap_or_default()
}

fn this_node(app: &App) -> Node {
    let (facts, metrics) = (&app.facts, &app.with.metrics);
    Node {
        id: facts.id.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: *app.with.lifecycle.borrow(),
        roles: facts.roles.clone(),
        started_at: facts.started_at.into(),
        uptime_seconds: Timestamp::now().since(facts.started_at).as_secs(),
        listeners: facts.listeners.clone(),
        connections: metrics.connections.get(),
        sessions: metrics.sessions.get(),
        durable_sessions: metrics.durable_sessions.get(),
        subscriptions: metrics.subscriptions.get(),
        retained_messages: metrics.retained_messages.get(),
        traffic: app.rates.traffic(),
        process: app.rates.process(),
        storage: storage(app),
    }
}

fn storage(app: &App) -> Storage {
    let folder = &app.with.config.node.data_dir;
    let free = rustix::fs::statvfs(folder).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize));
    Storage { data_dir: folder.display().to_string(), used_bytes: app.with.store.stats().disk_bytes, free_bytes: free }
}
