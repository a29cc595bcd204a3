//! Connections to Redis: a single server, a Redis Cluster, a primary behind Sentinels. Must not know: what is kept there.
//!
//! [`Redis`] is the handle, cheap to clone. `lane` (the queue of one primary) and `writer` (its connection) carry commands, many to a
//! round trip; `router` knows which primary holds which slot; `reader` waits in blocking commands and `subscriber` listens, each on a
//! connection of its own.
//!
//! Invariant: every command is answered exactly once, with the server's answer or with an error that says whether it may have been
//! executed. Commands on one slot are executed in the order in which they were sent, also across MOVED, ASK and `NOSCRIPT`.

mod backoff;
mod command;
mod connection;
mod dialer;
mod error;
mod figures;
mod handle;
mod inspect;
mod judge;
mod keys;
mod lane;
mod reader;
mod refresh;
mod refusal;
mod router;
mod script;
mod servers;
mod settings;
mod slots;
mod state;
mod subscriber;
mod topology;
mod writer;

pub use command::{Command, Copies, Reply};
pub use error::RedisError;
pub use figures::RedisFigures;
pub use handle::Redis;
pub use inspect::{Inspected, ServerFacts};
pub use judge::{Finding, Risk};
pub use keys::Keys;
pub use reader::Reader;
pub use script::Script;
pub use servers::{Servers, ServersError};
pub use settings::RedisSettings;
pub use slots::{SLOTS, slot_of};
pub use state::{RedisKind, RedisState};
pub use subscriber::{Heard, RedisSubscription};

/// An answer of the server, as the `redis` crate has it.
pub use ::redis::Value;
