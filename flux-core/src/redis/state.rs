use std::sync::Arc;

use crate::types::Timestamp;

/// What answers behind the URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisKind {
    Single,
    Sentinel,
    Cluster,
}

impl RedisKind {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            RedisKind::Single => "single",
            RedisKind::Sentinel => "sentinel",
            RedisKind::Cluster => "cluster",
        }
    }
}

/// Whether Redis answers, since when, and if not why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisState {
    pub since: Timestamp,
    /// Of the first primary that does not answer. `None`: every primary is connected.
    pub error: Option<Arc<str>>,
}

impl RedisState {
    pub fn is_connected(&self) -> bool {
        self.error.is_none()
    }
}
