//! Sessions that move between nodes which have the same store. Must not know: sockets, how marks travel.
//!
//! A node claims a session where its client connects: from then on the store refuses what the former node writes, and gives it what it
//! wanted to append (`leaving`), so that it passes it on. Until every node has heard where the session is, events for it still come to
//! the former node, whose subscriptions stay for so long. The new node subscribes, waits until all know, and puts a mark into each lane
//! of the former one's inbox; behind the mark nothing comes any more, and its echo says that all before was passed on (`arriving`).
//! Meanwhile what comes directly waits (`hold`), so that the order of each publisher is kept, and what comes both ways is taken once:
//! what others had sent before they knew is left to the former node, for it may have been in the queue when the session was claimed.
//!
//! A node that is gone is succeeded by the others (`adopting`): they claim what it had as if a client had come, and one of them passes on
//! in its place what lies in its inbox.
//!
//! `reach` finds a session wherever it is: with the node that the store names.
//!
//! Invariant: an event that was owed to a session is in its queue, or its publisher was not told that it is safe, or it is in the inbox of
//! a node that will pass it on.

mod adopting;
mod arriving;
pub mod hold;
mod host;
mod leaving;
mod reach;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::mailbox::Mailbox;
use super::session::Profile;
use crate::bus::Answer;
use crate::types::{ClientId, Event, SubscribeOptions, SubscriberId, Subscription, limits};

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
    /// Clients whose place is just being asked for.
    looked_after: Mutex<HashSet<ClientId>>,
    progress: Progress,
    turns: Turns,
}

/// Tells that a node has passed on a lane for a session, or that one has come or gone. In parts, by client: when a node has died thousands
/// wait, and not all of them need wake for each.
struct Progress([Notify; 256]);

/// So many sessions on their way may ask the store something at a time. When a node has died they are thousands.
struct Turns(Semaphore);

impl Default for Progress {
    fn default() -> Self {
        Progress(std::array::from_fn(|_| Notify::new()))
    }
}

impl Default for Turns {
    fn default() -> Self {
        Turns(Semaphore::new(limits::ADOPTED_TOGETHER))
    }
}

/// A session that has left.
struct Left {
    passing: Passing,
    subscriptions: Subscriptions,
    /// The claim that it left by, once that is known, and the lanes of which all was passed on.
    epoch: u64,
    passed_on: Vec<bool>,
    /// It is just being claimed back.
    returning: bool,
}

/// Who passes on what comes here for a session that has left.
enum Passing {
    /// Appends to its queue, which are refused: what was under way keeps its place.
    Mailbox(Arc<Mailbox>),
    /// After a restart nothing is under way.
    Forwarder(SubscriberId),
}

impl Left {
    fn subscriber(&self) -> SubscriberId {
        match &self.passing {
            Passing::Mailbox(mailbox) => mailbox.subscriber(),
            Passing::Forwarder(id) => *id,
        }
    }

    fn mailbox(&self) -> Option<&Arc<Mailbox>> {
        match &self.passing {
            Passing::Mailbox(mailbox) => Some(mailbox),
            Passing::Forwarder(_) => None,
        }
    }

    fn pending(&self) -> u64 {
        self.mailbox().map_or(0, |mailbox| mailbox.depth().queue_entries)
    }
}

/// What a client has subscribed to.
type Subscriptions = BTreeMap<Subscription, SubscribeOptions>;

/// An event for one session.
struct Searched {
    event: Arc<Event>,
    group: Option<Arc<Subscription>>,
    /// It came to this node for itself: should the session be here by then, it goes behind what others pass on.
    direct: bool,
    answer: Answer,
}

impl Handovers {
    /// The mailbox of a session that has left and is about to be claimed back: it stays until that is decided.
    fn keep_left(&self, client: &ClientId) -> Option<Arc<Mailbox>> {
        let mut all = self.left.lock();
        let left = all.get_mut(client)?;
        let mailbox = left.mailbox().cloned()?;
        left.returning = true;
        Some(mailbox)
    }

    /// It was not claimed back.
    fn let_left_go(&self, client: &ClientId) {
        if let Some(left) = self.left.lock().get_mut(client) {
            left.returning = false;
        }
    }

    /// `None`: never.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.0.acquire().await.ok()
    }

    fn progress(&self, client: &ClientId) -> &Notify {
        let hash = xxhash_rust::xxh3::xxh3_64(client.as_str().as_bytes());
        let parts = &self.progress.0;
        &parts[usize::try_from(hash % parts.len() as u64).unwrap_or_default()]
    }

    /// Copies that wait to be passed on.
    pub fn pending(&self) -> u64 {
        self.left.lock().values().map(Left::pending).sum()
    }
}
