//! The node that a session leaves.

use std::sync::Arc;

use super::super::mailbox::{Command, Elsewhere};
use super::super::server::Server;
use super::super::session::Session;
use super::hold::Held;
use super::{Left, Passing, Searched};
use crate::bus::distributed::{Mark, Word};
use crate::bus::{Answer, Append};
use crate::durable::Operation;
use crate::receipt::Receipt;
use crate::types::{ClientId, Delivery, NodeId, Refusal, limits};

impl Server {
    /// Another node has the client: looks whether it has its session, too.
    pub fn taken_by_another(self: &Arc<Self>, client: &ClientId) {
        let Some(profile) = self.sessions.profile(client.as_str()) else { return };
        if !profile.facts.lock().durable {
            profile.leave();
            self.sessions.command(client.as_str(), Command::TakenOver);
            return;
        }
        let (server, client) = (self.clone(), client.clone());
        self.spawn_handover("session leaving", async move {
            match server.store.whereabouts(&client).await {
                Ok(Some(found)) if found.node == server.settings.node => {}
                Ok(Some(found)) => server.has_left(&client, found.epoch),
                // It has ended there.
                Ok(None) => server.has_left(&client, u64::MAX),
                Err(problem) => tracing::warn!(client_id = %client, %problem, "where a session is cannot be asked"),
            }
        });
    }

    /// Another node has claimed the client's session: what this node has of it goes, without a word to the store. `epoch`: of that claim; what
    /// this node has by a later one stays.
    pub fn has_left(&self, client: &ClientId, epoch: u64) {
        match self.sessions.profile(client.as_str()) {
            Some(profile) if profile.epoch() < epoch => profile.leave(),
            _ => return,
        }
        if self.sessions.command(client.as_str(), Command::TakenOver) {
            // Its connection lets go of it.
            return;
        }
        if let Some(mut reservation) = self.sessions.take_parked_if(client.as_str(), |session| session.profile.has_left()) {
            if let Some(session) = reservation.session().take() {
                self.let_leave(session);
            }
            reservation.remove();
        }
    }

    /// Keeps of a session that has left what passes on events that still come here.
    #[expect(clippy::boxed_local, reason = "sessions live in boxes: taking one out would copy it")]
    pub fn let_leave(&self, session: Box<Session>) {
        let profile = session.profile.clone();
        // Before it wants nothing any more: whoever finds it so has to know why.
        profile.leave();
        let subscriptions = std::mem::take(&mut *profile.subscriptions.lock());
        self.metrics.subscriptions.sub(subscriptions.len() as u64);
        self.metrics.sessions.sub(1);
        if session.queue.is_none() {
            for subscription in subscriptions.keys() {
                self.bus.unsubscribe(subscription, profile.mailbox.subscriber());
            }
            return;
        }
        self.metrics.durable_sessions.sub(1);
        if profile.mailbox.leave() {
            for (subscription, options) in &subscriptions {
                // Nobody waits for it: publishers are refused a little longer.
                drop(self.bus.subscribe(subscription, *options, profile.mailbox.clone()));
            }
        }
        let lanes = self.member.as_ref().map_or(1, |member| member.lanes());
        let left = Left {
            passing: Passing::Mailbox(profile.mailbox.clone()),
            subscriptions,
            epoch: 0,
            passed_on: vec![false; lanes],
            returning: false,
        };
        self.handovers.left.lock().insert(profile.client.clone(), left);
        // What waited here for a former node is for the next one now.
        self.hand_to_store(profile.mailbox.abandon_handover());
        self.handovers.progress(&profile.client).notify_waiters();
        tracing::debug!(client_id = %profile.client, "a session has left to another node");
    }

    /// The new node says that all know: what came before goes to it, then it hears so.
    pub(super) fn hear_claimed(self: &Arc<Self>, client: &ClientId, mark: Mark) {
        let (server, client) = (self.clone(), client.clone());
        self.spawn_handover("session leaving", async move { server.finish_lane(&client, mark).await });
    }

