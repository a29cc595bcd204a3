//! MQTT 3.1, 3.1.1 and 5.0 as a server. Owns: wire format, connections, sessions, in-flight windows, wills, `$SYS`. Must not know: HTTP, files (but those of `tls`).
//!
//! Invariant: `session` and `inflight` are pure (packets and `now` in, actions out); only `connection` awaits.

pub mod admin;
mod administration;
mod aliases;
mod answers;
mod close;
pub mod codec;
mod connection;
mod cut_off;
mod deadlines;
mod dialogue;
mod handover;
mod handshake;
mod inbound;
mod inflight;
mod link;
mod listener;
mod mailbox;
mod outbound;
pub mod packet;
pub mod reason;
mod reauthentication;
mod record;
mod rooms;
mod server;
mod session;
mod sessions;
mod settings;
mod stream;
mod sys;
mod tally;
pub mod tls;
mod topics;

pub use deadlines::run as run_deadlines;
pub use handover::Host;
pub use listener::{accept, bind};
pub use rooms::run as run_rooms;
pub use server::{Parts, Server};
pub use settings::{MailboxLimits, QueueFull, QueueLimits, Settings};
pub use stream::Transport;
pub use sys::run as run_sys;
