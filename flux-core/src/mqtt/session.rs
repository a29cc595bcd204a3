//! What the server keeps for a client id (MQTT 5 §4.1). Pure: it never waits and knows no socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::inflight::{Inbound, Outbound};
use super::mailbox::Mailbox;
use super::packet::{Version, Will};
use crate::types::{ClientId, QueueId, Seq, SubscribeOptions, Subscription, Timestamp};

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
    pub will: Option<Will>,
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
    pub connection: Mutex<Option<ConnectionInfo>>,
    pub username: Mutex<Option<Arc<str>>>,
    pub protocol: Mutex<Version>,
    pub inflight: AtomicU32,
    pub expiry: AtomicU32,
    pub durable: std::sync::atomic::AtomicBool,
    /// Milliseconds since 1970, 0 while connected.
    pub disconnected_at: AtomicU64,
    pub has_will: std::sync::atomic::AtomicBool,
}

/// The network connection of a session.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    pub peer: SocketAddr,
    pub transport: &'static str,
    pub connected_at: Timestamp,
    /// Seconds.
    pub keep_alive: u16,
}

impl Profile {
    pub fn new(client: ClientId, mailbox: Arc<Mailbox>, created: Timestamp) -> Arc<Self> {
        Arc::new(Profile {
            client,
            mailbox,
            created,
            subscriptions: Mutex::default(),
            connection: Mutex::default(),
            username: Mutex::default(),
            protocol: Mutex::new(Version::V311),
            inflight: AtomicU32::new(0),
            expiry: AtomicU32::new(0),
            durable: false.into(),
            disconnected_at: AtomicU64::new(0),
            has_will: false.into(),
        })
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
        self.profile.expiry.store(expiry, Ordering::Relaxed);
        self.profile.durable.store(self.queue.is_some(), Ordering::Relaxed);
    }

    pub fn set_will(&mut self, will: Option<Will>) {
        self.profile.has_will.store(will.is_some(), Ordering::Relaxed);
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
        self.profile.disconnected_at.store(now.as_millis(), Ordering::Relaxed);
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
