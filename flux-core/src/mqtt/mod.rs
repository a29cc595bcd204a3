//! MQTT 3.1, 3.1.1 and 5.0 as a server. Owns: wire format, connections, sessions, in-flight windows, wills, `$SYS`. Must not know: HTTP, files.
//!
//! Invariant: `session` and `inflight` are pure (packets and `now` in, actions out); only `connection` awaits.

pub mod codec;
pub mod packet;
pub mod reason;
