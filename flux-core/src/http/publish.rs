//! Bodies of `POST /api/v1/events` into events, events into answers.

use std::future::poll_fn;
use std::sync::Arc;

use axum::body::Bytes;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::convert::new_event;
use super::error::Error;
use super::extract::from_json;
use super::state::{App, State};
use crate::api::{BatchAnswer, BatchItem, PublishEvent, Published};
use crate::bus::{Route, Subscriber};
use crate::ingress::{NewEvent, Submitted};
use crate::types::{ClientId, QoS};

/// Events of one request: what a publisher that waits for the answer can sensibly have under way.
pub(super) const BATCH_EVENTS: usize = 10_000;

/// After this many events the worker thread looks after others.
const EVENTS_A_TURN: usize = 256;

/// What a body holds.
pub(super) enum Batch {
    One(NewEvent),
    Many(Vec<Item>),
}

/// One event of several, or why it is none.
pub(super) struct Item {
    event: Result<NewEvent, Error>,
    /// Its line in an NDJSON body, from 1.
    line: Option<usize>,
}

/// A JSON object is one event, an array several.
pub(super) fn parse_json(body: &[u8], publisher: &ClientId) -> Result<Batch, Error> {
    if body.trim_ascii_start().first() != Some(&b'[') {
        let event: PublishEvent = from_json(body, None)?;
        return new_event(event, publisher).map(Batch::One);
    }
    let items: Vec<Item> = match serde_json::from_slice::<Vec<PublishEvent>>(body) {
        Ok(events) => events.into_iter().map(|event| Item { event: new_event(event, publisher), line: None }).collect(),
        // Some are not events: those alone are refused, as long as the whole is JSON.
        Err(_) => {
            let values: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| Error::json(&error, None, None))?;
            values
                .into_iter()
                .map(|value| Item { event: parse_event(value.get().as_bytes(), None, publisher), line: None })
                .collect()
        }
    };
    within_bounds(items)
}

/// One event a line; empty lines are left out.
pub(super) fn parse_ndjson(body: &[u8], publisher: &ClientId) -> Result<Batch, Error> {
    let lines = body.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    // One more than may be: enough to tell.
    let items = lines.take(BATCH_EVENTS + 1).map(|(index, line)| {
        let number = index + 1;
        Item { event: parse_event(line, Some(number), publisher), line: Some(number) }
    });
    within_bounds(items.collect())
}

fn parse_event(text: &[u8], line: Option<usize>, publisher: &ClientId) -> Result<NewEvent, Error> {
    if let (Some(line), Err(_)) = (line, std::str::from_utf8(text)) {
        return Err(Error::not_utf8(line));
    }
    let event: PublishEvent = from_json(text, line)?;
    new_event(event, publisher)
}

fn within_bounds(items: Vec<Item>) -> Result<Batch, Error> {
    if items.len() > BATCH_EVENTS { Err(Error::too_many_events(BATCH_EVENTS)) } else { Ok(Batch::Many(items)) }
}

/// Status and body of the answer.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Publishes and waits until all that was asked to be safe is.
pub(super) async fn publish(app: &App, batch: Batch) -> Result<Answered, Error> {
    match batch {
        Batch::One(event) => {
            let submitted = app.submit(event, &mut Route::default()).await;
            let published = finish(submitted).await?;
            Ok(Answered { status: 200, body: json(&published) })
        }
        Batch::Many(items) => {
            let answer = publish_many(app, items).await;
            Ok(Answered { status: if answer.refused == 0 { 200 } else { 207 }, body: json(&answer) })
        }
    }
}

async fn publish_many(app: &App, items: Vec<Item>) -> BatchAnswer {
    let mut route = Route::default();
    let mut submitted = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        if index % EVENTS_A_TURN == EVENTS_A_TURN - 1 {
            tokio::task::yield_now().await;
        }
        let outcome = match item.event {
            // A route leads on for as long as the topic stays the same.
            Ok(event) => Ok(app.submit(event, &mut route).await),
            Err(error) => Err(error),
        };
        submitted.push((item.line, outcome));
    }
    let mut answer = BatchAnswer { published: 0, refused: 0, items: Vec::with_capacity(submitted.len()) };
    for (index, (line, outcome)) in submitted.into_iter().enumerate() {
        let outcome = match outcome {
            Ok(submitted) => finish(submitted).await,
            Err(error) => Err(error),
        };
        answer.items.push(match outcome {
            Ok(published) => {
                answer.published += 1;
                BatchItem::Published(published)
            }
            Err(Error(problem)) => {
                answer.refused += 1;
                BatchItem::Refused { index, line, problem: *problem }
            }
        });
    }
    answer
}

