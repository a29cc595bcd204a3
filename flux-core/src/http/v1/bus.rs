use axum::Json;
use axum::extract::State;

use crate::api::BusInfo;
use crate::api::paths;
use crate::http::state::App;

/// The bus: what carries events from publishers to subscribers.
#[utoipa::path(get, path = paths::BUS, tag = "nodes", operation_id = "show_bus", responses((status = 200, body = BusInfo)))]
pub async fn show(State(app): State<App>) -> Json<BusInfo> {
    let (stats, guarantees) = (app.with.bus.stats(), app.with.bus.guarantees());
    Json(BusInfo {
        kind: app.facts.bus_kind.clone(),
        at_least_once: guarantees.at_least_once,
        crosses_nodes: guarantees.crosses_nodes,
        published: stats.published,
        delivered: stats.delivered,
        dropped: stats.dropped,
        subscriptions: stats.subscriptions,
        subscribers: stats.subscribers,
        shared_groups: stats.shared_groups,
    })
}
