//! Carries events between the nodes of a cluster. Owns: who the members are, where their subscribers are, how an event gets there.
//! Must not know: MQTT packets, sessions, disks.
//!
//! Local subscribers get an event from memory, as on a single node; the rest of the cluster sees it only where a route says so.
//! `membership`, `mirror`, `own_routes`, `gate`, `seen`, `kind`, `decision` and `pairs` are pure: what they are told in, what follows out. `heartbeat`, `feed`,
//! `teller` and `inbox` are the loops around them; publishing needs none of them.
//!
//! Invariants:
//! - A subscriber hears that it has subscribed after every member has its route: no member can publish past it.
//! - A node whose lease has run out takes nothing for safe: others may have subscribed without its hearing.
//! - An entry leaves an inbox after all of its events are stored for the durable subscribers they were for.
//! - Events of one publisher to one node travel in one lane, one batch at a time.
//! - What changes from one way to another waits until the receiver has all that went the old one (`fences`).
//! - A candidate's copy is compared and dropped: neither a delivery nor an acknowledgement depends on it (`pairs`).

mod answers;
mod arrivals;
mod arrive;
mod backlog;
mod bus;
mod canary;
mod clients;
mod core;
mod decision;
mod dispatch;
mod draining;
mod feed;
mod fences;
mod figures;
mod gate;
mod heartbeat;
mod inbox;
mod keys;
mod kind;
mod links;
mod membership;
mod mirror;
mod outbox;
mod own_routes;
mod pairs;
mod plan;
mod retained;
mod scripts;
mod seen;
mod sessions;
mod settings;
mod share;
mod steer;
mod succession;
mod teller;
mod terms;
mod unread;

pub use arrivals::Arrivals;
pub use bus::{DistributedBus, InboxDepth};
pub use canary::{CanaryReading, WayReading};
pub use decision::{Canary, Decision, Undecidable};
pub use figures::BusFigures;
pub use heartbeat::JoinError;
pub use kind::{DistributedKind, Transport, UnknownKind};
pub use links::lane_of;
pub use membership::{Generation, Peer, PeerState, Version};
pub use plan::Beyond;
pub use sessions::{Adopted, Mark, SessionHost, Word};
pub use settings::DistributedSettings;
pub use steer::SteerError;
pub use terms::Terms;
