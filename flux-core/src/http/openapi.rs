//! The OpenAPI document, put together from the handlers.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::schema::Ref;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::probes;
use super::v1::{alarms, bus, canary, clients, config, durable, events, nodes, redis, retained, sessions, subscriptions, traces};
use crate::api::{Dropped, Problem, TraceRecord, paths};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "FLUX IOT",
        description = "Events in and out over HTTP, and what an operator sees and steers.\n\nErrors are `application/problem+json` (RFC 9457) with a stable \
                       `code`. Lists come in pages: pass `next_cursor` as `cursor` to get the page that follows. Client ids and topics in paths are \
                       percent-encoded: a `/` in them is `%2F`."
    ),
    tags(
        (name = "events", description = "Publish, look back, watch."),
        (name = "sessions", description = "Clients, what the server keeps for them, what they subscribe to."),
        (name = "retained", description = "The last message of a topic."),
        (name = "nodes", description = "The server itself: nodes, bus, Redis, durable store."),
        (name = "operation", description = "Alarms, configuration, traces."),
        (name = "probes", description = "For those who watch the process."),
    ),
    paths(
        events::publish, events::recent, events::tail,
        sessions::list, sessions::show, sessions::disconnect, sessions::delete,
        clients::list, clients::show,
        subscriptions::list,
        retained::list, retained::show, retained::delete,
        nodes::list, nodes::show, bus::show, bus::routes,
        canary::show, canary::set, canary::abort, canary::promote, redis::show, durable::show,
        alarms::list, config::effective, config::reference,
        traces::list, traces::start, traces::stop, traces::tail,
        probes::health, probes::ready, probes::metrics, serve,
    ),
    components(schemas(Problem, Dropped, TraceRecord)),
    modifiers(&Everywhere),
)]
struct Document;

/// What holds for every operation: the token, and how errors look.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let problem = ResponseBuilder::new().description("A problem").content(Problem::MEDIA_TYPE, problem).build();
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten() {
                operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.clone()));
            }
        }
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of `http.token`, where one is set."))
            .build();
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(token));
        document.security = Some(vec![utoipa::openapi::security::SecurityRequirement::new("token", [] as [&str; 0])]);
    }
}

/// The document as it is served.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// This document.
#[utoipa::path(get, path = paths::OPENAPI, tag = "probes", security(()), responses((status = 200, body = serde_json::Value)))]
pub(super) async fn serve() -> Response {
    static JSON: OnceLock<Bytes> = OnceLock::new();
    let json = JSON.get_or_init(|| serde_json::to_vec(&document()).map(Bytes::from).unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response()
}
