//! Sessions that move between nodes which have the same store. Must not know: sockets, how marks travel.
//!
//! A node claims a session where its client connects: from then on the store refuses what the former node writes, and gives it what it
//! wanted to append (`leaving`), so that it passes it on. Until every node has heard where the session is, events for it still come to
//! the former node, whose subscriptions stay for so long. The new node subscribes, waits until all know, and puts a mark into each lane
//! of the former one's inbox; behind the mark nothing comes any more, and its echo says that all before was passed on (`arriving`).
//! Meanwhile what comes directly waits (`hold`), so that the order of each publisher is kept, and what comes both ways is taken once:
//! what others had sent before they knew is left to the former node, for it may have been in the queue when the session was claimed.
//!
//! `reach` finds a session wherever it is: with the node that the store names.
//!
//! Invariant: an event that was owed to a session is in its queue, or its publisher was not told that it is safe, or it is in the inbox of
//! a node that will pass it on.

mod arriving;
pub mod hold;
mod host;
mod leaving;
mod reach;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::mailbox::Mailbox;
use super::session::Profile;
use crate::bus::Answer;
use crate::types::{ClientId, Event, SubscribeOptions, Subscription};

pub use host::Host;

/// What is on its way to or from other nodes.
#[derive(Default)]
pub struct Handovers {
    /// Sessions that have left, for as long as events for them come here.
    left: Mutex<HashMap<ClientId, Left>>,
    /// Sessions that come from other nodes, from the moment they are this one's until all is passed on, and the claim they came by.
    arriving: Mutex<HashMap<ClientId, (u64, Arc<Profile>)>>,
    /// Events whose sessions are being looked for, in order.
    searched: Mutex<HashMap<ClientId, VecDeque<Searched>>>,
    /// One at a time hands to the store what waited: its order must not change.
    releasing: Mutex<()>,
    /// A node has passed on a lane, or a session has come or gone.
    progress: Notify,
}

/// A session that has left.
struct Left {
    mailbox: Arc<Mailbox>,
    subscriptions: Subscriptions,
    /// The claim that it left by, once that is known, and the lanes of which all was passed on.
    epoch: u64,
    passed_on: Vec<bool>,
}

/// What a client has subscribed to.
type Subscriptions = BTreeMap<Subscription, SubscribeOptions>;

/// An event for one session.
struct Searched {
    event: Arc<Event>,
    group: Option<Arc<Subscription>>,
    answer: Answer,
}

impl Handovers {
    /// Copies that wait to be passed on.
    pub fn pending(&self) -> u64 {
        self.left.lock().values().map(|left| left.mailbox.depth().queue_entries).sum()
    }
}
