//! Our connection to Redis against real servers: single, Cluster, Sentinel, TLS, ACL; killed, restarted, failed over.

// Tests may spawn as they like; what their kit cannot do is the test's failure.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod cluster;
mod kit;
mod node;
mod secured;
mod sentinel;
mod single;
mod store;
mod subscriptions;
