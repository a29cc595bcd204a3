use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::api::paths;
use crate::api::{Disconnected, Page, Session, SessionQuery, SessionSummary};
use crate::http::cursor;
use crate::http::error::Error;
use crate::http::extract::{Answer, Segment, Wanted};
use crate::http::state::App;
use crate::mqtt::admin::SessionFilter;

/// What the server keeps for client ids, connected or not, in the order of the ids.
#[utoipa::path(get, path = paths::SESSIONS, tag = "sessions", operation_id = "list_sessions", params(SessionQuery),
    responses((status = 200, body = Page<SessionSummary>)))]
pub async fn list(State(app): State<App>, Wanted(query): Wanted<SessionQuery>) -> Answer<Page<SessionSummary>> {
    let (limit, after) = (cursor::limit(query.limit)?, cursor::decode(query.cursor.as_deref())?);
    let filter = SessionFilter {
        client_id_prefix: query.client_id,
        username: query.username,
        connected: query.connected,
        durable: query.durable,
    };
    let sessions = app.with.sessions.sessions(&filter, after.as_deref(), limit + 1);
    Ok(Json(cursor::page(sessions, limit, |session| session.client_id.clone())))
}

/// All there is to know of one session.
#[utoipa::path(get, path = paths::SESSION, tag = "sessions", operation_id = "show_session", params(("client_id" = String, Path)),
    responses((status = 200, body = Session)))]
pub async fn show(State(app): State<App>, Segment(client_id): Segment) -> Answer<Session> {
    let session = app.with.sessions.session(&client_id).await;
    session.map(Json).ok_or_else(|| Error::session_not_found(&client_id))
}

/// Ends the connection of a client. Its session stays, as long as its expiry says.
#[utoipa::path(post, path = paths::SESSION_DISCONNECT, tag = "sessions", operation_id = "disconnect_session", params(("client_id" = String, Path)),
    responses((status = 200, body = Disconnected)))]
pub async fn disconnect(State(app): State<App>, Segment(client_id): Segment) -> Answer<Disconnected> {
    let disconnected = app.with.sessions.disconnect(&client_id).await;
    disconnected.map(Json).ok_or_else(|| Error::session_not_found(&client_id))
}

/// Ends a session and its connection. Its subscriptions and waiting messages are gone for good.
#[utoipa::path(delete, path = paths::SESSION, tag = "sessions", operation_id = "delete_session", params(("client_id" = String, Path)),
    responses((status = 204, description = "It is gone")))]
pub async fn delete(State(app): State<App>, Segment(client_id): Segment) -> Result<StatusCode, Error> {
    match app.with.sessions.delete(&client_id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Error::session_not_found(&client_id)),
    }
}
