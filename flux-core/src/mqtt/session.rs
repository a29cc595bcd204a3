//! What the server keeps for a client id (MQTT 5 §4.1). Pure: it never waits and knows no socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::inflight::{Inbound, Outbound};
use super::mailbox::Mailbox;
use super::packet::{Version, Will};
use crate::api;
use crate::types::{ClientId, QoS, QueueId, Seq, SubscribeOptions, Subscription, Timestamp};

/// A session. The connection owns it while there is one; otherwise it is parked with `sessions`.
#[derive(Debug)]
pub struct Session {
    pub profile: Arc<Profile>,
    pub outbound: Outbound,
    pub inbound: Inbound,
    /// Seconds it outlives its connection: 0 ends with it, `u32::MAX` never ends.
    pub expiry: u32,
    /// Where QoS ≥ 1 waits, for a durable session.
    pub queue: Option<QueueId>,
    /// The first durable entry that is not acknowledged.
    pub resume_at: Seq,
    /// The last durable entry that was ever sent: up to here a PUBLISH carries DUP.
    pub sent_up_to: Seq,
    pub will: Option<Box<Will>>,
    /// When the will is due and when the session ends, while there is no connection.
    pub will_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
}

/// What others may see of a session while its connection owns it.
#[derive(Debug)]
pub struct Profile {
    pub client: ClientId,
    pub mailbox: Arc<Mailbox>,
    pub created: Timestamp,
    pub subscriptions: Mutex<BTreeMap<Subscription, SubscribeOptions>>,
    pub facts: Mutex<Facts>,
    /// Sent and not acknowledged.
    pub inflight: AtomicU32,
    /// QoS 2 messages from the client between PUBLISH and PUBREL.
    pub inflight_in: AtomicU32,
    /// The number of the last connect, in a cluster.
    pub connect: AtomicU64,
    /// Another node has the session.
    left: AtomicBool,
    /// Of the claim that it came by; 0 for one that began here.
    epoch: AtomicU64,
}

/// What changes when a client connects or goes.
#[derive(Debug, Clone)]
pub struct Facts {
    pub username: Option<Arc<str>>,
    /// Of the last connection.
    pub version: Version,
    pub connection: Option<ConnectionInfo>,
    pub expiry: u32,
    pub durable: bool,
    pub disconnected_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// QoS 1 and 2 messages under way to the client at most.
    pub window: u16,
    /// `None`: the client set no bound.
    pub maximum_packet_size: Option<u32>,
    pub will: Option<WillInfo>,
}

#[derive(Debug, Clone)]
pub struct WillInfo {
    pub topic: Box<str>,
    pub qos: QoS,
    pub retain: bool,
    pub delay: u32,
}

/// The network connection of a session.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    pub peer: SocketAddr,
    pub transport: api::Transport,
    pub connected_at: Timestamp,
    /// Seconds.
    pub keep_alive: u16,
    pub clean_start: bool,
}

impl Profile {
    pub fn new(client: ClientId, mailbox: Arc<Mailbox>, created: Timestamp) -> Arc<Self> {
        let facts = Facts {
            username: None,
            version: Version::V311,
            connection: None,
            expiry: 0,
            durable: false,
            disconnected_at: None,
            expires_at: None,
            window: u16::MAX,
            maximum_packet_size: None,
            will: None,
        };
        Arc::new(Profile {
            client,
            mailbox,
            created,
            subscriptions: Mutex::default(),
            facts: Mutex::new(facts),
            inflight: AtomicU32::new(0),
            inflight_in: AtomicU32::new(0),
            connect: AtomicU64::new(0),
            left: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
        })
    }

    pub fn claimed(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Release);
    }

    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Another node has the session: this one writes nothing of it any more.
    pub fn leave(&self) {
        self.left.store(true, Ordering::Release);
    }

    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    pub fn username(&self) -> Option<Arc<str>> {
        self.facts.lock().username.clone()
    }
}

impl Session {
    pub fn new(profile: Arc<Profile>, expiry: u32, queue: Option<QueueId>) -> Self {
        Session {
            profile,
            outbound: Outbound::new(u16::MAX),
            inbound: Inbound::default(),
            expiry,
            queue,
            resume_at: Seq(1),
            sent_up_to: Seq(0),
            will: None,
            will_at: None,
            expires_at: None,
        }
    }

    pub fn client(&self) -> &ClientId {
        &self.profile.client
    }

    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.profile.mailbox
    }

    pub fn set_expiry(&mut self, expiry: u32) {
        self.expiry = expiry;
        let mut facts = self.profile.facts.lock();
        facts.expiry = expiry;
        facts.durable = self.queue.is_some();
    }

    pub fn set_will(&mut self, will: Option<Box<Will>>) {
        self.profile.facts.lock().will = will.as_ref().map(|will| WillInfo {
            topic: will.topic.clone(),
            qos: will.qos,
            retain: will.retain,
            delay: will.delay,
        });
        self.will = will;
    }

    /// The connection is gone: when its will is due and when the session ends. `None` for a session that ends with its connection.
    pub fn park(&mut self, now: Timestamp) -> Option<()> {
        let seconds = |seconds: u32| now.after(std::time::Duration::from_secs(seconds.into()));
        if self.expiry == 0 {
            return None;
        }
        self.expires_at = (self.expiry != u32::MAX).then(|| seconds(self.expiry));
        // The will is due after its delay or when the session ends, whichever comes first [MQTT-3.1.3-9].
        self.will_at = self.will.as_ref().map(|will| seconds(will.delay.min(self.expiry)));
        let mut facts = self.profile.facts.lock();
        facts.disconnected_at = Some(now);
        facts.expires_at = self.expires_at;
        facts.connection = None;
        Some(())
    }

    /// The next moment something is due, while parked.
    pub fn due_at(&self) -> Option<Timestamp> {
        match (self.will_at, self.expires_at) {
            (Some(will), Some(end)) => Some(will.min(end)),
            (one, other) => one.or(other),
        }
    }
}
