//! A small MQTT client that knows every byte it sends and refuses every byte it should not have got.
//!
//! Owns: packets of 3.1, 3.1.1 and 5.0 for tests, and a client on them. Must not know: the server's own codec, so that an error made twice is still seen.
//! Invariant: what the server sends is checked strictly (flags, reason codes, properties allowed in the packet, UTF-8) in every test.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

pub mod certificate;
pub mod client;
pub mod connect;
pub mod decode;
pub mod encode;
pub mod packet;
pub mod property;
pub mod tables;

pub use client::Client;
pub use connect::Connect;
pub use encode::{Filter, Publish};
pub use packet::{Packet, Version};
pub use property::Property;
