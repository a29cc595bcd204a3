//! Events over MQTT 5 instead of HTTP. Owns: the address of a listener, one connection, what a refusal means. Must not know: commands.
//!
//! Invariant: a publish is answered once the server has acknowledged it (QoS 1 and 2) or the socket has taken it (QoS 0), and a
//! connection that is lost is an error, never a silent second attempt: an event could be published twice.

mod address;
mod connection;
mod convert;
mod refusal;

pub use address::{Address, Flags};
pub use connection::Connection;
