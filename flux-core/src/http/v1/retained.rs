use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::api::paths;
use crate::api::{Event, Page, Retained, RetainedQuery};
use crate::bus::Route;
use crate::http::error::Error;
use crate::http::extract::{Answer, Segment, Wanted};
use crate::http::state::App;
use crate::http::{convert, cursor};
use crate::ingress::NewEvent;
use crate::types::{Properties, QoS, TopicFilter, TopicName};

/// The retained messages of topics that match, without their payloads.
#[utoipa::path(get, path = paths::RETAINED, tag = "retained", operation_id = "list_retained", params(RetainedQuery),
    responses((status = 200, body = Page<Retained>)))]
pub async fn list(State(app): State<App>, Wanted(query): Wanted<RetainedQuery>) -> Answer<Page<Retained>> {
    let (limit, after) = (cursor::limit(query.limit)?, cursor::decode(query.cursor.as_deref())?);
    let filter = query.filter.as_deref().unwrap_or("#");
    let filter = TopicFilter::parse(filter).map_err(|error| Error::parameter("filter", error))?;
    let events = app.with.ingress.retained().page(&filter, after.as_deref(), limit + 1);
    let page = cursor::page(events, limit, |event| event.topic.to_string());
    Ok(Json(Page { items: page.items.iter().map(|event| convert::retained(event)).collect(), next_cursor: page.next_cursor }))
}

/// The retained message of one topic.
#[utoipa::path(get, path = paths::RETAINED_TOPIC, tag = "retained", operation_id = "show_retained", params(("topic" = String, Path)),
    responses((status = 200, body = Event)))]
pub async fn show(State(app): State<App>, Segment(topic): Segment) -> Answer<Event> {
    match app.with.ingress.retained().get(&topic) {
        Some(event) => Ok(Json(convert::shown(&event))),
        None => Err(Error::retained_not_found(&topic)),
    }
}

/// Forgets the retained message of one topic, as MQTT does it: subscribers see an empty retained message.
#[utoipa::path(delete, path = paths::RETAINED_TOPIC, tag = "retained", operation_id = "delete_retained", params(("topic" = String, Path)),
    responses((status = 204, description = "It is gone")))]
pub async fn delete(State(app): State<App>, Segment(topic): Segment) -> Result<StatusCode, Error> {
    let name = TopicName::parse(&topic).map_err(|error| Error::parameter("topic", error))?;
    if app.with.ingress.retained().get(&topic).is_none() {
        return Err(Error::retained_not_found(&topic));
    }
    let empty = NewEvent {
        topic: name,
        payload: Box::default(),
        // At least once: the answer waits until it is forgotten on the disk as well.
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: Properties::NONE,
        expiry: None,
        publisher: app.client_id.clone(),
    };
    app.submit(empty, &mut Route::default()).await.receipt.await?;
    Ok(StatusCode::NO_CONTENT)
}
