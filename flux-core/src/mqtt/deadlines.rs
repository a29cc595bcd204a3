//! When parked sessions are due: delayed wills and session expiry. One ordered set, one task.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::server::Server;
use crate::types::{ClientId, Timestamp};

#[derive(Default)]
pub struct Deadlines {
    due: Mutex<BTreeSet<(Timestamp, ClientId)>>,
    earlier: Notify,
}

impl Deadlines {
    /// A deadline that no longer holds when it comes is passed over: nothing needs to be cancelled.
    pub fn add(&self, at: Timestamp, client: ClientId) {
        let mut due = self.due.lock();
        let first = due.first().is_none_or(|(first, _)| at < *first);
        due.insert((at, client));
        drop(due);
        if first {
            self.earlier.notify_one();
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.due.lock().first().map(|(at, _)| *at)
    }

    fn pop_due(&self, now: Timestamp) -> Option<ClientId> {
        let mut due = self.due.lock();
        if due.first()?.0 > now {
            return None;
        }
        due.pop_first().map(|(_, client)| client)
    }
}

/// Publishes wills and ends sessions when they are due, until it is dropped.
pub async fn run(server: Arc<Server>) {
    loop {
        let now = Timestamp::now();
        while let Some(client) = server.deadlines.pop_due(now) {
            server.session_is_due(&client, now);
        }
        // Wall-clock deadlines survive a restart; a clock that jumps is noticed within a minute.
        let wait = server.deadlines.next().map_or(Duration::from_secs(60), |at| at.since(now).min(Duration::from_secs(60)));
        tokio::select! {
            () = tokio::time::sleep(wait.max(Duration::from_millis(1))) => {}
            () = server.deadlines.earlier.notified() => {}
        }
    }
}
