//! Durable sessions that go from node to node: what was acknowledged arrives, in order, and what may come once comes once. And sessions
//! that cannot: their clients hear when something may be missing.

#[path = "../wire/mod.rs"]
mod wire;

mod between;
mod cut_off;
mod dead;
mod failover;
mod hammered;
mod kit;
mod many;
mod refused;
mod together;
mod twice;
