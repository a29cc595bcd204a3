use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sse::{Decoder, Message};
use super::{Client, ClientError};
use crate::api::paths;
use crate::api::{BatchAnswer, Dropped, Event, Page, PublishEvent, Published, RecentQuery, TailQuery, TraceRecord};

/// The server says something at least every 15 seconds; after three times that the connection is dead.
const SILENCE: Duration = Duration::from_secs(45);

/// What a live stream brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailItem<T> {
    Item(T),
    /// This many were left out here because this reader is too slow.
    Dropped(u64),
}

/// A live stream. Ends when the server ends it (its shutdown, the end of a trace); an error is its last item.
pub type Tail<T> = BoxStream<'static, Result<TailItem<T>, ClientError>>;

impl Client {
    pub async fn publish(&self, event: &PublishEvent) -> Result<Published, ClientError> {
        self.json(self.post_events(event, None)).await
    }

    /// All of them in one request. What was refused is in the answer, not an error.
    pub async fn publish_batch(&self, events: &[PublishEvent]) -> Result<BatchAnswer, ClientError> {
        self.json(self.post_events(events, None)).await
    }

    /// Like [`Client::publish_batch`], and safe to repeat with the same key when no answer came: nothing is published twice.
    pub async fn publish_batch_once(&self, key: &str, events: &[PublishEvent]) -> Result<BatchAnswer, ClientError> {
        self.json(self.post_events(events, Some(key))).await
    }

    /// `lines` is NDJSON: one event a line.
    pub async fn publish_ndjson(&self, lines: impl Into<reqwest::Body>) -> Result<BatchAnswer, ClientError> {
        let request = self.request(Method::POST, paths::EVENTS).header("content-type", "application/x-ndjson");
        self.json(request.body(lines)).await
    }

    /// Newest first.
    pub async fn recent_events(&self, query: &RecentQuery) -> Result<Page<Event>, ClientError> {
        self.query(paths::EVENTS, query).await
    }

    /// Events as they pass. Returns once the server has subscribed: what is published from then on is in the stream.
    pub async fn tail(&self, filter: &str) -> Result<Tail<Event>, ClientError> {
        let query = TailQuery { filter: filter.to_owned() };
        self.stream(self.request(Method::GET, paths::EVENTS_TAIL).query(&query)).await
    }

    pub async fn tail_trace(&self, id: &str) -> Result<Tail<TraceRecord>, ClientError> {
        self.stream(self.request(Method::GET, &paths::with(paths::TRACE_TAIL, id))).await
    }

    fn post_events(&self, events: &(impl Serialize + ?Sized), key: Option<&str>) -> RequestBuilder {
        let request = self.request(Method::POST, paths::EVENTS).json(events);
        match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        }
    }

    async fn stream<T: DeserializeOwned + Send + 'static>(&self, request: RequestBuilder) -> Result<Tail<T>, ClientError> {
        let reader = Reader {
            client: self.clone(),
            response: self.send(request.header("accept", "text/event-stream")).await?,
            decoder: Decoder::default(),
            messages: VecDeque::new(),
            over: false,
        };
        Ok(stream::unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) }).boxed())
    }
}

struct Reader {
    client: Client,
    response: reqwest::Response,
    decoder: Decoder,
    messages: VecDeque<Message>,
    over: bool,
}

impl Reader {
    async fn next<T: DeserializeOwned>(&mut self) -> Option<Result<TailItem<T>, ClientError>> {
        if self.over {
            return None;
        }
        let item = self.read().await;
        self.over = !matches!(item, Some(Ok(_)));
        item
    }

    async fn read<T: DeserializeOwned>(&mut self) -> Option<Result<TailItem<T>, ClientError>> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Some(self.item(&message));
            }
            let bytes = match tokio::time::timeout(SILENCE, self.response.chunk()).await {
                Ok(Ok(bytes)) => bytes?,
                Ok(Err(error)) => return Some(Err(self.client.unreachable(error))),
                Err(_) => return Some(Err(self.client.timed_out())),
            };
            if let Err(error) = self.decoder.push(&bytes, &mut self.messages) {
                return Some(Err(self.client.unexpected(200, error.to_string())));
            }
        }
    }

    fn item<T: DeserializeOwned>(&self, message: &Message) -> Result<TailItem<T>, ClientError> {
        let item = match message.name.as_str() {
            "dropped" => serde_json::from_str(&message.data).map(|Dropped { dropped }| TailItem::Dropped(dropped)),
            _ => serde_json::from_str(&message.data).map(TailItem::Item),
        };
        item.map_err(|error| self.client.unexpected(200, format!("{error}: {}", message.data)))
    }
}
