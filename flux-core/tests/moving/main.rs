//! Durable sessions that go from node to node: what was acknowledged arrives, in order, and what may come once comes once.

#[path = "../wire/mod.rs"]
mod wire;

mod between;
mod dead;
mod kit;
