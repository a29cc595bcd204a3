//! What all connections of the MQTT server share, and the life of sessions beyond their connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;

use super::deadlines::Deadlines;
use super::handover::Handovers;
use super::inflight::Inbound;
use super::mailbox::{Command, Elsewhere, Mailbox, QueueStart};
use super::packet::Will;
use super::record::{RecordError, SessionRecord, WillRecord};
use super::rooms::Rooms;
use super::session::{Profile, Session};
use super::sessions::Sessions;
use super::settings::Settings;
use crate::bus::EventBus;
use crate::bus::Handover;
use crate::bus::Route;
use crate::bus::distributed::DistributedBus;
use crate::durable::DurableStore;
use crate::durable::EntryState;
use crate::durable::Operation;
use crate::durable::Recovered;
use crate::durable::RecoveredSession;
use crate::durable::Transaction;
use crate::hook::Authenticator;
use crate::hook::Authorizer;
use crate::hook::Identity;
use crate::ingress::Ingress;
use crate::ingress::NewEvent;
use crate::lifecycle::Tasks;
use crate::receipt::Receipt;
use crate::telemetry::Metrics;
use crate::telemetry::Traces;
use crate::types::limits;
use crate::types::{
    ClientId, Delivery, DropReason, QoS, QueueId, Refusal, Seq, SubscribeOptions, SubscriberId, Subscription, Timestamp,
    TopicName,
};

/// The MQTT server of this node, without its sockets.
pub struct Server {
    pub settings: Settings,
    pub ingress: Arc<Ingress>,
    pub bus: Arc<dyn EventBus>,
    pub store: Arc<dyn DurableStore>,
    pub authenticator: Arc<dyn Authenticator>,
    pub authorizer: Arc<dyn Authorizer>,
    pub metrics: Arc<Metrics>,
    pub traces: Arc<Traces>,
    /// The cluster, where there is one.
    pub member: Option<Arc<DistributedBus>>,
    pub(super) tasks: Tasks,
    pub sessions: Sessions,
    pub(super) handovers: Handovers,
    pub(super) this: Weak<Server>,
    pub deadlines: Deadlines,
    pub(super) rooms: Rooms,
    /// Sockets accepted and not closed.
    pub open: AtomicUsize,
}

/// Finds other members of shared groups for what a session leaves behind.
struct Heirs {
    store: Arc<dyn DurableStore>,
    bus: Arc<dyn EventBus>,
    metrics: Arc<Metrics>,
}

impl Heirs {
    fn reassign(&self, profile: &Profile, deliveries: impl Iterator<Item = Delivery>) -> u64 {
        let mut lost = 0;
        for delivery in deliveries {
            let group = delivery.shared.clone().filter(|_| delivery.qos == QoS::AtLeastOnce);
            lost += 1;
            let Some(group) = group else { continue };
            let mut handover = Handover::default();
            self.bus.publish_to_group(&group, &delivery.event, profile.mailbox.subscriber(), &mut handover);
            self.metrics.owed.add(u64::from(handover.accepted));
            if !handover.appends.is_empty() {
                let operations = handover.appends.drain(..).map(Operation::Append).collect();
                drop(self.store.commit(Transaction { operations }));
            }
        }
        lost
    }

    async fn reassign_queue(&self, profile: &Profile, queue: QueueId, mut from: Seq) {
        loop {
            let entries = match self.store.read(queue, from, limits::QUEUE_READ_ENTRIES, limits::QUEUE_READ_BYTES).await {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::error!(client_id = %profile.client, %error, "a durable queue cannot be read");
                    return;
                }
            };
            let Some(last) = entries.last() else { return };
            from = last.seq.next();
            let queued = entries.into_iter().filter_map(|entry| match entry.state {
                EntryState::Queued(delivery) => Some(delivery),
                EntryState::Released => None,
            });
            self.reassign(profile, queued);
        }
    }
}

/// What the server is made of.
pub struct Parts {
    pub settings: Settings,
    pub ingress: Arc<Ingress>,
    pub bus: Arc<dyn EventBus>,
    pub store: Arc<dyn DurableStore>,
    pub authenticator: Arc<dyn Authenticator>,
    pub authorizer: Arc<dyn Authorizer>,
    pub metrics: Arc<Metrics>,
    pub traces: Arc<Traces>,
    /// The cluster, where there is one.
    pub member: Option<Arc<DistributedBus>>,
    pub tasks: Tasks,
}

