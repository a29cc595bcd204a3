//! Events as nodes send them to each other. Owns: the bytes. Must not know: Redis, sockets, who is asked to deliver what.
//!
//! A message is one event and, behind it, for whom it is on the node that gets it. The event is encoded once, however many nodes get
//! it. Version 1 is frozen (`fixtures/bus/v1`); what is added later goes into fields behind the event, which a reader that does not
//! know them skips. So nodes of two versions understand each other.
//!
//! Several messages on their way to one node travel as one batch: a length before each.

mod decode;
mod encode;
mod fence;
#[cfg(any(test, feature = "test-util"))]
pub mod invariants;

pub use decode::{Damaged, DecodeError, decode, split};
pub use encode::{EncodedEvent, put_message};
pub use fence::{Fence, put_fence};

use std::sync::Arc;

use crate::types::{ClientId, Event, Subscription};

/// The layout of the event. A reader refuses other numbers, so a new one is the last resort: first come new fields.
const VERSION: u8 = 1;

/// First flag byte. Bits 6 and 7 are free and ignored.
const QOS: u8 = 0b11;
const RETAIN: u8 = 1 << 2;
const EXPIRES: u8 = 1 << 3;
/// The time differs from the one in the event's id.
const TIME: u8 = 1 << 4;

/// Fields behind the event: a number, a length, that many bytes.
mod field {
    /// `$share/GROUP/FILTER`: one member of this group on the receiving node. May come several times.
    pub const GROUP: usize = 1;
    /// Empty. All subscribers that are in no group, beside those that other fields name.
    pub const EVERYONE: usize = 2;
    /// A client id: the session that it names, whatever it has subscribed to.
    pub const SESSION: usize = 3;
    /// One byte: how many nodes have handed it on, because none of their members of the group could take it.
    pub const HOPS: usize = 4;
    /// One byte of `Role`, then the decision and the microseconds of `Double`: the event is sent by two kinds of bus, and this is one copy.
    pub const DOUBLE: usize = 5;
    /// Empty. The publisher is told that it is not safe: a durable queue that is full need not take it.
    pub const REFUSED: usize = 6;
}

/// For whom a message is on the node that gets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audience {
    /// All matching subscribers that are in no group.
    pub everyone: bool,
    /// One member of each of these groups.
    pub groups: Vec<Arc<Subscription>>,
    /// This session alone, whatever it has subscribed to.
    pub session: Option<ClientId>,
    /// How many nodes have handed it on already.
    pub hops: u8,
    /// Its publisher is told that somebody's durable queue is full: whose is, need not take it.
    pub refused: bool,
}

/// One event, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub event: Arc<Event>,
    pub audience: Audience,
    /// Another copy of it comes another way.
    pub double: Option<Double>,
}

impl Message {
    /// The other copies are for comparison.
    pub fn is_delivered(&self) -> bool {
        self.double.is_none_or(|double| double.role == Role::Current)
    }
}

/// One of the two copies in which an event travels while a canary is compared with the bus of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Double {
    pub role: Role,
    /// The decision that began the canary.
    pub canary: u64,
    /// When it was published: microseconds since 1970, by the clock of the node that sent it.
    pub sent: u64,
}

/// Which copy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// By the bus of the cluster: this one is delivered.
    Current = 0,
    /// By the candidate: it is compared, and dropped.
    Candidate = 1,
}

impl Audience {
    pub fn everyone() -> Self {
        Audience { everyone: true, ..Audience::default() }
    }

    pub fn group(group: Arc<Subscription>) -> Self {
        Audience { groups: vec![group], ..Audience::default() }
    }

    pub fn is_nobody(&self) -> bool {
        !self.everyone && self.groups.is_empty() && self.session.is_none()
    }
}

#[cfg(test)]
mod tests;
