//! One byte stream over TCP, TLS, WebSocket and both. Owns: handshakes of the transport and WebSocket framing. Must not know: MQTT packets, timeouts (the
//! caller bounds `accept` by `limits::CONNECT_TIMEOUT`).
//!
//! Invariant: plain TCP costs nothing over `TcpStream`; the rare transports are behind a box, so that an idle connection stays small.

mod accept;
mod handshake;
mod websocket;

#[cfg(test)]
mod tests;

pub use accept::{Stream, Transport, accept};
