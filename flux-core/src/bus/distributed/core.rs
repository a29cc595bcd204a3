use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::super::memory::MemoryBus;
use super::arrivals::Arrivals;
use super::backlog::Delivered;
use super::canary::CanaryFigures;
use super::decision::Decision;
use super::fences::Fences;
use super::figures::BusFigures;
use super::gate::Gate;
use super::keys::BusKeys;
use super::kind::DistributedKind;
use super::links::Links;
use super::membership::{Generation, Membership, PeerState, Version};
use super::mirror::Mirror;
use super::own_routes::OwnRoutes;
use super::pairs::Pairs;
use super::retained::Announcements;
use super::scripts::Scripts;
use super::sessions::{Barriers, SessionHost};
use super::settings::DistributedSettings;
use super::unread::Unread;
use crate::lifecycle::Shutdown;
use crate::receipt::ReceiptSender;
use crate::redis::Redis;
use crate::types::{NodeId, limits};

/// Hears of a client by its id, and up to which connect it is another node's.
pub type OnTaken = Box<dyn Fn(&str, u64) + Send + Sync>;

/// What all parts of the bus share.
pub struct Core {
    pub settings: DistributedSettings,
    pub redis: Redis,
    pub keys: BusKeys,
    pub scripts: Scripts,
    pub figures: Arc<BusFigures>,
    pub links: Links,
    /// What is decided of the bus, for each lane, so that no lock is shared by all publishers. Read while an event is sent: what is sent
    /// after it has changed goes another way. The first lane's changes last.
    pub ways: Box<[RwLock<Ways>]>,
    /// Decisions are followed one after the other.
    pub following: Mutex<()>,
    pub fences: Fences,
    /// A decision that this version does not understand, so that it is said once.
    pub puzzle: Mutex<String>,
    /// Copies of events that travel by two kinds of bus.
    pub pairs: Mutex<Pairs>,
    /// This node's own subscribers.
    pub local: MemoryBus,
    pub gate: Gate,
    pub mirror: RwLock<Mirror>,
    /// Grows with each change of the mirror, after it.
    pub mirrored: AtomicU64,
    /// Held by publishers while they send what they have looked up.
    pub sending: RwLock<()>,
    pub own: Mutex<Own>,
    /// There are routes to tell.
    pub tell: Notify,
    /// Somebody wants to know who the members are.
    pub beat_now: Notify,
    pub membership: Mutex<Membership>,
    /// A peer has read on, or is gone.
    pub progress: Notify,
    pub announcements: Announcements,
    pub unread: Unread,
    pub life: Mutex<Life>,
    /// Redis has given this node up: it has to join again.
    pub lost: AtomicBool,
    pub arrivals: OnceLock<Arc<dyn Arrivals>>,
    /// A client of this node has connected to another one.
    pub taken: OnceLock<OnTaken>,
    /// Clients that have connected to this node, since it started.
    pub connects: Mutex<u64>,
    /// Who keeps sessions here, where they can move between nodes.
    pub sessions: OnceLock<Arc<dyn SessionHost>>,
    /// Others can take them over.
    pub shared: AtomicBool,
    pub barriers: Barriers,
    /// For each lane of the inbox.
    pub delivered: Box<[Delivered]>,
    /// KiB of batches that may wait for a session on its way here.
    pub held: Arc<Semaphore>,
    /// This node leaves: what its inbox gets from now on is for the others.
    pub leaving: Shutdown,
    /// Held by all that was read from the inbox and may not be safe yet.
    pub unsettled: Arc<()>,
    /// What to tell about this node.
    pub about: OnceLock<Box<dyn Fn() -> serde_json::Value + Send + Sync>>,
    pub closing: Shutdown,
}

/// By what events travel.
#[derive(Debug, Clone)]
pub struct Ways {
    pub decision: Decision,
    /// Of the canary, while there is one.
    pub figures: Option<Arc<CanaryFigures>>,
}

impl Ways {
    fn undecided(kind: DistributedKind) -> Self {
        Ways { decision: Decision { version: 0, kind, canary: None }, figures: None }
    }
}

/// This node as a member.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    pub generation: Generation,
    pub state: PeerState,
    /// How far the change feed has been read.
    pub applied: Version,
    /// The number of the last telling of routes, and of the last that Redis has confirmed.
    pub told: u64,
    pub confirmed: u64,
    /// What former lives have left is void.
    pub returned: bool,
}

/// This node's routes, and who waits for them to be known.
#[derive(Default)]
pub struct Own {
    pub routes: OwnRoutes,
    pub waiting: Vec<Waiter>,
    /// Rounds up to this one have been heard by all.
    pub settled: u64,
}

pub struct Waiter {
    pub round: u64,
    pub since: Instant,
    pub sender: ReceiptSender,
}

impl Core {
    pub fn new(settings: DistributedSettings, redis: Redis, now: Instant) -> Arc<Self> {
        let keys = BusKeys::new(redis.keys());
        let figures = Arc::new(BusFigures::default());
        Arc::new(Core {
            scripts: Scripts::new(&keys),
            links: Links::new(redis.clone(), keys.clone(), settings.lanes, settings.copies, figures.clone()),
            membership: Mutex::new(Membership::new(settings.node.clone(), settings.lease)),
            life: Mutex::new(Life {
                generation: Generation(0),
                state: PeerState::Joining,
                applied: Version::default(),
                told: 0,
                confirmed: 0,
                returned: false,
            }),
            local: MemoryBus::new(),
            gate: Gate::new(now),
            ways: (0..settings.lanes.max(1)).map(|_| RwLock::new(Ways::undecided(settings.kind))).collect(),
            following: Mutex::default(),
            fences: Fences::default(),
            puzzle: Mutex::default(),
            pairs: Mutex::new(Pairs::new(0)),
            mirror: RwLock::default(),
            mirrored: AtomicU64::new(1),
            sending: RwLock::new(()),
            own: Mutex::default(),
            tell: Notify::new(),
            beat_now: Notify::new(),
            progress: Notify::new(),
            announcements: Announcements::default(),
            unread: Unread::default(),
            lost: AtomicBool::new(false),
            arrivals: OnceLock::new(),
            taken: OnceLock::new(),
            connects: Mutex::default(),
            sessions: OnceLock::new(),
            shared: AtomicBool::new(false),
            barriers: Barriers::default(),
            delivered: (0..settings.lanes).map(|_| Delivered::default()).collect(),
            held: Arc::new(Semaphore::new(limits::INBOX_HELD_KIB)),
            leaving: Shutdown::default(),
            unsettled: Arc::default(),
            about: OnceLock::new(),
            closing: Shutdown::default(),
            settings,
            redis,
            keys,
            figures,
        })
    }

    /// The mirror has changed: publishers look their topics up again.
    pub fn mirror_changed(&self) {
        self.mirrored.fetch_add(1, Ordering::Release);
    }

    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Others think this node dead, or will: nothing may be taken for safe until it has joined again.
    pub fn give_up_life(&self) {
        self.lost.store(true, Ordering::Release);
        self.gate.close();
        self.membership.lock().lost();
        // What was told is void: the next life tells it anew, and whoever subscribes meanwhile waits for that.
        self.own.lock().routes.forget_told();
        self.progress.notify_waiters();
    }

    pub fn knows(&self, node: &NodeId) -> bool {
        *node == self.settings.node || self.membership.lock().peer(node).is_some()
    }
}
