use std::sync::Arc;

use ::redis::{Cmd, PushKind, Value};
use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::connection::{Connection, refused};
use super::error::RedisError;
use super::router::Router;
use super::slots::slot_of;
use super::state::RedisKind;
use super::topology::words;
use crate::lifecycle::Shutdown;
use crate::types::limits::{REDIS_PING, REDIS_TICK};

/// What a subscription brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Message {
        channel: String,
        payload: Vec<u8>,
    },
    /// It was disconnected and is subscribed again: what was published meanwhile is missing.
    Gap,
}

pub(super) type Hear = Box<dyn Fn(Heard) + Send + Sync>;

/// Listens until it is dropped.
pub struct RedisSubscription {
    ended: Shutdown,
    confirmed: watch::Receiver<bool>,
}

impl RedisSubscription {
    /// Returns once the server has confirmed all channels: what is published from then on is heard. Waits while Redis is away.
    pub async fn confirmed(&self) -> Result<(), RedisError> {
        let mut confirmed = self.confirmed.clone();
        confirmed.wait_for(|confirmed| *confirmed).await.map(drop).map_err(|_| RedisError::Closed)
    }

    /// Whether it is subscribed at the moment.
    pub fn is_confirmed(&self) -> bool {
        *self.confirmed.borrow()
    }
}

impl Drop for RedisSubscription {
    fn drop(&mut self) {
        self.ended.request();
    }
}

pub(super) fn start(router: Arc<Router>, channels: Vec<String>, hear: Hear) -> RedisSubscription {
    let ended = Shutdown::default();
    let (sender, confirmed) = watch::channel(false);
    let listener = Listener { router: router.clone(), channels, hear, confirmed: sender, once: false };
    let until = ended.clone();
    router.tasks.spawn("redis subscriber", async move {
        let closing = listener.router.closing.clone();
        tokio::select! {
            () = until.requested() => {}
            () = closing.requested() => {}
            () = listener.run() => {}
        }
    });
    RedisSubscription { ended, confirmed }
}

struct Listener {
    router: Arc<Router>,
    channels: Vec<String>,
    hear: Hear,
    confirmed: watch::Sender<bool>,
    /// It was confirmed before, so whatever happens next is a gap.
    once: bool,
}

impl Listener {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let began = Instant::now();
            let Err(problem) = self.listen().await;
            if self.confirmed.send_replace(false) {
                tracing::warn!(%problem, "a subscription to Redis broke");
                self.router.figures.disconnected.add(1);
            }
            self.router.stale.notify_one();
            if began.elapsed() > REDIS_PING {
                backoff.reset();
            }
            self.router.pause(backoff.next()).await;
        }
    }

    /// Subscribes and listens until the connection breaks.
    async fn listen(&mut self) -> Result<std::convert::Infallible, RedisError> {
        let sharded = self.router.kind == RedisKind::Cluster;
        let slot = self.channels.first().map_or(0, |channel| slot_of(channel.as_bytes()));
        let (_, mut connection) = self.router.dial_slot(slot).await?;
        let mut subscribe = Cmd::new();
        subscribe.arg(if sharded { "SSUBSCRIBE" } else { "SUBSCRIBE" });
        for channel in &self.channels {
            subscribe.arg(channel);
        }
        connection.send(&subscribe).await?;
        let mut missing = self.channels.len();
        let patience = self.router.settings.command_timeout;
        let (mut last_heard, mut pinged) = (Instant::now(), false);
        loop {
            let value = match tokio::time::timeout(REDIS_TICK, connection.next()).await {
                Ok(value) => value?,
                Err(_) => {
                    self.check(&mut connection, last_heard, &mut pinged).await?;
                    continue;
                }
            };
            last_heard = Instant::now();
            pinged = false;
            match value {
                Value::Push { kind: PushKind::Message | PushKind::SMessage, data } => self.message(data),
                Value::Push { kind: PushKind::Subscribe | PushKind::SSubscribe, .. } => {
                    missing = missing.saturating_sub(1);
                    if missing == 0 && !self.confirmed.send_replace(true) && std::mem::replace(&mut self.once, true) {
                        (self.hear)(Heard::Gap);
                    }
                }
                // The slot went to another node.
                Value::Push { kind: PushKind::SUnsubscribe | PushKind::Unsubscribe, .. } => {
                    return Err(RedisError::Lost("the server ended the subscription: its slot has moved".into()));
                }
                Value::ServerError(error) => return Err(refused(&error)),
                _ => {}
            }
            if missing > 0 && last_heard.elapsed() > patience {
                return Err(RedisError::Lost("the subscription was not confirmed".into()));
            }
        }
    }

    fn message(&self, data: Vec<Value>) {
        let mut data = data.into_iter();
        if let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) = (data.next(), data.next()) {
            (self.hear)(Heard::Message { channel: String::from_utf8_lossy(&channel).into_owned(), payload });
        }
    }

    /// Silence is either that nothing is published, or that nobody is there.
    async fn check(&self, connection: &mut Connection, last_heard: Instant, pinged: &mut bool) -> Result<(), RedisError> {
        let patience = self.router.settings.command_timeout;
        if last_heard.elapsed() > patience {
            return Err(RedisError::Lost(format!("no answer within {patience:?}").into()));
        }
        if last_heard.elapsed() >= REDIS_PING && !std::mem::replace(pinged, true) {
            connection.send(&words(&["PING"])).await?;
        }
        Ok(())
    }
}
