//! The port: what survives the process. Implementations: `disk` (one node), `redis` (a cluster).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use smallvec::SmallVec;

use crate::bus::Append;
use crate::receipt::Receipt;
use crate::redis::RedisError;
use crate::types::{ClientId, Delivery, Event, EventId, NodeId, QueueId, Seq, TopicName};

/// Keeps durable queues, session records, wills and retained messages.
pub trait DurableStore: Send + Sync + 'static {
    /// Queues a transaction. All of it is stored or nothing (a store that several nodes share: all of each session's part; should one of
    /// them fail, the transaction is refused and its repetition may deliver twice). Transactions that concern one session, one will or one
    /// topic are stored in the order of the calls. The receipt resolves when it is as safe as the configured acknowledgement level asks;
    /// before that, entries appended are announced to their owners.
    ///
    /// Refused: `StoreFailed` (nothing of it is stored), `QuotaExceeded` (far more waits than [`DurableStore::poll_room`] allows), `ShuttingDown`,
    /// `Moved` (another node has claimed the session).
    /// What concerns a session that does not exist (any more) is left out: nobody is owed it.
    fn commit(&self, transaction: Transaction) -> Receipt;

    /// Ready while little waits to be written. Publishers wait for it before they publish more.
    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()>;

    /// Entries of `queue` from `from` on, in order, until either bound is reached (at least one if there is one). A store on disk
    /// answers at once and reads files: keep the bounds small.
    fn read(&self, queue: QueueId, from: Seq, messages: usize, bytes: usize) -> Reading<Vec<Entry>>;

    /// A queue id that was never used.
    fn new_queue(&self) -> QueueId;

    /// All that this node had stored, once, before the first commit.
    fn recover(&self) -> Reading<Recovered>;

    /// Makes this node the owner of all that is stored for `client`, whoever had it before: from then on that one's transactions for the
    /// client are refused ([`Refusal::Moved`](crate::types::Refusal::Moved)). A store of one node has told everything in [`Recovered`].
    fn claim(&self, _client: &ClientId) -> Reading<Claimed> {
        Reading::ready(Ok(Claimed::default()))
    }

    /// Clients whose sessions or wills `node` owns: what is to be claimed when it is dead. It may name some that it has lost meanwhile.
    fn clients_of(&self, _node: &NodeId) -> Reading<Vec<ClientId>> {
        Reading::ready(Ok(Vec::new()))
    }

    /// As [`DurableStore::claim`], but only what `node` still owns: two that adopt from the same dead node get each client once.
    fn adopt(&self, _client: &ClientId, _node: &NodeId) -> Reading<Claimed> {
        Reading::ready(Ok(Claimed::default()))
    }

    /// Which node has a session for `client` now. `None`: there is none, or only this node could have it.
    fn whereabouts(&self, _client: &ClientId) -> Reading<Option<Whereabouts>> {
        Reading::ready(Ok(None))
    }

    /// `nodes` have nothing to do with the client any more: it is not among their clients.
    fn unlist(&self, _client: &ClientId, _nodes: &[NodeId]) {}

    /// Names the client among this node's again: a former owner may have taken it off when it had come back already.
    fn relist(&self, _client: &ClientId) {}

    /// Forgets where a session of another node has gone. What is appended for it later is owed to nobody.
    fn let_go(&self, _client: &ClientId) {}

    /// Whether other nodes have the same store: sessions can move between them.
    fn is_shared(&self) -> bool {
        false
    }

    fn stats(&self) -> StoreStats;

    /// Writes what is queued, makes it safe against a power failure and refuses what comes later. Reading goes on.
    fn close(&self);
}

/// What was read, or will be.
pub struct Reading<T>(State<T>);

enum State<T> {
    Ready(Option<Result<T, StoreError>>),
    Later(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>),
}

impl<T> Reading<T> {
    /// Costs nothing.
    pub fn ready(found: Result<T, StoreError>) -> Self {
        Reading(State::Ready(Some(found)))
    }

    pub fn later(future: impl Future<Output = Result<T, StoreError>> + Send + 'static) -> Self {
        Reading(State::Later(Box::pin(future)))
    }
}

impl<T: Unpin> Future for Reading<T> {
    type Output = Result<T, StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::Ready(found) => Poll::Ready(found.take().expect("a future is not polled after it was ready")),
            State::Later(future) => future.as_mut().poll(context),
        }
    }
}

/// Written together.
#[derive(Default)]
pub struct Transaction {
    pub operations: SmallVec<[Operation; 2]>,
}

impl Transaction {
    /// Tells the owners of what would have been appended that it was not.
    pub(super) fn retract(self) {
        for operation in self.operations {
            if let Operation::Append(append) = operation {
                append.owner.unstored(&append.delivery);
            }
        }
    }
}

