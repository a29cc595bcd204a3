use std::time::Duration;

use crate::config::{Config, Secret};

/// What `http` needs to know of the configuration. Units are in the names or types.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Every request but health, readiness, the two pages and the document must carry it as a bearer token.
    pub token: Option<Secret>,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// How long a request may take until its answer begins.
    pub request_timeout: Duration,
    /// Connections at a time; one more waits to be accepted.
    pub max_connections: usize,
    /// Live streams at a time.
    pub max_tails: usize,
    /// Events that `GET /api/v1/events` remembers; 0 is off.
    pub recent_events: usize,
    /// Bytes they may take.
    pub recent_bytes: usize,
    /// How long a publisher waits for a slow subscriber.
    pub slow_subscriber_grace: Duration,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let http = &config.http;
        Settings {
            token: http.token.clone(),
            max_body_bytes: http.max_body.as_usize(),
            request_timeout: http.request_timeout,
            max_connections: http.max_connections,
            max_tails: http.max_tails,
            recent_events: http.recent_events,
            recent_bytes: http.recent_bytes.as_usize(),
            slow_subscriber_grace: config.mqtt.slow_subscriber_grace,
        }
    }
}
