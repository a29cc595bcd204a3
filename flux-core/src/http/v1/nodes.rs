use axum::Json;
use axum::extract::State;

use crate::api::paths;
use crate::api::{Node, NodeList, Storage};
use crate::http::error::Error;
use crate::http::extract::{Answer, Segment};
use crate::http::state::App;
use crate::types::Timestamp;

/// The nodes of the cluster; those that did not answer are named.
#[utoipa::path(get, path = paths::NODES, tag = "nodes", operation_id = "list_nodes", responses((status = 200, body = NodeList)))]
pub async fn list(State(app): State<App>) -> Json<NodeList> {
    Json(NodeList { items: vec![this_node(&app)], unreachable: Vec::new(), next_cursor: None })
}

/// One node: what it is, what it carries, what it costs.
#[utoipa::path(get, path = paths::NODE, tag = "nodes", operation_id = "show_node", params(("id" = String, Path, description = "The node's id")),
    responses((status = 200, body = Node)))]
pub async fn show(State(app): State<App>, Segment(id): Segment) -> Answer<Node> {
    if id == app.facts.id.as_str() { Ok(Json(this_node(&app))) } else { Err(Error::node_not_found(&id)) }
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
