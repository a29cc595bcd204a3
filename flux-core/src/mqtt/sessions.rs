//! All sessions of this node by client id: who owns each, and how a new connection claims one (MQTT 5 §3.1.4).
//!
//! A session has one owner at a time: a connection, a handshake that has reserved it, or this registry (parked). A claim asks the
//! owner to let go and waits until it has.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::mailbox::Command;
use super::session::{Profile, Session};
use crate::types::{ClientId, Timestamp};

const SHARDS: usize = 64;

pub struct Sessions {
    shards: [Shard; SHARDS],
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions { shards: std::array::from_fn(|_| Shard::default()) }
    }
}

#[derive(Default)]
struct Shard {
    entries: Mutex<HashMap<ClientId, Entry, FixedState>>,
    /// Something in this shard was let go.
    released: Notify,
}

enum Entry {
    /// A handshake is under way.
    Reserved,
    Connected(Arc<Profile>),
    Parked(Box<Session>),
}

/// The right to decide what becomes of a client id. Dropped without a decision it puts back what it found.
pub struct Reservation<'a> {
    sessions: &'a Sessions,
    client: ClientId,
    session: Option<Box<Session>>,
    settled: bool,
}

impl Sessions {
    fn shard(&self, client: &str) -> &Shard {
        let hash = xxhash_rust::xxh3::xxh3_64(client.as_bytes());
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or_default()]
    }

    /// Reserves a client id: waits until whoever has it lets go of it.
    pub async fn claim(&self, client: &ClientId) -> Reservation<'_> {
        let shard = self.shard(client.as_str());
        loop {
            // Registered before the look, so that a release in between is not missed.
            let released = shard.released.notified();
            let mut released = std::pin::pin!(released);
            released.as_mut().enable();
            if let Some(reservation) = self.try_claim(shard, client) {
                return reservation;
            }
            released.await;
        }
    }

    fn try_claim(&self, shard: &Shard, client: &ClientId) -> Option<Reservation<'_>> {
        let mut entries = shard.entries.lock();
        let found = match entries.get_mut(client) {
            None => {
                entries.insert(client.clone(), Entry::Reserved);
                None
            }
            Some(Entry::Reserved) => return None,
            Some(Entry::Connected(profile)) => {
                profile.mailbox.command(Command::TakenOver);
                return None;
            }
            Some(entry) => match std::mem::replace(entry, Entry::Reserved) {
                Entry::Parked(session) => Some(session),
                Entry::Reserved | Entry::Connected(_) => unreachable!("matched above"),
            },
        };
        Some(Reservation { sessions: self, client: client.clone(), session: found, settled: false })
    }

    /// Reserves a client id that nobody has and nobody wants.
    pub fn reserve(&self, client: &ClientId) -> Option<Reservation<'_>> {
        let mut entries = self.shard(client.as_str()).entries.lock();
        if entries.contains_key(client) {
            return None;
        }
        entries.insert(client.clone(), Entry::Reserved);
        Some(Reservation { sessions: self, client: client.clone(), session: None, settled: false })
    }

    /// Takes a parked session out, if `due` says so.
    pub fn take_parked_if(&self, client: &str, due: impl FnOnce(&Session) -> bool) -> Option<Reservation<'_>> {
        let mut entries = self.shard(client).entries.lock();
        let entry = entries.get_mut(client)?;
        match entry {
            Entry::Parked(session) if due(session) => {}
            _ => return None,
        }
        let Entry::Parked(session) = std::mem::replace(entry, Entry::Reserved) else { unreachable!("matched above") };
        Some(Reservation { sessions: self, client: session.client().clone(), session: Some(session), settled: false })
    }

    /// The connection that owned the session gives it back, to be kept.
    pub fn park(&self, session: Box<Session>) {
        let client = session.client().clone();
        self.replace(&client, Some(Entry::Parked(session)));
    }

    /// The session has ended: its client id is free.
    pub fn remove(&self, client: &ClientId) {
        self.replace(client, None);
    }

    fn replace(&self, client: &ClientId, entry: Option<Entry>) {
        let shard = self.shard(client.as_str());
        {
            let mut entries = shard.entries.lock();
            match entry {
                Some(entry) => entries.insert(client.clone(), entry),
                None => entries.remove(client),
            };
        }
        shard.released.notify_waiters();
    }

    /// Sends a command to the connection of `client`; `false` when it has none.
    pub fn command(&self, client: &str, command: Command) -> bool {
        match self.shard(client).entries.lock().get(client) {
            Some(Entry::Connected(profile)) => {
                profile.mailbox.command(command);
                true
            }
            _ => false,
        }
    }

    pub fn command_all(&self, command: Command) {
        self.for_each(|profile, connected| {
            if connected {
                profile.mailbox.command(command);
            }
        });
    }

    pub fn profile(&self, client: &str) -> Option<Arc<Profile>> {
        match self.shard(client).entries.lock().get(client)? {
            Entry::Reserved => None,
            Entry::Connected(profile) => Some(profile.clone()),
            Entry::Parked(session) => Some(session.profile.clone()),
        }
    }

    /// Visits every session (and whether it is connected), a shard at a time.
    pub fn for_each(&self, mut visit: impl FnMut(&Arc<Profile>, bool)) {
        for shard in &self.shards {
            for entry in shard.entries.lock().values() {
                match entry {
                    Entry::Reserved => {}
                    Entry::Connected(profile) => visit(profile, true),
                    Entry::Parked(session) => visit(&session.profile, false),
                }
            }
        }
    }

    /// Whether anybody has it: a connection, a handshake, or this registry.
    pub fn contains(&self, client: &ClientId) -> bool {
        self.shard(client.as_str()).entries.lock().contains_key(client)
    }

    pub fn is_connected(&self, client: &str) -> bool {
        matches!(self.shard(client).entries.lock().get(client), Some(Entry::Connected(_)))
    }

    /// When the parked session of `client` is due, if it is parked.
    pub fn due_at(&self, client: &str) -> Option<Timestamp> {
        match self.shard(client).entries.lock().get(client)? {
            Entry::Parked(session) => session.due_at(),
            _ => None,
        }
    }
}

impl Reservation<'_> {
    pub fn session(&mut self) -> &mut Option<Box<Session>> {
        &mut self.session
    }

    /// The session is a connection's from now on.
    pub fn connect(mut self, profile: Arc<Profile>) {
        self.settled = true;
        self.sessions.replace(&self.client, Some(Entry::Connected(profile)));
    }

    /// The session has ended.
    pub fn remove(mut self) {
        self.settled = true;
        self.sessions.remove(&self.client);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.settled {
            let entry = self.session.take().map(Entry::Parked);
            self.sessions.replace(&self.client, entry);
        }
    }
}
