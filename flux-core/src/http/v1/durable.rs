use axum::Json;
use axum::extract::State;

use crate::api::DurableInfo;
use crate::api::paths;
use crate::config::StoreKind;
use crate::http::state::App;

/// The durable store: queues of durable sessions, session records, wills, retained messages.
#[utoipa::path(get, path = paths::DURABLE, tag = "nodes", operation_id = "show_durable", responses((status = 200, body = DurableInfo)))]
pub async fn show(State(app): State<App>) -> Json<DurableInfo> {
    let stats = app.with.store.stats();
    Json(DurableInfo {
        kind: if app.with.store.is_shared() { StoreKind::Redis } else { StoreKind::Disk }.as_str().to_owned(),
        transactions: stats.transactions,
        commits: stats.commits,
        failures: stats.failures,
        waiting_bytes: stats.waiting_bytes,
        disk_bytes: stats.disk_bytes,
        queued_entries: stats.queued_entries,
        failed: stats.failed,
    })
}
