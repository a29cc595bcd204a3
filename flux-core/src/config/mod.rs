//! The configuration: every key with its type, default and meaning, and how it is put together from a file, the environment and flags.
//!
//! Owns: reading, checking, reporting. Must not know: who uses a key.
//! Invariant: parsing, defaults, the reference and the effective configuration come from one declaration (`keys`), and a [`Config`]
//! that exists is whole: every problem was reported before anything started.

mod check;
mod consistency;
mod credential;
mod file;
mod keys;
mod load;
mod password_file;
mod problem;
mod reference;
mod section;
mod source;
mod suggest;
mod value;

#[cfg(test)]
mod tests;

pub use credential::{BadCredential, ScramKeys, StoredPassword};
pub use keys::{Bus, Cluster, Durability, Http, HttpTls, Keys, Log, Mqtt, MqttTls, Node, Redis, Security, Shutdown, Telemetry};
pub use load::Config;
pub use password_file::{PasswordFileError, PasswordLine, parse_password_file, read_password_file};
pub use problem::{Problem, Problems};
pub use reference::{EffectiveKey, FLAGS, KeyDoc, sample};
pub use source::{Origin, Setting, Sources};
pub use value::{Ack, Anonymous, BusKind, ByteSize, LogFormat, QueueFull, Secret, StoreKind};