pub enum Operation {
    /// The store gives it the queue's next [`Seq`]. `PutSession` comes first: an entry for a queue without a session is left out.
    Append(Append),
    /// The subscriber has acknowledged it (PUBACK, PUBCOMP), or it expired.
    Remove {
        queue: QueueId,
        seq: Seq,
    },
    /// QoS 2 to the subscriber: PUBREC has come, PUBREL is owed and the message itself is not any more.
    Release {
        queue: QueueId,
        seq: Seq,
    },
    /// QoS 2 from the publisher: this packet id is taken until PUBREL, a second PUBLISH with it is a repetition.
    MarkReceived {
        queue: QueueId,
        packet_id: u16,
    },
    ForgetReceived {
        queue: QueueId,
        packet_id: u16,
    },
    /// `record` is the session as `mqtt` writes it.
    PutSession {
        queue: QueueId,
        client: ClientId,
        record: Box<[u8]>,
    },
    /// With its queue and received marks.
    DeleteSession {
        queue: QueueId,
    },
    /// The queue's entries and received marks go, the session stays.
    ClearQueue {
        queue: QueueId,
    },
    PutWill {
        client: ClientId,
        record: Box<[u8]>,
    },
    DeleteWill {
        client: ClientId,
    },
    /// No node that had the session before the claim of this epoch has messages for it any more. Nothing where it was claimed again.
    HandedOver {
        queue: QueueId,
        epoch: u64,
    },
    PutRetained {
        event: Arc<Event>,
    },
    DeleteRetained {
        topic: TopicName,
    },
}

impl Operation {
    /// Bytes in memory and about as many in the store.
    pub(super) fn weight(&self) -> usize {
        size_of::<Operation>()
            + match self {
                Operation::Append(append) => append.delivery.event.weight(),
                Operation::PutRetained { event } => event.weight(),
                Operation::PutSession { record, .. } | Operation::PutWill { record, .. } => record.len(),
                _ => 0,
            }
    }
}

/// One entry of a durable queue.
#[derive(Debug, Clone)]
pub struct Entry {
    pub seq: Seq,
    pub state: EntryState,
}

impl Entry {
    /// The event that waits there.
    pub fn event(&self) -> Option<EventId> {
        match &self.state {
            EntryState::Queued(delivery) => Some(delivery.event.id),
            EntryState::Released => None,
        }
    }
}

#[derive(Debug, Clone)]
pub enum EntryState {
    /// To be delivered, or delivered and not acknowledged.
    Queued(Delivery),
    /// PUBREL is owed.
    Released,
}

#[derive(Debug, Default)]
pub struct Recovered {
    pub sessions: Vec<RecoveredSession>,
    pub wills: Vec<(ClientId, Box<[u8]>)>,
    /// Sessions that are other nodes' now and for which this one may still have messages.
    pub left: Vec<(ClientId, Whereabouts)>,
    pub retained: Vec<Arc<Event>>,
    /// The machine went down and the last commits, which had not been synchronised, went with it: how many.
    pub lost_commits: u64,
}

#[derive(Debug)]
pub struct RecoveredSession {
    pub queue: QueueId,
    pub record: Box<[u8]>,
    /// Entries of any state and the memory they would take ([`Event::weight`]).
    pub entries: u64,
    pub bytes: u64,
    /// The lowest that is there, and the seq that the next append gets.
    pub first: Seq,
    pub next: Seq,
    pub received: Vec<u16>,
    /// Grows with each claim.
    pub epoch: u64,
    /// Nodes that had the session before and may still have messages for it, until [`Operation::HandedOver`].
    pub sources: Vec<NodeId>,
    /// This node was one of them, or had it already: it comes back before the others were done with it.
    pub returns: bool,
}

/// What was stored for one client.
#[derive(Debug, Default)]
pub struct Claimed {
    pub session: Option<RecoveredSession>,
    pub will: Option<Box<[u8]>>,
    /// It was another node's.
    pub from: Option<NodeId>,
}

/// Where a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    pub node: NodeId,
    /// Grows with each claim.
    pub epoch: u64,
    pub record: Box<[u8]>,
    /// See [`RecoveredSession::sources`].
    pub sources: Vec<NodeId>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("Redis, which keeps the sessions: {0}")]
    Redis(#[from] RedisError),
    #[error("what Redis keeps under {key} does not read: {problem}")]
    Unreadable { key: String, problem: String },
    #[error("the session has moved to another node")]
    Moved,
    #[error("{path}: {problem}\n  hint: {hint}")]
    Damaged { path: String, problem: String, hint: String },
    #[error("{path} is in use by another process\n  hint: stop the other flux-core, or give this one its own --data-dir")]
    InUse { path: String },
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Since start.
    pub transactions: u64,
    /// Group commits: `transactions / commits` is how well they are batched.
    pub commits: u64,
    pub failures: u64,
    /// Now.
    pub waiting_bytes: u64,
    pub disk_bytes: u64,
    pub queued_entries: u64,
    /// The store has failed to write and refuses until it can again.
    pub failed: bool,
}
