//! The event bus: one suite over every kind and every wrapper, and what only several nodes can show. Redis is real.

mod alone;
mod conformance;
mod kit;
mod nodes;
mod outage;
