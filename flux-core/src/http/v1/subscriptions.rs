use axum::Json;
use axum::extract::State;

use crate::api::paths;
use crate::api::{Page, SubscriptionInfo, SubscriptionQuery};
use crate::http::cursor;
use crate::http::error::Error;
use crate::http::extract::{Answer, Wanted};
use crate::http::state::App;
use crate::mqtt::admin::SubscriptionFilter;

/// Stands between client id and subscription in a cursor. Neither may hold it [MQTT-1.5.4-2].
const BETWEEN: char = '\0';

/// Who subscribes to what, in the order of client ids.
#[utoipa::path(get, path = paths::SUBSCRIPTIONS, tag = "sessions", operation_id = "list_subscriptions", params(SubscriptionQuery),
    responses((status = 200, body = Page<SubscriptionInfo>)))]
pub async fn list(State(app): State<App>, Wanted(query): Wanted<SubscriptionQuery>) -> Answer<Page<SubscriptionInfo>> {
    let (limit, after) = (cursor::limit(query.limit)?, cursor::decode(query.cursor.as_deref())?);
    let after = match &after {
        Some(after) => Some(after.split_once(BETWEEN).ok_or_else(|| Error::parameter("cursor", "is not one of this list"))?),
        None => None,
    };
    let filter = SubscriptionFilter { client_id: query.client_id, filter_prefix: query.filter };
    let subscriptions = app.with.sessions.subscriptions(&filter, after, limit + 1);
    Ok(Json(cursor::page(subscriptions, limit, |subscription| {
        format!("{}{BETWEEN}{}", subscription.client_id, written(subscription))
    })))
}

/// As its client wrote it.
fn written(subscription: &SubscriptionInfo) -> String {
    match &subscription.group {
        Some(group) => format!("$share/{group}/{}", subscription.filter),
        None => subscription.filter.clone(),
    }
}
