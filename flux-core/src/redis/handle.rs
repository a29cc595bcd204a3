use std::sync::Arc;
use std::time::Duration;

use ::redis::Value;
use tokio::sync::{oneshot, watch};

use super::command::{Command, Copies, Reply};
use super::dialer::Dialer;
use super::error::RedisError;
use super::figures::RedisFigures;
use super::inspect::{self, Inspected};
use super::keys::Keys;
use super::reader::Reader;
use super::refresh;
use super::router::Router;
use super::settings::RedisSettings;
use super::slots::slot_of;
use super::state::{RedisKind, RedisState};
use super::subscriber::{self, Heard, RedisSubscription};
use super::topology;
use crate::lifecycle::Tasks;
use crate::receipt::Receipt;

/// A connection to Redis, whatever it consists of. Cloning counts a reference; with the last clone the connections go.
#[derive(Clone)]
pub struct Redis(Arc<Handle>);

struct Handle(Arc<Router>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.closing.request();
    }
}

impl Redis {
    /// Connects to every primary. From then on it stays connected or tries to be, without end.
    ///
    /// Fails when Redis cannot be reached now, refuses the login, or the settings cannot work.
    pub async fn connect(settings: RedisSettings, tasks: &Tasks) -> Result<Redis, RedisError> {
        let dialer = Dialer::new(&settings)?;
        let kind = topology::kind(&dialer, &settings.servers).await?;
        let router = Router::new(settings, dialer, kind, tasks.clone());
        let redis = Redis(Arc::new(Handle(router.clone())));
        match kind {
            RedisKind::Single | RedisKind::Sentinel => router.lead_to_primary(),
            RedisKind::Cluster => {
                router.adopt(&topology::cluster(&router.dialer, &router.settings.servers.addresses).await?);
                tasks.spawn("redis cluster", refresh::run(router.clone()));
            }
        }
        redis.connected().await?;
        Ok(redis)
    }

    async fn connected(&self) -> Result<(), RedisError> {
        let mut state = self.state();
        // A Cluster in the middle of a failover needs a while.
        let patience = self.0.0.settings.connect_timeout + self.0.0.settings.command_timeout;
        let in_time = tokio::time::timeout(patience, state.wait_for(RedisState::is_connected)).await.is_ok();
        if in_time { Ok(()) } else { Err(RedisError::Unavailable(self.problem().unwrap_or_else(|| "it does not answer".into()))) }
    }

    fn problem(&self) -> Option<Arc<str>> {
        self.0.0.state.borrow().error.clone()
    }

    pub fn kind(&self) -> RedisKind {
        self.0.0.kind
    }

    pub fn keys(&self) -> &Keys {
        &self.0.0.settings.keys
    }

    pub fn settings(&self) -> &RedisSettings {
        &self.0.0.settings
    }

    pub fn figures(&self) -> &Arc<RedisFigures> {
        &self.0.0.figures
    }

    /// Whether Redis answers, for watching.
    pub fn state(&self) -> watch::Receiver<RedisState> {
        self.0.0.state.subscribe()
    }

    /// Does `work` after a pause, for as long as the runtime is there that this was connected in. On whatever thread it is called.
    pub fn later(&self, pause: Duration, work: impl FnOnce() + Send + 'static) {
        self.0.0.later(pause, work);
    }

    /// Puts a command into the queue of its primary and returns at once. `reply` is answered exactly once: also, and then before this
    /// returns, if the command is not taken ([`RedisError::Full`], [`RedisError::Closed`]).
    pub fn send(&self, command: Command, reply: Reply) {
        self.0.0.send(command, reply);
    }

    /// The command is in its queue when this returns, before the future is polled; it is executed also if the future is dropped.
    pub fn call(&self, command: Command) -> impl Future<Output = Result<Value, RedisError>> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        self.send(command, Reply::Value(sender));
        async move { receiver.await.unwrap_or(Err(RedisError::Closed)) }
    }

    /// As [`Redis::call`], for those who only want to know whether it was done.
    pub fn receipt(&self, command: Command) -> Receipt {
        let (sender, receipt) = Receipt::pending();
        self.send(command, Reply::Receipt(sender));
        receipt
    }

    /// `PUBLISH`, on a Cluster `SPUBLISH`: to those who [`Redis::subscribe`] to `channel`.
    pub fn publish(&self, channel: &str, payload: &[u8]) -> Command {
        let name = if self.kind() == RedisKind::Cluster { "SPUBLISH" } else { "PUBLISH" };
        Command::new(name).key(channel).bytes(payload)
    }

    /// A connection of its own to the primary that holds `key`, for commands that block.
    pub fn reader(&self, key: impl AsRef<[u8]>) -> Reader {
        Reader::new(self.0.0.clone(), slot_of(key.as_ref()))
    }

    /// Listens to channels, which share one slot on a Cluster (the same hash tag), on a connection of its own.
    ///
    /// `hear` is called on the connection's task, in order; it must be quick and must not block.
    pub fn subscribe(&self, channels: Vec<String>, hear: impl Fn(Heard) + Send + Sync + 'static) -> RedisSubscription {
        subscriber::start(self.0.0.clone(), channels, Box::new(hear))
    }

    /// Asks every primary how it is set up: settings that break what we promise, with what to set instead. `copies` is what
    /// acknowledgements wait for. Takes at most [`REDIS_INSPECTION`](crate::types::limits::REDIS_INSPECTION).
    pub async fn inspect(&self, copies: Copies) -> Vec<Inspected> {
        inspect::inspect(&self.0.0, copies).await
    }

    /// Returns once [`Redis::close`] was called.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let closing = self.0.0.closing.clone();
        async move { closing.requested().await }
    }

    /// Sends what waits, then ends all connections. What is sent later is refused.
    pub fn close(&self) {
        self.0.0.closing.request();
    }
}
