//! The node that a session comes to.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::mailbox::Mailbox;
use super::super::record::{SessionRecord, WillRecord};
use super::super::server::Server;
use super::super::session::Session;
use super::Subscriptions;
use super::hold::{Held, Hold};
use crate::bus::Subscriber;
use crate::bus::distributed::{DistributedBus, Mark, Word};
use crate::durable::{Claimed, Entry, Operation, RecoveredSession, Transaction};
use crate::receipt::Receipt;
use crate::types::{
    ClientId, EventId, NodeId, QueueId, Refusal, Seq, SubscribeOptions, SubscriberId, Subscription, Timestamp, limits,
};

/// A session's way here.
struct Arrival {
    client: ClientId,
    found: Facts,
    mailbox: Arc<Mailbox>,
    asked: Vec<(Subscription, SubscribeOptions)>,
}

#[derive(Clone)]
struct Facts {
    queue: QueueId,
    epoch: u64,
    sources: Vec<NodeId>,
}

impl Server {
    /// Makes the client's stored session this node's, whoever had it, and takes it in as if it had been parked here. `None`: there is
    /// none.
    ///
    /// # Errors
    /// The store does not answer, or what it keeps does not read.
    pub async fn claim_session(self: &Arc<Self>, client: &ClientId) -> Result<Option<Box<Session>>, Refusal> {
        let returning = self.handovers.keep_left(client);
        if let Some(mailbox) = &returning {
            // What comes from now on may have to go behind what the other node still has.
            let lanes = self.member.as_ref().map_or(1, |member| member.lanes());
            mailbox.begin_handover(Hold::new(0, lanes, std::slice::from_ref(&self.settings.node), false));
        }
        let claimed = tokio::time::timeout(self.settings.connect_timeout, self.store.claim(client)).await;
        let claimed = match claimed {
            Ok(Ok(claimed)) => claimed,
            failed => {
                tracing::warn!(client_id = %client, problem = ?failed.map(|claimed| claimed.map(drop)), "a session cannot be claimed");
                if let Some(mailbox) = returning {
                    self.hand_to_store(mailbox.abandon_handover());
                    self.handovers.let_left_go(client);
                    self.forget_if_passed_on(client);
                }
                return Err(Refusal::StoreFailed);
            }
        };
        let taken = self.bring_in(client, claimed, returning.is_some()).await;
        if taken.is_none()
            && let Some(left) = self.handovers.left.lock().remove(client)
        {
            // It has ended elsewhere: nobody is owed what comes for it.
            if let Some(mailbox) = left.mailbox() {
                self.hand_to_store(mailbox.abandon_handover());
            }
            self.forget(client, &left);
        }
        Ok(taken)
    }

    /// Takes in what was claimed, and what of it was stored before. `kept`: what comes to this node for the session is still passed on.
    pub(super) async fn bring_in(self: &Arc<Self>, client: &ClientId, claimed: Claimed, kept: bool) -> Option<Box<Session>> {
        let stored = self.last_stored(&claimed, kept).await;
        let session = self.take_in(client, claimed, Timestamp::now())?;
        // In time: nothing that waits goes before other nodes have said that they have passed on everything.
        session.mailbox().handover(session.profile.epoch(), |hold| hold.note_stored(stored));
        Some(session)
    }

    /// What came to this node before its claim, the former node may have had as well, and stored: the last events of a session that comes
    /// back before the others, or this node (`kept`), were done with it.
    async fn last_stored(&self, claimed: &Claimed, kept: bool) -> Vec<EventId> {
        let comes_back = |found: &&RecoveredSession| (kept || found.returns) && found.entries > 0;
        let Some(found) = claimed.session.as_ref().filter(comes_back) else { return Vec::new() };
        let from = Seq(found.next.0.saturating_sub(limits::RETURN_KNOWN as u64).max(found.first.0));
        let read = self.store.read(found.queue, from, limits::RETURN_KNOWN, limits::HANDOVER_BYTES);
        match tokio::time::timeout(self.settings.connect_timeout, read).await {
            Ok(Ok(entries)) => entries.iter().filter_map(Entry::event).collect(),
            failed => {
                tracing::warn!(problem = ?failed.map(|read| read.map(drop)), "what is stored for a session cannot be read: some may come twice");
                Vec::new()
            }
        }
    }

    /// What comes to this node for the session is still passed on.
    pub(super) fn has_kept(&self, client: &ClientId) -> bool {
        self.handovers.left.lock().contains_key(client)
    }

