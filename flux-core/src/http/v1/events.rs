use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::api::paths;
use crate::api::{BatchAnswer, Event, Page, PublishAnswer, PublishRequest, RecentQuery, TailQuery};
use crate::http::error::Error;
use crate::http::extract::{Answer, Body, Wanted, media_type};
use crate::http::idempotency::{Request, Stored};
use crate::http::publish::{Answered, Batch, parse_json, parse_ndjson, publish as publish_batch};
use crate::http::state::App;
use crate::http::{convert, cursor, tail as live};
use crate::types::{EventId, Subscription, TopicFilter};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Longer ones would make the memory of answers large; UUIDs have 36 characters.
const LONGEST_KEY: usize = 255;

/// Publishes events: one JSON object, an array of them, or NDJSON (one a line). At most 10,000 in one request.
///
/// QoS 1 and 2 are answered once the event is as safe as an MQTT publisher's would be. Several events are answered with one item for each, in order.
/// With the header `idempotency-key` a repeated request is given the first answer again and publishes nothing; keys are remembered for 10 minutes.
#[utoipa::path(post, path = paths::EVENTS, tag = "events", operation_id = "publish_events",
    params(("idempotency-key" = Option<String>, Header, description = "Makes it safe to repeat the request when no answer came")),
    request_body(content((PublishRequest = "application/json"), (String = "application/x-ndjson"))),
    responses((status = 200, description = "All were published", body = PublishAnswer),
        (status = 207, description = "Some of several were refused", body = BatchAnswer)))]
pub async fn publish(State(app): State<App>, headers: HeaderMap, Body(body): Body) -> Result<Response, Error> {
    let parse = match media_type(&headers).as_str() {
        "application/json" => parse_json,
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => parse_ndjson,
        other => return Err(Error::media_type(other, "application/json or application/x-ndjson")),
    };
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(respond(publish_batch(&app, parse(&body, &app.client_id)?).await?));
    };
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let key =
        key.ok_or_else(|| Error::parameter(IDEMPOTENCY_KEY, format!("is not plain text of 1 to {LONGEST_KEY} characters")))?;
    let request = Request { key: key.to_owned(), fingerprint: xxhash_rust::xxh3::xxh3_128(&body) };
    let batch = parse(&body, &app.client_id)?;
    once(app, request, batch).await.map(respond)
}

/// A request with a key that is being answered. One that ends without an answer, also by a panic, may be made again.
struct UnderWay {
    app: App,
    request: Request,
    answered: bool,
}

impl UnderWay {
    fn finish(mut self, answer: &Answered) {
        let stored = Stored { status: answer.status, body: answer.body.clone() };
        self.app.answers.finish(&self.request, stored, Instant::now());
        self.answered = true;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.answered {
            self.app.answers.forget(&self.request);
        }
    }
}

/// Publishes unless the same request was made before.
async fn once(app: App, request: Request, batch: Batch) -> Result<Answered, Error> {
    if let Some(Stored { status, body }) = app.answers.begin(&request, Instant::now())? {
        return Ok(Answered { status, body });
    }
    // In a task of its own: a client that goes before the answer is the one that will ask again, so its request has to come to an end.
    let (answer, answered) = oneshot::channel();
    let under_way = UnderWay { app: app.clone(), request, answered: false };
    app.with.tasks.clone().spawn("http publish", async move {
        let outcome = publish_batch(&app, batch).await;
        match &outcome {
            Ok(answered) => under_way.finish(answered),
            Err(_) => drop(under_way),
        }
        // Nobody waits any more: the answer is remembered for whoever asks again.
        let _ = answer.send(outcome);
    });
    answered.await.unwrap_or_else(|_| Err(Error::internal()))
}

fn respond(answered: Answered) -> Response {
    let status = StatusCode::from_u16(answered.status).expect("ours are statuses");
    (status, [(header::CONTENT_TYPE, "application/json")], answered.body).into_response()
}

/// The last events that passed, newest first, as far as they are remembered (`http.recent_events`).
#[utoipa::path(get, path = paths::EVENTS, tag = "events", operation_id = "recent_events", params(RecentQuery),
    responses((status = 200, body = Page<Event>)))]
pub async fn recent(State(app): State<App>, Wanted(query): Wanted<RecentQuery>) -> Answer<Page<Event>> {
    let recent = app.recent.as_ref().ok_or_else(Error::recent_off)?;
    let limit = cursor::limit(query.limit)?;
    let before = cursor::decode(query.cursor.as_deref())?.map(|id| id.parse::<EventId>()).transpose();
    let before = before.map_err(|_| Error::parameter("cursor", "is not one of this list"))?;
    let filter =
        query.filter.as_deref().map(TopicFilter::parse).transpose().map_err(|error| Error::parameter("filter", error))?;
    let page = cursor::page(recent.page(filter.as_ref(), before, limit + 1), limit, |event| event.id.to_string());
    Ok(Json(Page { items: page.items.iter().map(|event| convert::shown(event)).collect(), next_cursor: page.next_cursor }))
}

/// Events as they pass (server-sent events).
///
/// Each is an SSE event named `event` with an `Event` as data. A reader that is too slow loses the oldest ones and is told how many by one named `dropped`.
#[utoipa::path(get, path = paths::EVENTS_TAIL, tag = "events", operation_id = "tail_events", params(TailQuery),
    responses((status = 200, description = "A stream that does not end", body = Event, content_type = "text/event-stream")))]
pub async fn tail(State(app): State<App>, Wanted(query): Wanted<TailQuery>) -> Result<Response, Error> {
    let subscription = Subscription::parse(&query.filter).map_err(|error| Error::parameter("filter", error))?;
    live::tail(&app, subscription).await
}
