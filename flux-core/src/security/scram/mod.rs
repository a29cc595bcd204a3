//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side, without channel binding. The password never crosses the wire.

mod exchange;
mod message;
mod server;

pub(super) use exchange::ScramExchange;
pub(super) use server::keys;

/// Its name as an authentication method (MQTT 5 §4.12).
pub(super) const METHOD: &str = "SCRAM-SHA-256";