    /// Takes in what was claimed, and publishes the will of a connection that has ended with it.
    fn take_in(self: &Arc<Self>, client: &ClientId, claimed: Claimed, now: Timestamp) -> Option<Box<Session>> {
        let will = claimed.will.as_deref().map(WillRecord::decode).transpose();
        let will =
            will.inspect_err(|problem| tracing::error!(client_id = %client, %problem, "a stored will does not read")).ok()?;
        let Some(found) = claimed.session else {
            if let Some(will) = will {
                let username = will.username.clone().map(Arc::from);
                self.publish_will(client, username, will.into_will());
            }
            return None;
        };
        let record = match SessionRecord::decode(&found.record) {
            Ok(record) => record,
            Err(problem) => {
                tracing::error!(client_id = %client, %problem, "a stored session does not read");
                return None;
            }
        };
        let mut subscribed = Vec::new();
        let mut session = self.restore(&found, &record, &mut subscribed);
        self.follow(&session, &found, subscribed);
        session.set_will(will.map(|will| Box::new(will.into_will())));
        // Its connection, if it had one, ended now.
        let parked = session.park(record.disconnected_at.unwrap_or(now));
        if session.will_at.is_some_and(|at| at <= now)
            && let Some(will) = session.will.take()
        {
            session.set_will(None);
            session.will_at = None;
            self.publish_will(client, session.profile.username(), *will);
        }
        if parked.is_none() || session.expires_at.is_some_and(|at| at <= now) {
            // Should it come back after a crash, it expires again.
            drop(self.end_session(session));
            return None;
        }
        Some(session)
    }

    /// The mailbox of a session that comes back before it was forgotten here, and what it had subscribed to.
    pub fn take_left(&self, client: &ClientId) -> Option<(Option<Arc<Mailbox>>, SubscriberId, Subscriptions)> {
        let left = self.handovers.left.lock().remove(client)?;
        Some((left.mailbox().cloned(), left.subscriber(), left.subscriptions))
    }

    /// Keeps the order and drops doubles from the first event on.
    pub fn watch_arrival(&self, mailbox: &Mailbox, found: &RecoveredSession) {
        if let Some(member) = self.member.as_ref().filter(|_| found.epoch > 0) {
            mailbox.begin_handover(Hold::new(found.epoch, member.lanes(), &found.sources, !found.returns));
        }
    }

    /// Sees to it that what former nodes still have comes here.
    pub fn follow(self: &Arc<Self>, session: &Session, found: &RecoveredSession, subscribed: Vec<Receipt>) {
        let profile = &session.profile;
        if found.sources.is_empty() {
            profile.mailbox.release();
            profile.mailbox.end_handover(found.epoch);
            return;
        }
        let subscriptions = profile.subscriptions.lock().clone();
        let arrival = Arrival {
            client: profile.client.clone(),
            found: Facts { queue: found.queue, epoch: found.epoch, sources: found.sources.clone() },
            mailbox: profile.mailbox.clone(),
            asked: subscriptions.into_iter().collect(),
        };
        self.handovers.arriving.lock().insert(arrival.client.clone(), (found.epoch, profile.clone()));
        self.handovers.progress(&arrival.client).notify_waiters();
        let server = self.clone();
        self.spawn_handover("session arriving", async move {
            if let Some(member) = server.member.clone() {
                server.arrive(&member, arrival, subscribed).await;
            }
        });
    }

    async fn arrive(&self, member: &DistributedBus, arrival: Arrival, mut subscribed: Vec<Receipt>) {
        let Arrival { client, found: Facts { queue, epoch, sources }, mailbox, asked } = arrival;
        let patience = Instant::now() + limits::HANDOVER_PATIENCE;
        loop {
            let mut known = true;
            for receipt in subscribed {
                known &= receipt.await.is_ok();
            }
            if known {
                break;
            }
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
            let again = asked.iter().filter(|(subscription, _)| self.asks(&client, &mailbox, subscription));
            subscribed =
                again.map(|(subscription, options)| self.bus.subscribe(subscription, *options, mailbox.clone())).collect();
        }
        let own = member.node().clone();
        pass_barrier(member).await;
        mark(member, &client, &own, Word::Known, epoch).await;
        pass_barrier(member).await;
        for source in &sources {
            mark(member, &client, source, Word::Mine, epoch).await;
        }
        let mut look = Instant::now() + limits::DRAIN_RETRY;
        while mailbox.is_arriving(epoch) {
            let progress = self.handovers.progress(&client).notified();
            _ = tokio::time::timeout(limits::HANDOVER_LOOK, progress).await;
            let now = Instant::now();
            if now >= patience {
                mailbox.handover(epoch, Hold::give_up);
            }
            mailbox.release();
            if now < look {
                continue;
            }
            look = now + limits::DRAIN_RETRY;
            match self.look(&client).await {
                Ok(Some(found)) if found.epoch == epoch => {}
                // It has ended, or moved on: then its next node sees to the rest.
                Ok(_) => break,
                Err(problem) => tracing::debug!(client_id = %client, %problem, "a session cannot be looked for at the moment"),
            }
        }
        {
            let mut arriving = self.handovers.arriving.lock();
            if arriving.get(&client).is_some_and(|(of, _)| *of == epoch) {
                arriving.remove(&client);
            }
        }
        // Where it has moved on, its next node sees to the rest, or this one once more.
        while mailbox.handover(epoch, |_| ()).is_some() {
            let turn = self.handovers.turn().await;
            let handed_over = self.commit(Operation::HandedOver { queue, epoch }).await;
            drop(turn);
            match handed_over {
                Ok(()) => {
                    self.store.relist(&client);
                    self.store.unlist(&client, &sources);
                    break;
                }
                Err(Refusal::Moved) => break,
                // Nobody could forget a node that is gone while one session names it.
                Err(_) => tokio::time::sleep(limits::DRAIN_RETRY).await,
            }
        }
        tokio::time::sleep(limits::HANDOVER_LINGER).await;
        mailbox.end_handover(epoch);
    }

