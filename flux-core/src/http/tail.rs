//! Live streams of events: a bounded mailbox on the bus for each, read by one connection.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::convert::shown;
use super::error::Error;
use super::state::App;
use crate::api::Dropped;
use crate::bus::{Delivered, EventBus, Handover, Subscriber};
use crate::lifecycle::Shutdown;
use crate::telemetry::Metrics;
use crate::types::{Delivery, DropReason, Event, QoS, SubscribeOptions, SubscriberId, Subscription};

/// What waits for one slow reader: a second of a busy stream; beyond it the oldest go.
const MAILBOX_EVENTS: usize = 4_096;
const MAILBOX_BYTES: usize = 4 * 1024 * 1024;

/// Taken from the mailbox at once.
const EVENTS_A_TURN: usize = 64;

/// Proxies close what is silent for a minute or less.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The place where the bus leaves events for one stream.
struct Mailbox {
    id: SubscriberId,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Delivery>,
    bytes: usize,
    /// Left out since the reader was last told.
    dropped: u64,
    closed: bool,
}

impl Subscriber for Mailbox {
    fn id(&self) -> SubscriberId {
        self.id
    }

    fn client(&self) -> &str {
        ""
    }

    fn deliver(&self, delivery: Delivery, _: &mut Handover) -> Delivered {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Delivered::Dropped(DropReason::SessionEnded);
        }
        waiting.bytes += delivery.event.weight();
        waiting.events.push_back(delivery);
        self.metrics.pending.add(1);
        while waiting.events.len() > MAILBOX_EVENTS || (waiting.bytes > MAILBOX_BYTES && waiting.events.len() > 1) {
            waiting.drop_oldest();
            self.metrics.pending.sub(1);
            self.metrics.dropped.of(DropReason::SlowSubscriber).add(1);
        }
        drop(waiting);
        self.arrived.notify_one();
        Delivered::Accepted
    }
}

impl Waiting {
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.events.pop_front() {
            self.bytes -= oldest.event.weight();
            self.dropped += 1;
        }
    }
}

impl Mailbox {
    /// Waits for something to tell: events, and how many were left out before them.
    async fn take(&self) -> (u64, Vec<Arc<Event>>) {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut waiting = self.waiting.lock();
                if waiting.dropped > 0 || !waiting.events.is_empty() {
                    let count = waiting.events.len().min(EVENTS_A_TURN);
                    let taken: Vec<Delivery> = waiting.events.drain(..count).collect();
                    waiting.bytes -= taken.iter().map(|delivery| delivery.event.weight()).sum::<usize>();
                    let dropped = std::mem::take(&mut waiting.dropped);
                    drop(waiting);
                    self.metrics.pending.sub(taken.len() as u64);
                    for delivery in &taken {
                        self.metrics.delivered.of(delivery.qos).add(1);
                    }
                    return (dropped, taken.into_iter().map(|delivery| delivery.event).collect());
                }
            }
            arrived.await;
        }
    }
}

/// One stream: ends its subscription when it is dropped.
struct Tail {
    mailbox: Arc<Mailbox>,
    bus: Arc<dyn EventBus>,
    subscription: Subscription,
    shutdown: Shutdown,
    ready: VecDeque<Sent>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.bus.unsubscribe(&self.subscription, self.mailbox.id);
        let mut waiting = self.mailbox.waiting.lock();
        waiting.closed = true;
        waiting.bytes = 0;
        let left = std::mem::take(&mut waiting.events).len() as u64;
        self.mailbox.metrics.pending.sub(left);
        self.mailbox.metrics.dropped.of(DropReason::SessionEnded).add(left);
    }
}

impl Tail {
    async fn next(&mut self) -> Option<Sent> {
        while self.ready.is_empty() {
            let (dropped, events) = tokio::select! {
                taken = self.mailbox.take() => taken,
                () = self.shutdown.requested() => return None,
            };
            if dropped > 0 {
                self.ready.push_back(named("dropped", &Dropped { dropped }));
            }
            self.ready.extend(events.iter().map(|event| named("event", &shown(event)).id(event.id.to_string())));
        }
        self.ready.pop_front()
    }
}

/// An event of the stream. What our own types serialize to never fails, and JSON has no line breaks.
pub(super) fn named(name: &str, data: &impl serde::Serialize) -> Sent {
    Sent::default().event(name).data(serde_json::to_string(data).expect("an answer is plain data"))
}

/// A place among the live streams.
pub(super) fn permit(app: &App) -> Result<OwnedSemaphorePermit, Error> {
    app.tails.clone().try_acquire_owned().map_err(|_| Error::too_many_tails(app.settings.max_tails))
}

/// Subscribes; what is published after this returns is in the stream.
pub(super) async fn tail(app: &App, subscription: Subscription) -> Result<Response, Error> {
    let permit = permit(app)?;
    let mailbox = Arc::new(Mailbox {
        id: SubscriberId::unique(),
        waiting: Mutex::default(),
        arrived: Notify::new(),
        metrics: app.with.metrics.clone(),
    });
    let options = SubscribeOptions { qos: QoS::ExactlyOnce, retain_as_published: true, ..SubscribeOptions::default() };
    // Made before subscribing: whatever happens from here on, dropping it unsubscribes.
    let tail = Tail {
        mailbox: mailbox.clone(),
        bus: app.with.bus.clone(),
        subscription: subscription.clone(),
        shutdown: app.with.tasks.shutdown().clone(),
        ready: VecDeque::new(),
        _permit: permit,
    };
    app.with.bus.subscribe(&subscription, options, mailbox).await?;
    Ok(response(stream::unfold(tail, |mut tail| async move { Some((tail.next().await?, tail)) })))
}

/// A stream that says something now and then even if nothing happens.
pub(super) fn response(stream: impl Stream<Item = Sent> + Send + 'static) -> Response {
    Sse::new(stream.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}
