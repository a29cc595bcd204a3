//! The two neighbours of the HTTP side that need files or sockets, in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use flux_core::api::{Connection, Disconnected, Protocol, Session, SessionSummary, SubscriptionInfo, Transport};
use flux_core::durable::{DurableStore, Entry, Reading, Recovered, StoreStats, Transaction};
use flux_core::hook::HookFuture;
use flux_core::mqtt::admin::{SessionAdmin, SessionFilter, SubscriptionFilter};
use flux_core::receipt::{Receipt, ReceiptSender};
use flux_core::types::{QoS, QueueId, Refusal, Seq, Timestamp};

/// Stores nothing, and answers as it is told.
#[derive(Default)]
pub struct FakeStore {
    pub failed: AtomicBool,
    /// While set, commits are not answered.
    pub held: Mutex<Option<Vec<ReceiptSender>>>,
}

impl FakeStore {
    pub fn hold(&self) {
        *self.held.lock().unwrap() = Some(Vec::new());
    }

    /// How many commits wait.
    pub fn waiting(&self) -> usize {
        self.held.lock().unwrap().as_ref().map_or(0, Vec::len)
    }

    pub fn release(&self) {
        for sender in self.held.lock().unwrap().take().into_iter().flatten() {
            let _ = sender.send(Ok(()));
        }
    }
}

impl DurableStore for FakeStore {
    fn commit(&self, _: Transaction) -> Receipt {
        if self.failed.load(Ordering::Relaxed) {
            return Receipt::refused(Refusal::StoreFailed);
        }
        match &mut *self.held.lock().unwrap() {
            Some(held) => {
                let (sender, receipt) = Receipt::pending();
                held.push(sender);
                receipt
            }
            None => Receipt::SAFE,
        }
    }

    fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn read(&self, _: QueueId, _: Seq, _: usize, _: usize) -> Reading<Vec<Entry>> {
        Reading::ready(Ok(Vec::new()))
    }

    fn new_queue(&self) -> QueueId {
        QueueId(1)
    }

    fn recover(&self) -> Reading<Recovered> {
        Reading::ready(Ok(Recovered::default()))
    }

    fn stats(&self) -> StoreStats {
        StoreStats { failed: self.failed.load(Ordering::Relaxed), commits: 7, ..StoreStats::default() }
    }

    fn close(&self) {}
}

/// Sessions that are there because a test said so.
#[derive(Default)]
pub struct FakeSessions(Mutex<BTreeMap<String, Session>>);

impl FakeSessions {
    pub fn add(&self, client_id: &str, connected: bool, filters: &[(&str, Option<&str>)]) {
        let subscriptions = filters.iter().map(|(filter, group)| SubscriptionInfo {
            client_id: client_id.to_owned(),
            filter: (*filter).to_owned(),
            group: group.map(str::to_owned),
            qos: QoS::AtLeastOnce,
            no_local: false,
            retain_as_published: true,
            identifier: Some(3),
        });
        let connection = connected.then(|| Connection {
            protocol: Protocol::V5,
            transport: Transport::Tcp,
            peer: "127.0.0.1:4711".to_owned(),
            connected_at: Timestamp(2).into(),
            keep_alive_seconds: 60,
            clean_start: true,
        });
        let summary = SessionSummary {
            client_id: client_id.to_owned(),
            node: "test".to_owned(),
            username: Some("alice".to_owned()),
            connected,
            durable: !connected,
            created_at: Timestamp(1).into(),
            disconnected_at: None,
            expires_at: None,
            connection,
            subscription_count: filters.len() as u64,
            inflight: 0,
            queued: 0,
        };
        let session = Session {
            summary,
            expiry_seconds: None,
            receive_maximum: 10,
            maximum_packet_size: None,
            inflight_in: 0,
            mailbox: Default::default(),
            queue: None,
            will: None,
            subscriptions: subscriptions.collect(),
        };
        self.0.lock().unwrap().insert(client_id.to_owned(), session);
    }
}

impl SessionAdmin for FakeSessions {
    fn sessions(&self, filter: &SessionFilter, after: Option<&str>, limit: usize) -> Vec<SessionSummary> {
        let sessions = self.0.lock().unwrap();
        let behind = sessions.iter().filter(|(id, _)| after.is_none_or(|after| id.as_str() > after));
        behind.map(|(_, session)| session.summary.clone()).filter(|session| filter.matches(session)).take(limit).collect()
    }

    fn session<'a>(&'a self, client_id: &'a str) -> HookFuture<'a, Option<Session>> {
        Box::pin(async move { self.0.lock().unwrap().get(client_id).cloned() })
    }

    fn disconnect<'a>(&'a self, client_id: &'a str) -> HookFuture<'a, Option<Disconnected>> {
        Box::pin(async move {
            let mut sessions = self.0.lock().unwrap();
            let session = sessions.get_mut(client_id)?;
            session.summary.connected = false;
            Some(Disconnected { disconnected: session.summary.connection.take().is_some() })
        })
    }

    fn delete<'a>(&'a self, client_id: &'a str) -> HookFuture<'a, Result<bool, Refusal>> {
        Box::pin(async move { Ok(self.0.lock().unwrap().remove(client_id).is_some()) })
    }

    fn subscriptions(&self, filter: &SubscriptionFilter, after: Option<(&str, &str)>, limit: usize) -> Vec<SubscriptionInfo> {
        let sessions = self.0.lock().unwrap();
        let mut all: Vec<((String, String), SubscriptionInfo)> = sessions
            .values()
            .flat_map(|session| session.subscriptions.iter())
            .map(|found| {
                let written =
                    found.group.as_ref().map_or(found.filter.clone(), |group| format!("$share/{group}/{}", found.filter));
                ((found.client_id.clone(), written), found.clone())
            })
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let behind =
            all.into_iter().filter(|((id, written), _)| after.is_none_or(|after| (id.as_str(), written.as_str()) > after));
        behind.map(|(_, found)| found).filter(|found| filter.matches(found)).take(limit).collect()
    }
}
