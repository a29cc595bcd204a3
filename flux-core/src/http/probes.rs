//! For those who watch the process: alive, ready, metrics.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::state::App;
use crate::api::paths;
use crate::api::{Check, Health, NodeState, Ready};
use crate::telemetry::CONTENT_TYPE;

/// The process lives and answers.
#[utoipa::path(get, path = paths::HEALTH, tag = "probes", security(()), responses((status = 200, body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Whether this node should be sent traffic, and if not, why.
#[utoipa::path(get, path = paths::READY, tag = "probes", security(()),
    responses((status = 200, description = "It should", body = Ready), (status = 503, description = "It should not", body = Ready)))]
pub(super) async fn ready(State(app): State<App>) -> Response {
    let state = *app.with.lifecycle.borrow();
    let store = app.with.store.stats();
    let check = |name: &str, problem: Option<String>| Check { name: name.to_owned(), ok: problem.is_none(), detail: problem };
    let alone = app.with.member.as_ref().is_some_and(|member| !member.is_connected());
    let checks = vec![
        check("lifecycle", (state != NodeState::Ready).then(|| format!("the node is {}", state.as_str()))),
        check("store", store.failed.then(|| "the durable store cannot write: QoS 1 and 2 is refused until it can".to_owned())),
        check(
            "bus",
            alone.then(|| "the other nodes cannot be reached: Redis does not answer, or has given this node up".to_owned()),
        ),
    ];
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, checks })).into_response()
}

/// Every metric, as Prometheus scrapes it.
#[utoipa::path(get, path = paths::METRICS, tag = "probes", responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], app.with.exposition.render()).into_response()
}
