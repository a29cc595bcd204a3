//! Every route.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::error::Error;
use super::guard::guard;
use super::state::App;
use super::v1::{alarms, bus, canary, clients, config, durable, events, nodes, redis, retained, sessions, subscriptions, traces};
use super::{openapi, pages, probes};
use crate::api::paths;

pub(super) fn router(app: App) -> Router {
    Router::new()
        .route(paths::STATUS_PAGE, get(pages::status))
        .route(paths::DOCS, get(pages::documentation))
        .route(paths::HEALTH, get(probes::health))
        .route(paths::READY, get(probes::ready))
        .route(paths::METRICS, get(probes::metrics))
        .route(paths::OPENAPI, get(openapi::serve))
        .route(paths::NODES, get(nodes::list))
        .route(paths::NODE, get(nodes::show))
        .route(paths::CLIENTS, get(clients::list))
        .route(paths::CLIENT, get(clients::show))
        .route(paths::SESSIONS, get(sessions::list))
        .route(paths::SESSION, get(sessions::show).delete(sessions::delete))
        .route(paths::SESSION_DISCONNECT, post(sessions::disconnect))
        .route(paths::SUBSCRIPTIONS, get(subscriptions::list))
        .route(paths::RETAINED, get(retained::list))
        .route(paths::RETAINED_TOPIC, get(retained::show).delete(retained::delete))
        .route(paths::EVENTS, get(events::recent).post(events::publish))
        .route(paths::EVENTS_TAIL, get(events::tail))
        .route(paths::BUS, get(bus::show))
        .route(paths::BUS_ROUTES, get(bus::routes))
        .route(paths::BUS_CANARY, get(canary::show).put(canary::set).delete(canary::abort))
        .route(paths::BUS_CANARY_PROMOTE, post(canary::promote))
        .route(paths::REDIS, get(redis::show))
        .route(paths::DURABLE, get(durable::show))
        .route(paths::ALARMS, get(alarms::list))
        .route(paths::CONFIG, get(config::effective))
        .route(paths::CONFIG_REFERENCE, get(config::reference))
        .route(paths::TRACES, get(traces::list).post(traces::start))
        .route(paths::TRACE, axum::routing::delete(traces::stop))
        .route(paths::TRACE_TAIL, get(traces::tail))
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(app.settings.max_body_bytes))
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn no_such_path(request: Request) -> Error {
    Error::no_such_path(request.uri().path())
}

async fn method_not_allowed(request: Request) -> Error {
    Error::method_not_allowed(request.method().as_str(), request.uri().path())
}
