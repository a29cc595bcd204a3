//! The server as users run it: real processes, signals, kill -9, and clients that others wrote.

#[path = "../wire/mod.rs"]
mod wire;

mod canary;
mod cluster;
mod cluster_drill;
mod drill;
mod kill;
mod life;
mod memory;
mod others;
mod serve;
