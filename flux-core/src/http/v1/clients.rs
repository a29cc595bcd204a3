use axum::Json;
use axum::extract::State;

use crate::api::paths;
use crate::api::{Client, ClientQuery, Page, SessionSummary};
use crate::http::cursor;
use crate::http::error::Error;
use crate::http::extract::{Answer, Segment, Wanted};
use crate::http::state::App;
use crate::mqtt::admin::SessionFilter;

/// The clients that are connected now, in the order of their ids.
#[utoipa::path(get, path = paths::CLIENTS, tag = "sessions", operation_id = "list_clients", params(ClientQuery),
    responses((status = 200, body = Page<Client>)))]
pub async fn list(State(app): State<App>, Wanted(query): Wanted<ClientQuery>) -> Answer<Page<Client>> {
    let (limit, after) = (cursor::limit(query.limit)?, cursor::decode(query.cursor.as_deref())?);
    let filter =
        SessionFilter { client_id_prefix: query.client_id, username: query.username, connected: Some(true), durable: None };
    let sessions = app.with.sessions.sessions(&filter, after.as_deref(), limit + 1);
    // By session, not by client: one that has just gone must not end the list.
    let page = cursor::page(sessions, limit, |session| session.client_id.clone());
    Ok(Json(Page { items: page.items.into_iter().filter_map(client).collect(), next_cursor: page.next_cursor }))
}

/// One connected client.
#[utoipa::path(get, path = paths::CLIENT, tag = "sessions", operation_id = "show_client", params(("client_id" = String, Path)),
    responses((status = 200, body = Client)))]
pub async fn show(State(app): State<App>, Segment(client_id): Segment) -> Answer<Client> {
    let session = app.with.sessions.session(&client_id).await;
    session.and_then(|session| client(session.summary)).map(Json).ok_or_else(|| Error::client_not_found(&client_id))
}

fn client(session: SessionSummary) -> Option<Client> {
    let connection = session.connection?;
    Some(Client { client_id: session.client_id, node: session.node, username: session.username, connection })
}