impl Server {
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new_cyclic(|this| Server {
            this: this.clone(),
            handovers: Handovers::default(),
            settings: parts.settings,
            ingress: parts.ingress,
            bus: parts.bus,
            store: parts.store,
            authenticator: parts.authenticator,
            authorizer: parts.authorizer,
            metrics: parts.metrics,
            traces: parts.traces,
            member: parts.member,
            tasks: parts.tasks,
            sessions: Sessions::default(),
            deadlines: Deadlines::default(),
            rooms: Rooms::default(),
            open: AtomicUsize::new(0),
        })
    }

    pub fn new_session(&self, client: &ClientId, created: Timestamp) -> Box<Session> {
        self.session_with(client, created, self.new_mailbox(client))
    }

    fn new_mailbox(&self, client: &ClientId) -> Arc<Mailbox> {
        let Settings { mailbox, queue, .. } = self.settings;
        let elsewhere = self.member.is_some().then(|| self.this.clone() as Weak<dyn Elsewhere>);
        Mailbox::new(SubscriberId::unique(), client.clone(), mailbox, queue, self.metrics.clone(), elsewhere)
    }

    fn session_with(&self, client: &ClientId, created: Timestamp, mailbox: Arc<Mailbox>) -> Box<Session> {
        self.metrics.sessions.add(1);
        Box::new(Session::new(Profile::new(client.clone(), mailbox, created), 0, None))
    }

    /// From now on the session survives its connection and the process.
    pub fn make_durable(&self, session: &mut Session) {
        if session.queue.is_some() {
            return;
        }
        let id = self.store.new_queue();
        session.queue = Some(id);
        session.mailbox().set_queue(QueueStart { id, entries: 0, bytes: 0, first: Seq(1), next: Seq(1) });
        self.metrics.durable_sessions.add(1);
    }

    /// Stores the record of a durable session as it is now.
    pub fn store_session(&self, session: &Session, disconnected_at: Option<Timestamp>) -> Receipt {
        let Some(queue) = session.queue else { return Receipt::SAFE };
        let record = SessionRecord::of(session, disconnected_at).encode();
        self.commit(Operation::PutSession { queue, client: session.client().clone(), record })
    }

    pub fn store_will(&self, client: &ClientId, will: &Will, username: Option<&str>) -> Receipt {
        let record = WillRecord::of(will, username).encode();
        self.commit(Operation::PutWill { client: client.clone(), record })
    }

    pub fn forget_will(&self, client: &ClientId) {
        // Should this not be stored the will is published once too often after a crash, which a will may be.
        drop(self.commit(Operation::DeleteWill { client: client.clone() }));
    }

    /// `false` when there was no such subscription.
    pub fn unsubscribe(&self, profile: &Profile, subscription: &Subscription) -> bool {
        let existed = profile.subscriptions.lock().remove(subscription).is_some();
        self.bus.unsubscribe(subscription, profile.mailbox.subscriber());
        self.metrics.subscriptions.sub(u64::from(existed));
        existed
    }

    pub fn commit(&self, operation: Operation) -> Receipt {
        self.store.commit(Transaction { operations: [operation].into_iter().collect() })
    }

    /// Commits once `before` is safe; resolves when both are.
    pub fn commit_after(&self, before: Receipt, operation: Operation) -> Receipt {
        if let Receipt::Ready(outcome) = before {
            return outcome.map_or_else(Receipt::refused, |()| self.commit(operation));
        }
        let (sender, receipt) = Receipt::pending();
        let store = self.store.clone();
        self.tasks.spawn("commit", async move {
            let outcome = match before.await {
                Ok(()) => store.commit(Transaction { operations: [operation].into_iter().collect() }).await,
                refused => refused,
            };
            // Whoever does not wait any more needs no answer.
            _ = sender.send(outcome);
        });
        receipt
    }

    /// Copies that are owed and neither delivered nor dropped: counted one by one, so that the ledger is a check and not a definition.
    pub fn pending(&self) -> u64 {
        let mut pending = 0;
        self.sessions.for_each(|profile, _| {
            let depth = profile.mailbox.depth();
            // A durable entry is in its queue until it is acknowledged; what is under way otherwise is nowhere else.
            let under_way = if profile.facts.lock().durable { 0 } else { profile.inflight.load(Ordering::Relaxed).into() };
            pending += depth.live + depth.queue_entries + under_way;
        });
        pending + self.handovers.pending()
    }

    /// The client has connected to another node: its connection here ends (MQTT 5 §3.1.4), unless it is later than `up_to`.
    pub fn taken_elsewhere(self: &Arc<Self>, client: &str, up_to: u64) {
        if self.sessions.profile(client).is_some_and(|profile| profile.connect.load(Ordering::Acquire) > up_to) {
            return;
        }
        if self.store.is_shared() {
            self.taken_by_another(&ClientId::new(client));
        } else {
            self.sessions.command(client, Command::TakenOver);
        }
    }

    /// Tells every connection that the server is shutting down.
    pub fn disconnect_all(&self) {
        self.sessions.command_all(Command::ShutDown);
    }

    /// Waits until all that was handed to the store before is stored.
    pub async fn flush(&self) -> Result<(), Refusal> {
        self.store.commit(Transaction::default()).await
    }

    /// Ends a session that no connection owns: its subscriptions, its queue, and its will if it still has one. Resolves when the store
    /// has forgotten it too: before that a crash would bring it back.
    #[expect(clippy::boxed_local, reason = "sessions live in boxes: taking one out would copy it")]
    pub fn end_session(&self, mut session: Box<Session>) -> Receipt {
        let profile = session.profile.clone();
        let subscriptions = std::mem::take(&mut *profile.subscriptions.lock());
        for subscription in subscriptions.keys() {
            self.bus.unsubscribe(subscription, profile.mailbox.subscriber());
        }
        self.metrics.subscriptions.sub(subscriptions.len() as u64);
        self.metrics.dropped.of(DropReason::SessionEnded).add(profile.mailbox.depth().queue_entries);
        let mut forgotten = Receipt::SAFE;
        if let Some(queue) = session.queue {
            let shares = subscriptions.keys().any(|subscription| subscription.group.is_some());
            forgotten = if shares {
                self.reassign_queue(profile.clone(), queue, session.resume_at)
            } else {
                self.commit(Operation::DeleteSession { queue })
            };
            self.metrics.durable_sessions.sub(1);
        }
        if let Some(will) = session.will.take() {
            self.publish_will(session.client(), profile.username(), *will);
        }
        self.metrics.sessions.sub(1);
        forgotten
    }

    /// Gives what another member of a shared group can take to that member; says how many copies ended here.
    pub fn reassign(&self, profile: &Profile, deliveries: impl Iterator<Item = Delivery>) -> u64 {
        self.heirs().reassign(profile, deliveries)
    }

    fn heirs(&self) -> Heirs {
        Heirs { store: self.store.clone(), bus: self.bus.clone(), metrics: self.metrics.clone() }
    }

    /// What a durable queue holds for shared groups goes to their other members (MQTT 5 §4.8.2), and then the session ends.
    fn reassign_queue(&self, profile: Arc<Profile>, queue: QueueId, from: Seq) -> Receipt {
        let (heirs, store) = (self.heirs(), self.store.clone());
        let mut reassigning = Box::pin(async move { heirs.reassign_queue(&profile, queue, from).await });
        let forget = move || store.commit(Transaction { operations: [Operation::DeleteSession { queue }].into_iter().collect() });
        // A store on disk answers at once.
        if (&mut reassigning).now_or_never().is_some() {
            return forget();
        }
        let (sender, receipt) = Receipt::pending();
        self.tasks.spawn("reassign", async move {
            reassigning.await;
            // Who ended the session may not wait for it.
            let _ = sender.send(forget().await);
        });
        receipt
    }

    pub fn publish_will(&self, client: &ClientId, username: Option<Arc<str>>, will: Will) {
        self.forget_will(client);
        let Ok(topic) = TopicName::parse(&will.topic) else { return };
        let event = NewEvent {
            topic,
            payload: will.payload,
            qos: will.qos,
            retain: will.retain,
            properties: will.properties,
            expiry: will.message_expiry.map(|seconds| Duration::from_secs(seconds.into())),
            publisher: client.clone(),
        };
        // Nobody waits for this answer: who published it is gone.
        drop(self.ingress.submit(&Identity { username }, event, &mut Route::default()).receipt);
    }

    /// A parked session's will or end may be due.
    pub fn session_is_due(&self, client: &ClientId, now: Timestamp) {
        let due = |session: &Session| session.due_at().is_some_and(|at| at <= now);
        let Some(mut reservation) = self.sessions.take_parked_if(client.as_str(), due) else {
            if let Some(at) = self.sessions.due_at(client.as_str()) {
                self.deadlines.add(at, client.clone());
            }
            return;
        };
        let Some(mut session) = reservation.session().take() else { return };
        if session.expires_at.is_some_and(|at| at <= now) {
            // Should it come back after a crash, it expires again.
            drop(self.end_session(session));
            reservation.remove();
            return;
        }
        session.will_at = None;
        if let Some(will) = session.will.take() {
            session.set_will(None);
            let username = session.profile.username();
            self.publish_will(client, username, *will);
        }
        if let Some(at) = session.due_at() {
            self.deadlines.add(at, client.clone());
        }
        *reservation.session() = Some(session);
    }

    /// Keeps a session that outlives its connection.
    pub fn park(&self, session: Box<Session>) {
        if let Some(at) = session.due_at() {
            self.deadlines.add(at, session.client().clone());
        }
        self.sessions.park(session);
    }

    /// Tells a bus between nodes that a session has somebody who reads again, or nobody any more: its groups pass over who is away.
    pub(super) fn renew_shared(&self, profile: &Profile) {
        self.renew(profile, |subscription, _| subscription.group.is_some());
    }

    /// Subscribes once more to what `concerned` says, for a bus between nodes to tell how the session is now.
    pub(super) fn renew(&self, profile: &Profile, concerned: impl Fn(&Subscription, &SubscribeOptions) -> bool) {
        if !self.bus.guarantees().crosses_nodes {
            return;
        }
        // Under the lock: whoever unsubscribes does so here first, and on the bus afterwards.
        let subscriptions = profile.subscriptions.lock();
        for (subscription, options) in subscriptions.iter().filter(|(subscription, options)| concerned(subscription, options)) {
            // Nobody waits for it: until it is known, a message more may come for who is away, or has no room.
            drop(self.bus.subscribe(subscription, *options, profile.mailbox.clone()));
        }
    }

    /// Brings back the sessions of the run before, subscribed as they were, and then the wills of connections that the crash cut.
    pub async fn recover(self: &Arc<Self>, recovered: Recovered) -> Result<(), RecordError> {
        let now = Timestamp::now();
        self.pass_on_to(recovered.left);
        let mut wills = Vec::new();
        for (client, record) in recovered.wills {
            wills.push((client, WillRecord::decode(&record)?));
        }
        let mut wills: std::collections::HashMap<ClientId, WillRecord> = wills.into_iter().collect();
        let mut subscribed = Vec::new();
        for found in recovered.sessions {
            let record = SessionRecord::decode(&found.record)?;
            let mut own = Vec::new();
            let mut session = self.restore(&found, &record, &mut own);
            if found.sources.is_empty() {
                subscribed.extend(own);
            } else {
                self.follow(&session, &found, own);
            }
            let will = wills.remove(session.client());
            session.set_will(will.map(|will| Box::new(will.into_will())));
            // A connection that the crash cut ended now, as far as anyone can tell.
            session.park(record.disconnected_at.unwrap_or(now));
            self.park(session);
        }
        // Together: each may have to wait for other nodes, and they are many. What is refused is told again once they are reached.
        for receipt in subscribed {
            if let Err(problem) = receipt.await {
                tracing::warn!(%problem, "a stored subscription is not known to other nodes yet");
            }
        }
        for (client, record) in wills {
            let username = record.username.clone().map(Arc::from);
            self.publish_will(&client, username, record.into_will());
        }
        Ok(())
    }

    /// Makes a stored session this node's, subscribed as it was.
    pub(super) fn restore(
        &self,
        found: &RecoveredSession,
        record: &SessionRecord,
        subscribed: &mut Vec<Receipt>,
    ) -> Box<Session> {
        let client = ClientId::new(record.client.as_str());
        let left = self.take_left(&client);
        let (mailbox, passing, before) = left.unwrap_or((None, SubscriberId(0), BTreeMap::new()));
        let mailbox = mailbox.unwrap_or_else(|| self.new_mailbox(&client));
        let mut session = self.session_with(&client, record.created, mailbox);
        session.profile.claimed(found.epoch);
        session.queue = Some(found.queue);
        session.resume_at = found.first;
        // What was sent on a connection that a crash cut is not known: any of it may have been, acknowledgements come out of order
        // [MQTT-3.3.1-1].
        let last = Seq(found.next.0 - 1);
        session.sent_up_to = record.sent_up_to.unwrap_or(last).min(last);
        session.inbound = Inbound::recovered(&found.received);
        session.set_expiry(record.expiry);
        self.metrics.durable_sessions.add(1);
        self.metrics.owed.add(found.entries);
        let profile = session.profile.clone();
        {
            let mut facts = profile.facts.lock();
            facts.username = record.username.as_deref().map(Arc::from);
            facts.version = record.protocol();
        }
        profile.mailbox.set_queue(QueueStart {
            id: found.queue,
            entries: found.entries,
            bytes: found.bytes,
            first: found.first,
            next: found.next,
        });
        self.watch_arrival(&profile.mailbox, found);
        for subscription in &record.subscriptions {
            // What was accepted once is valid; a filter that a later version refuses is left out and said.
            let Some((subscription, options)) = subscription.parse() else {
                tracing::warn!(client_id = %record.client, filter = %subscription.filter, "a stored subscription is not valid any more");
                continue;
            };
            subscribed.push(self.bus.subscribe(&subscription, options, profile.mailbox.clone()));
            profile.subscriptions.lock().insert(subscription, options);
            self.metrics.subscriptions.add(1);
        }
        let again = |subscription: &&Subscription| {
            passing != profile.mailbox.subscriber() || !profile.subscriptions.lock().contains_key(*subscription)
        };
        for subscription in before.keys().filter(again) {
            self.bus.unsubscribe(subscription, passing);
        }
        session
    }
}
