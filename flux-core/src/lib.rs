//! The FLUX IOT server as a library: a table of contents in layer order (lowest rank first), nothing defined here.
//!
//! A module imports only from modules of lower rank; `tests/architecture.rs` holds the table and fails otherwise.
//! Start reading at [`types::event`], then `ingress`, `bus` and `mqtt`.

// Tests may spawn and measure as they like.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

// 0
pub mod types;
// 10
pub mod api;
// 20
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod hook;
#[cfg(feature = "bus")]
pub mod lifecycle;
#[cfg(feature = "bus")]
pub mod measure;
#[cfg(feature = "output")]
pub mod output;
#[cfg(feature = "bus")]
pub mod receipt;
// 30
#[cfg(feature = "bus")]
pub mod redis;
#[cfg(feature = "server")]
pub mod telemetry;
// 40
#[cfg(feature = "bus")]
pub mod bus;
// 45
#[cfg(feature = "server")]
pub mod durable;
// 50
#[cfg(feature = "server")]
pub mod security;
// 55
#[cfg(feature = "server")]
pub mod ingress;
// 60
#[cfg(feature = "server")]
pub mod mqtt;
// 70
#[cfg(feature = "server")]
pub mod http;
// 80
#[cfg(feature = "server")]
pub mod node;
// 90
#[cfg(feature = "test-util")]
pub mod testing;