async fn finish(submitted: Submitted) -> Result<Published, Error> {
    submitted.receipt.await?;
    Ok(Published { id: submitted.id.to_string(), matched: submitted.matched })
}

fn json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).expect("an answer is plain data").into()
}

impl State {
    /// Publishes one event, and holds its publisher back while the store or a subscriber is behind.
    pub(super) async fn submit(&self, event: NewEvent, route: &mut Route) -> Submitted {
        if event.qos > QoS::AtMostOnce || event.retain {
            poll_fn(|context| self.with.store.poll_room(context)).await;
        }
        let mut submitted = self.with.ingress.submit(&self.identity, event, route);
        if let Some(subscriber) = submitted.pressed.take() {
            self.wait_for_room(subscriber).await;
        }
        submitted
    }

    async fn wait_for_room(&self, subscriber: Arc<dyn Subscriber>) {
        if timeout(self.settings.slow_subscriber_grace, poll_fn(|context| subscriber.poll_room(context))).await.is_err() {
            subscriber.give_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Code;

    fn publisher() -> ClientId {
        ClientId::new("test")
    }

    fn outcomes(batch: Result<Batch, Error>) -> Vec<Result<String, (Code, Option<usize>)>> {
        let Ok(Batch::Many(items)) = batch else { panic!("several events") };
        let outcome = |item: Item| match item.event {
            Ok(event) => Ok(event.topic.to_string()),
            Err(Error(problem)) => Err((problem.code, item.line)),
        };
        items.into_iter().map(outcome).collect()
    }

    #[test]
    fn an_array_refuses_only_what_is_no_event() {
        let batch = parse_json(br#" [{"topic":"a"}, {"topic":"a/#"}, {"tpoic":"b"}, 7, {"topic":"c"}]"#, &publisher());
        let invalid = Err((Code::InvalidRequest, None));
        assert_eq!(outcomes(batch), [Ok("a".into()), invalid.clone(), invalid.clone(), invalid, Ok("c".into())]);
        assert_eq!(parse_json(b"[{]", &publisher()).err().map(|error| error.0.code), Some(Code::InvalidJson));
    }

    #[test]
    fn lines_keep_their_numbers_and_empty_ones_do_not_matter() {
        let batch = parse_ndjson(b"{\"topic\":\"a\"}\r\n\n{\"topic\":\n\xff\n{\"topic\":\"b\"}", &publisher());
        let broken = |line| Err((Code::InvalidJson, Some(line)));
        assert_eq!(outcomes(batch), [Ok("a".into()), broken(3), broken(4), Ok("b".into())]);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let error = |body: &[u8]| parse_json(body, &publisher()).err().expect("refused").0;
        let unknown = error(b"{\n  \"topic\": \"a\",\n  \"color\": 1\n}");
        assert_eq!((unknown.status, unknown.errors[0].field.as_str()), (422, "color"));
        assert!(unknown.detail.contains("line 3"), "{unknown}");
        let broken = error(b"{\"topic\" \"a\"}");
        assert_eq!((broken.status, broken.code), (400, Code::InvalidJson));
        assert!(broken.detail.contains("line 1, column 10"), "{broken}");
    }

    #[test]
    fn more_events_than_one_request_takes_are_refused_as_a_whole() {
        let many = format!("[{}{{\"topic\":\"a\"}}]", "{\"topic\":\"a\"},".repeat(BATCH_EVENTS));
        assert_eq!(parse_json(many.as_bytes(), &publisher()).err().map(|error| error.0.code), Some(Code::TooManyEvents));
        let lines = "{\"topic\":\"a\"}\n".repeat(BATCH_EVENTS + 1);
        assert_eq!(parse_ndjson(lines.as_bytes(), &publisher()).err().map(|error| error.0.code), Some(Code::TooManyEvents));
    }
}