    async fn finish_lane(self: &Arc<Self>, client: &ClientId, mark: Mark) {
        let Some(member) = &self.member else { return };
        let to = NodeId::new(mark.node.as_str());
        loop {
            let found = self.store.whereabouts(client).await;
            let ended = matches!(found, Ok(None));
            match found {
                // A word from before the session came back, or went on: who has it now gives its own.
                Ok(Some(now)) if now.epoch != mark.epoch || now.node != to => return,
                Ok(Some(_)) => self.has_left(client, mark.epoch),
                // It has ended meanwhile.
                Ok(None) => {}
                Err(problem) => tracing::warn!(client_id = %client, %problem, "a session that has left cannot be looked for"),
            }
            // Its connection, or a handshake that found it here, has to let go of it; and what came before must be on its way.
            if (ended || !self.sessions.contains(client)) && !self.is_searched(client) {
                break;
            }
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
        }
        let queue = self.handovers.left.lock().get(client).and_then(|left| left.mailbox()?.queue());
        if let Some(queue) = queue {
            // Goes behind all that was appended before, and is refused behind it.
            _ = self.commit(Operation::ForgetReceived { queue, packet_id: 0 }).await;
        }
        let echo = Mark { word: Word::PassedOn, node: member.node().to_string(), ..mark.clone() };
        while member.mark(client, &to, &echo).await.is_err() {
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
        }
        self.passed_on(client, &mark);
    }

    /// The same in the place of a node that is gone, of which all has come that was before the mark.
    pub(super) fn finish_lane_of(self: &Arc<Self>, dead: &NodeId, client: &ClientId, mark: Mark) -> Receipt {
        let Some(member) = &self.member else { return Receipt::refused(Refusal::Moved) };
        let to = NodeId::new(mark.node.as_str());
        let echo = Mark { word: Word::PassedOn, node: dead.to_string(), ..mark };
        if !self.is_searched(client) {
            return member.mark(client, &to, &echo);
        }
        let (sender, receipt) = Receipt::pending();
        let (server, member, client) = (self.clone(), member.clone(), client.clone());
        self.spawn_handover("session leaving", async move {
            server.until_found(&client).await;
            // Whoever does not wait any more needs no answer.
            _ = sender.send(member.mark(&client, &to, &echo).await);
        });
        receipt
    }

    /// Nothing is left to pass on once that is said of every lane.
    fn passed_on(&self, client: &ClientId, mark: &Mark) {
        let mut all = self.handovers.left.lock();
        let Some(left) = all.get_mut(client) else { return };
        if left.epoch != mark.epoch {
            left.epoch = mark.epoch;
            left.passed_on.fill(false);
        }
        if let Some(lane) = left.passed_on.get_mut(mark.lane) {
            *lane = true;
        }
        drop(all);
        self.forget_if_passed_on(client);
    }

    /// Nothing is to be passed on any more, unless it comes back just now: then it has to be found here.
    pub(super) fn forget_if_passed_on(&self, client: &ClientId) {
        let mut all = self.handovers.left.lock();
        if all.get(client).is_none_or(|left| left.returning || !left.passed_on.iter().all(|lane| *lane)) {
            return;
        }
        let Some(left) = all.remove(client) else { return };
        drop(all);
        self.forget(client, &left);
    }

    pub(super) fn forget(&self, client: &ClientId, left: &Left) {
        for subscription in left.subscriptions.keys() {
            self.bus.unsubscribe(subscription, left.subscriber());
        }
        self.metrics.handed_over.add(left.pending());
        self.store.let_go(client);
    }

    /// Something for the client's session was refused: it may be another node's, or be so no more.
    fn look_after(&self, client: &ClientId) {
        let here = self.sessions.profile(client.as_str()).is_some_and(|profile| !profile.has_left());
        if here
            && self.handovers.looked_after.lock().insert(client.clone())
            && let Some(server) = self.this.upgrade()
        {
            let client = client.clone();
            self.spawn_handover("session leaving", async move {
                let found = server.store.whereabouts(&client).await;
                server.handovers.looked_after.lock().remove(&client);
                if let Ok(Some(found)) = found
                    && found.node != server.settings.node
                {
                    server.has_left(&client, found.epoch);
                }
            });
        }
    }

    /// A task that ends with the node.
    pub(super) fn spawn_handover(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.tasks.shutdown().clone();
        self.tasks.spawn(name, async move {
            tokio::select! {
                () = work => {}
                () = shutdown.requested() => {}
            }
        });
    }
}

impl Elsewhere for Server {
    fn room_changed(&self, client: &ClientId) {
        self.rooms.note(client);
    }

    fn store(&self, held: Vec<Held>) {
        self.hand_to_store(held);
    }

    fn store_one(&self, append: Append) -> Receipt {
        self.commit(Operation::Append(append))
    }

    fn pass_on(&self, client: &ClientId, to: &NodeId, delivery: Delivery, answer: Answer) {
        if *to == self.settings.node {
            return self.give_back(client, delivery, answer);
        }
        let Some(member) = &self.member else { return answer(Err(Refusal::Moved)) };
        self.look_after(client);
        let Delivery { event, shared, .. } = delivery;
        if member.knows(to) && !self.is_searched(client) {
            return member.forward(client, &event, shared.as_ref(), to, answer);
        }
        self.search(client, Searched { event, group: shared, direct: true, answer });
    }
}