    /// Whether the session is here still and has not taken this subscription back.
    fn asks(&self, client: &ClientId, mailbox: &Mailbox, subscription: &Subscription) -> bool {
        let profile = self.sessions.profile(client.as_str());
        profile.is_some_and(|profile| {
            profile.mailbox.id() == mailbox.id() && profile.subscriptions.lock().contains_key(subscription)
        })
    }

    /// What other nodes send in this lane from now on, they may send only here.
    pub(super) fn hear_known(&self, client: &ClientId, lane: usize, epoch: u64) {
        if let Some(mailbox) = self.arriving(client, epoch) {
            mailbox.handover(epoch, |hold| hold.uncover(lane));
        }
    }

    /// `from` has passed on all that came in this lane.
    pub(super) fn hear_passed_on(self: &Arc<Self>, client: &ClientId, from: NodeId, lane: usize, epoch: u64) {
        let (server, client) = (self.clone(), client.clone());
        if !self.is_searched(&client) {
            return server.finish(&client, &from, lane, epoch);
        }
        // What was passed on before is not taken in yet.
        self.spawn_handover("session arriving", async move {
            server.until_found(&client).await;
            server.finish(&client, &from, lane, epoch);
        });
    }

    fn finish(&self, client: &ClientId, from: &NodeId, lane: usize, epoch: u64) {
        let Some(mailbox) = self.arriving(client, epoch) else { return };
        mailbox.handover(epoch, |hold| hold.finished(from, lane));
        mailbox.release();
        self.handovers.progress(client).notify_waiters();
    }

    fn arriving(&self, client: &ClientId, epoch: u64) -> Option<Arc<Mailbox>> {
        let arriving = self.handovers.arriving.lock();
        arriving.get(client).filter(|(of, _)| *of == epoch).map(|(_, profile)| profile.mailbox.clone())
    }

    pub(super) fn hand_to_store(&self, held: Vec<Held>) {
        let mut held = held.into_iter().peekable();
        while held.peek().is_some() {
            let mut senders = Vec::new();
            let mut transaction = Transaction::default();
            for Held { append, sender, .. } in held.by_ref().take(limits::COMMIT_BATCH) {
                transaction.operations.push(Operation::Append(append));
                senders.push(sender);
            }
            let stored = self.store.commit(transaction);
            self.tasks.spawn("session arriving", async move {
                let outcome = stored.await;
                // Whoever does not wait any more needs no answer.
                senders.into_iter().for_each(|sender| _ = sender.send(outcome));
            });
        }
    }
}

/// Until every node knows what this one has told before, and has sent what it had published by then.
async fn pass_barrier(member: &DistributedBus) {
    while member.barrier().await.is_err() {
        tokio::time::sleep(limits::HANDOVER_LOOK).await;
    }
}

/// Says it in every lane of `to`'s inbox, until it is there.
async fn mark(member: &DistributedBus, client: &ClientId, to: &NodeId, word: Word, epoch: u64) {
    let mark = |lane| Mark { word, node: member.node().to_string(), lane, epoch };
    let all: Vec<_> = (0..member.lanes()).map(|lane| (lane, member.mark(client, to, &mark(lane)))).collect();
    for (lane, mut said) in all {
        while said.await.is_err() {
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
            said = member.mark(client, to, &mark(lane));
        }
    }
}
