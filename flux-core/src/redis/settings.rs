use std::path::PathBuf;
use std::time::Duration;

use super::keys::Keys;
use super::servers::Servers;

/// How to reach Redis.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    pub servers: Servers,
    /// Certificate authorities (PEM) for `rediss://`; the system's if there is none.
    pub ca: Option<PathBuf>,
    /// How our connections are called in `CLIENT LIST`.
    pub client_name: String,
    pub keys: Keys,
    /// How long connecting may take, TLS and login included.
    pub connect_timeout: Duration,
    /// How long a command may wait for its answer, reconnecting included. A server that is silent for so long is left.
    pub command_timeout: Duration,
}

impl RedisSettings {
    pub fn new(servers: Servers) -> Self {
        RedisSettings {
            servers,
            ca: None,
            client_name: "flux".to_owned(),
            keys: Keys::new("flux", "flux"),
            connect_timeout: Duration::from_secs(3),
            command_timeout: Duration::from_secs(5),
        }
    }
}
