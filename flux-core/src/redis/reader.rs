use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, Value};

use super::backoff::Backoff;
use super::command::Command;
use super::connection::Connection;
use super::error::RedisError;
use super::lane::Place;
use super::refusal::{Again, again};
use super::router::Router;
use super::servers::Address;
use crate::types::limits::REDIS_LATER;

/// Redirections and the like that one call follows: more are a Cluster that has lost its way.
const ATTEMPTS: usize = 16;

/// A connection of its own to the primary of one slot, for commands that block (`XREADGROUP … BLOCK`). Connects when it is first used,
/// and again after it broke, with growing pauses.
pub struct Reader {
    router: Arc<Router>,
    slot: u16,
    connection: Option<(Address, Connection)>,
    /// Where the slot was seen last, if the map does not know yet.
    moved: Option<Address>,
    backoff: Backoff,
    failed: bool,
}

impl Reader {
    pub(super) fn new(router: Arc<Router>, slot: u16) -> Self {
        Reader { router, slot, connection: None, moved: None, backoff: Backoff::default(), failed: false }
    }

    /// One command that may block for up to `block`. After an error the next call waits a little before it tries again, so a loop
    /// around this needs no pause of its own. Cancel safe: a dropped call costs the connection, nothing else.
    ///
    /// `Lost`: it may have been executed.
    pub async fn call(&mut self, command: &Command, block: Duration) -> Result<Value, RedisError> {
        if self.failed {
            let pause = self.backoff.next();
            let closing = self.router.closing.clone();
            tokio::select! {
                () = closing.requested() => return Err(RedisError::Closed),
                () = self.router.pause(pause) => {}
            }
        }
        let closing = self.router.closing.clone();
        let outcome = tokio::select! {
            () = closing.requested() => return Err(RedisError::Closed),
            outcome = self.attempts(command, block) => outcome,
        };
        self.failed = outcome.is_err();
        if outcome.is_ok() {
            self.backoff.reset();
        }
        outcome
    }

    async fn attempts(&mut self, command: &Command, block: Duration) -> Result<Value, RedisError> {
        let with_text = command.with_text();
        let (mut cmd, mut asking) = (&command.cmd, false);
        let mut last = RedisError::unavailable("it is redirected without end");
        for _ in 0..ATTEMPTS {
            let (address, mut connection) = match self.connection.take() {
                Some(connected) => connected,
                None => self.connect().await?,
            };
            if std::mem::take(&mut asking) {
                connection.send(&super::topology::words(&["ASKING"])).await?;
            }
            let error = match self.ask(&mut connection, cmd, block).await? {
                Value::ServerError(error) => error,
                value => {
                    self.connection = Some((address, connection));
                    return Ok(value);
                }
            };
            last = super::connection::refused(&error);
            match again(&error, command, &address) {
                Some(Again::Moved { address: to, .. }) => {
                    self.router.stale.notify_one();
                    self.moved = Some(to);
                }
                Some(Again::Ask { address: to }) => {
                    asking = true;
                    self.moved = Some(to);
                }
                Some(Again::Text) => {
                    let Some(text) = &with_text else { return Err(last) };
                    cmd = text;
                    self.connection = Some((address, connection));
                }
                Some(Again::Later) => {
                    tokio::time::sleep(REDIS_LATER).await;
                    self.connection = Some((address, connection));
                }
                // The connection is dropped: the next one goes to the new primary.
                Some(Again::Elsewhere) => return Err(last),
                None if error.code() == "UNBLOCKED" => return Err(last),
                None => {
                    self.connection = Some((address, connection));
                    return Err(last);
                }
            }
        }
        Err(last)
    }

    async fn connect(&mut self) -> Result<(Address, Connection), RedisError> {
        match self.moved.take() {
            Some(address) => self.router.dial(&Place::At(address)).await,
            None => self.router.dial_slot(self.slot).await,
        }
    }

    /// Its answer, errors of the server included: what comes before is skipped (`ASKING`, pushes).
    async fn ask(&self, connection: &mut Connection, cmd: &Cmd, block: Duration) -> Result<Value, RedisError> {
        let patience = block + self.router.settings.command_timeout;
        let asking = async {
            connection.send(cmd).await?;
            loop {
                match connection.next().await? {
                    // `+OK` is what ASKING is answered; no command that reads is.
                    Value::Push { .. } | Value::Okay => {}
                    value => return Ok(value),
                }
            }
        };
        let answered = tokio::time::timeout(patience, asking).await;
        answered.map_err(|_| RedisError::Lost(format!("no answer within {patience:?}").into()))?
    }
}
