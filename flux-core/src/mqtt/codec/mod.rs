//! MQTT 3.1, 3.1.1 and 5.0 on the wire, server side. Owns: every byte of the format and the normative statements about encoding. Must not know: sessions, sockets,
//! what a valid topic is.
//!
//! Invariant: what `decode` returns keeps every MUST of the specification that one packet alone can break, and arbitrary bytes never panic.
//! PUBLISH and the four acknowledgements are read and written without an allocation.

mod ack;
mod connack;
mod connect;
mod decode;
mod disconnect;
mod encode;
mod error;
mod frame;
#[cfg(any(test, feature = "test-util"))]
pub mod invariants;
mod message_properties;
mod property;
mod publish;
mod reader;
mod subscribe;
mod writer;

#[cfg(test)]
mod tests;

pub use connect::{connect_version, decode_connect};
pub use decode::decode;
pub use encode::encode;
pub use error::DecodeError;
pub use frame::{LARGEST_PACKET, frame_length};
pub use publish::publish_size;
