use std::sync::Arc;

use crate::types::Refusal;

/// Why a command has no answer. `Refused` comes from the server, all others from us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// Not sent.
    #[error("too many commands wait for Redis ({waiting} of {limit}): it is slower than what is asked of it")]
    Full { waiting: usize, limit: usize },
    /// Not executed: there was no connection until the deadline.
    #[error("Redis cannot be reached: {0}")]
    Unavailable(Arc<str>),
    /// May or may not have been executed: the connection broke before the answer came.
    #[error("the connection to Redis broke before it answered: {0}")]
    Lost(Arc<str>),
    /// Executed, but not copied to as many replicas as asked for.
    #[error("only {confirmed} of {wanted} replicas of Redis confirmed the write in time")]
    NotReplicated { wanted: u8, confirmed: u8 },
    /// The server's answer: not executed.
    #[error("Redis refused: {code} {message}")]
    Refused { code: Arc<str>, message: Arc<str> },
    /// The answer has another shape than the command has.
    #[error("Redis answered {0}: is it another program, or a version before 6.2?")]
    Unexpected(Arc<str>),
    /// Not sent.
    #[error("the connection to Redis was closed here")]
    Closed,
    /// What is configured cannot work.
    #[error("{0}")]
    Settings(Arc<str>),
}

impl RedisError {
    pub(super) fn unavailable(why: impl Into<Arc<str>>) -> Self {
        RedisError::Unavailable(why.into())
    }

    pub(super) fn unexpected(what: &::redis::Value) -> Self {
        let mut text = format!("{what:?}");
        if let Some((end, _)) = text.char_indices().nth(200) {
            text.truncate(end);
        }
        RedisError::Unexpected(text.into())
    }

    /// The server's error code (`WRONGTYPE`, `OOM`, …), if it was the server that refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            RedisError::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether it may have been executed. What was surely not executed can be sent again without harm.
    pub fn may_have_happened(&self) -> bool {
        matches!(self, RedisError::Lost(_) | RedisError::NotReplicated { .. })
    }

    /// What a publisher is told.
    pub fn refusal(&self) -> Refusal {
        match self {
            RedisError::Full { .. } => Refusal::QuotaExceeded,
            RedisError::Closed => Refusal::ShuttingDown,
            _ => Refusal::StoreFailed,
        }
    }
}
