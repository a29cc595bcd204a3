use std::time::Duration;

use ::redis::{Cmd, ServerError, Value, ValueCodec};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::FramedRead;

use super::dialer::{Reading, Stream, Writing};
use super::error::RedisError;

/// One connection, used by one task: a question, then its answer.
pub(super) struct Connection {
    pub(super) reading: Reading,
    pub(super) writing: Writing,
    timeout: Duration,
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>, timeout: Duration) -> Self {
        let (reading, writing) = tokio::io::split(stream);
        Connection { reading: FramedRead::new(reading, ValueCodec::default()), writing, timeout }
    }

    /// One question and its answer, within the connection's own time.
    pub(super) async fn ask(&mut self, cmd: &Cmd) -> Result<Value, RedisError> {
        self.ask_within(cmd, self.timeout).await
    }

    /// Once this has failed, or was dropped before it was done, the connection is good for nothing: an answer may still be under way.
    pub(super) async fn ask_within(&mut self, cmd: &Cmd, timeout: Duration) -> Result<Value, RedisError> {
        let asking = async {
            self.send(cmd).await?;
            loop {
                match self.next().await? {
                    Value::Push { .. } => {}
                    Value::ServerError(error) => return Err(refused(&error)),
                    value => return Ok(value),
                }
            }
        };
        tokio::time::timeout(timeout, asking)
            .await
            .map_err(|_| RedisError::Lost(format!("no answer within {timeout:?}").into()))?
    }

    pub(super) async fn expect_ok(&mut self, cmd: &Cmd) -> Result<(), RedisError> {
        self.ask(cmd).await.map(drop)
    }

    pub(super) async fn send(&mut self, cmd: &Cmd) -> Result<(), RedisError> {
        self.writing.write_all(&cmd.get_packed_command()).await.map_err(|error| RedisError::Lost(error.to_string().into()))
    }

    /// The next thing that the server says. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Value, RedisError> {
        said(self.reading.next().await)
    }
}

/// What a reading half has brought.
pub(super) fn said(item: Option<Result<Value, ::redis::RedisError>>) -> Result<Value, RedisError> {
    match item {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(RedisError::Lost(error.to_string().into())),
        None => Err(RedisError::Lost("the server closed it".into())),
    }
}

pub(super) fn refused(error: &ServerError) -> RedisError {
    RedisError::Refused { code: error.code().into(), message: error.details().unwrap_or_default().into() }
}
