use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::server::Server;
use crate::types::{ClientId, QoS, limits};

/// Durable queues that are full, or have room again, and of which the other nodes have not been told yet.
#[derive(Default)]
pub struct Rooms {
    changed: Mutex<HashSet<ClientId>>,
    news: Notify,
}

impl Rooms {
    pub fn note(&self, client: &ClientId) {
        self.changed.lock().insert(client.clone());
        self.news.notify_one();
    }
}

/// Tells a bus between nodes of durable queues that are full, or not any more, until it is dropped.
pub async fn run(server: Arc<Server>) {
    loop {
        server.rooms.news.notified().await;
        loop {
            let changed = std::mem::take(&mut *server.rooms.changed.lock());
            let connecting: Vec<ClientId> = changed.into_iter().filter(|client| !server.tell_room(client)).collect();
            if connecting.is_empty() {
                break;
            }
            server.rooms.changed.lock().extend(connecting);
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
        }
    }
}

impl Server {
    /// `false`: the client is just connecting, and its session cannot be looked at.
    fn tell_room(&self, client: &ClientId) -> bool {
        match self.sessions.profile(client.as_str()) {
            Some(profile) => self.renew(&profile, |_, options| options.qos > QoS::AtMostOnce),
            None => return !self.sessions.contains(client),
        }
        true
    }
}
