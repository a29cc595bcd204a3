//! The event bus: one suite over every kind and every wrapper, and what only several nodes can show. Redis is real.

mod alone;
mod canary;
mod cluster;
mod conformance;
mod kit;
mod load;
mod nodes;
mod outage;
