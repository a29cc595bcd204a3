//! The handlers of `/api/v1`, a file for each resource. Thin: they take a request apart, ask, and put the answer together.

pub(super) mod alarms;
pub(super) mod bus;
pub(super) mod canary;
pub(super) mod clients;
pub(super) mod config;
pub(super) mod durable;
pub(super) mod events;
pub(super) mod nodes;
pub(super) mod redis;
pub(super) mod retained;
pub(super) mod sessions;
pub(super) mod subscriptions;
pub(super) mod traces;
