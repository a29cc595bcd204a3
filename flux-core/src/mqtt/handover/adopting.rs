//! Sessions of nodes that are gone.

use std::sync::{Arc, Weak};

use futures_util::{Stream, StreamExt, stream};

use super::super::record::SessionRecord;
use super::super::server::Server;
use super::{Left, Passing, Subscriptions};
use crate::bus::distributed::Adopted;
use crate::bus::{Delivered, EventBus, Handover, MemoryBus, Subscriber};
use crate::durable::{StoreError, Whereabouts};
use crate::types::{ClientId, Delivery, DropReason, NodeId, QoS, SubscriberId, limits};

/// Passes events on to a session, wherever it is.
pub struct Forwarder {
    id: SubscriberId,
    client: ClientId,
    /// For what comes to this node, rather than for what came to a dead one.
    own: bool,
    server: Weak<Server>,
}

impl Subscriber for Forwarder {
    fn id(&self) -> SubscriberId {
        self.id
    }

    fn client(&self) -> &str {
        // What it published itself is for its session to leave out.
        ""
    }

    fn deliver(&self, delivery: Delivery, handover: &mut Handover) -> Delivered {
        if delivery.event.qos == QoS::AtMostOnce {
            return Delivered::Dropped(DropReason::Offline);
        }
        let Some(server) = self.server.upgrade() else { return Delivered::Dropped(DropReason::SessionEnded) };
        let (event, group) = (&delivery.event, delivery.shared.as_ref());
        handover.waits.push(match self.own {
            true => server.seek(&self.client, event, group, true),
            false => server.reach(&self.client, event, group),
        });
        Delivered::Observed
    }

    fn is_durable(&self) -> bool {
        true
    }
}

impl Server {
    fn forwarder(&self, client: &ClientId, own: bool) -> Arc<Forwarder> {
        Arc::new(Forwarder { id: SubscriberId::unique(), client: client.clone(), own, server: self.this.clone() })
    }

    async fn clients_left_by(&self, dead: &NodeId) -> Option<Vec<ClientId>> {
        let listed = self.store.clients_of(dead).await;
        listed
            .inspect_err(|problem| tracing::warn!(node = %dead, %problem, "the sessions of a node that is gone cannot be listed"))
            .ok()
    }

    /// Where the store says that each of them is, some at a time.
    fn look_for(
        &self,
        clients: Vec<ClientId>,
    ) -> impl Stream<Item = (Result<Option<Whereabouts>, StoreError>, ClientId)> + Unpin {
        let looks = clients.into_iter().map(async |client| (self.store.whereabouts(&client).await, client));
        Box::pin(stream::iter(looks).buffer_unordered(limits::ADOPTED_TOGETHER))
    }

    /// All that a dead node had subscribed to for sessions, each leading to its session.
    pub(super) async fn estate(&self, dead: &NodeId) -> Option<Arc<MemoryBus>> {
        let estate = Arc::new(MemoryBus::new());
        let mut looks = self.look_for(self.clients_left_by(dead).await?);
        while let Some((found, client)) = looks.next().await {
            let found =
                found.inspect_err(|problem| tracing::warn!(client_id = %client, %problem, "a session cannot be read")).ok()?;
            // One that it had tried to take over, and another has, is listed as well: what came here was not for it.
            let Some(found) = found.filter(|found| found.node == *dead || found.sources.contains(dead)) else { continue };
            let forwarder = self.forwarder(&client, false);
            for (subscription, options) in subscriptions(&client, &found) {
                drop(estate.subscribe(&subscription, options, forwarder.clone()));
            }
        }
        Some(estate)
    }

    /// Takes over sessions of a dead node that nobody else has taken.
    pub(super) async fn adopt(self: &Arc<Self>, dead: &NodeId) -> Adopted {
        let Some(mut clients) = self.clients_left_by(dead).await else { return Adopted::InPart };
        let count = clients.len();
        // Several do this: they begin with different ones.
        clients.rotate_left(if count > 0 { rand::random::<u32>() as usize % count } else { 0 });
        let adoptions = clients.into_iter().map(|client| async move { (self.adopt_client(&client, dead).await, client) });
        let mut adoptions = stream::iter(adoptions).buffer_unordered(limits::ADOPTED_TOGETHER);
        while let Some((outcome, client)) = adoptions.next().await {
            if let Err(problem) = outcome {
                tracing::warn!(client_id = %client, node = %dead, %problem, "a session cannot be taken over at the moment");
            }
        }
        if count == 0 { Adopted::All } else { Adopted::InPart }
    }

    async fn adopt_client(self: &Arc<Self>, client: &ClientId, dead: &NodeId) -> Result<(), StoreError> {
        if let Some(found) = self.store.whereabouts(client).await?.filter(|found| found.node != *dead) {
            // It was taken over, and what it still gets through the dead node is on its way.
            if !found.sources.contains(dead) {
                self.store.unlist(client, std::slice::from_ref(dead));
                return Ok(());
            }
            if found.node != self.settings.node {
                return Ok(());
            }
            // If it is not here, this node has it by a claim whose answer was lost.
        }
        // Who connects here just now claims it.
        let Some(mut reservation) = self.sessions.reserve(client) else { return Ok(()) };
        let claimed = self.store.adopt(client, dead).await?;
        if claimed.session.is_none() && claimed.will.is_none() {
            reservation.remove();
            // Nothing is stored for it.
            if self.store.whereabouts(client).await?.is_none() {
                self.store.unlist(client, std::slice::from_ref(dead));
            }
            return Ok(());
        }
        match self.bring_in(client, claimed, self.has_kept(client)).await {
            Some(session) => {
                tracing::debug!(client_id = %client, node = %dead, "a session was taken over from a node that is gone");
                if let Some(at) = session.due_at() {
                    self.deadlines.add(at, client.clone());
                }
                *reservation.session() = Some(session);
            }
            None => reservation.remove(),
        }
        Ok(())
    }

    /// Sessions that had left before this node was stopped: what its inbox still has for them is passed on.
    pub fn pass_on_to(self: &Arc<Self>, left: Vec<(ClientId, Whereabouts)>) {
        if left.is_empty() {
            return;
        }
        let clients: Vec<ClientId> = left.iter().map(|(client, _)| client.clone()).collect();
        let lanes = self.member.as_ref().map_or(1, |member| member.lanes());
        for (client, found) in left {
            let (forwarder, subscriptions) = (self.forwarder(&client, true), subscriptions(&client, &found));
            for (subscription, options) in &subscriptions {
                // Other nodes know: it is among the routes of the life before.
                drop(self.bus.subscribe(subscription, *options, forwarder.clone()));
            }
            let left = Left {
                passing: Passing::Forwarder(forwarder.id),
                subscriptions,
                epoch: 0,
                passed_on: vec![false; lanes],
                returning: false,
            };
            self.handovers.left.lock().insert(client, left);
        }
        let server = self.clone();
        self.spawn_handover("session leaving", async move { server.watch_left(clients).await });
    }

    /// Who drained the inbox before this node was back may have had the words that would end it.
    async fn watch_left(&self, mut clients: Vec<ClientId>) {
        while !clients.is_empty() {
            tokio::time::sleep(limits::DRAIN_RETRY).await;
            let mut waiting = Vec::new();
            for client in clients {
                let over = match self.store.whereabouts(&client).await {
                    Ok(Some(found)) => found.node == self.settings.node || !found.sources.contains(&self.settings.node),
                    Ok(None) => true,
                    Err(_) => false,
                };
                if !over {
                    waiting.push(client);
                    continue;
                }
                let mut all = self.handovers.left.lock();
                if !all.get(&client).is_some_and(|left| matches!(left.passing, Passing::Forwarder(_))) {
                    continue;
                }
                let left = all.remove(&client);
                drop(all);
                left.iter().for_each(|left| self.forget(&client, left));
            }
            clients = waiting;
        }
    }

    /// The others had given this node up: it looks for sessions that they have taken over.
    pub(super) async fn look_for_lost(&self) {
        let mut clients = Vec::new();
        self.sessions.for_each(|profile, _| {
            if profile.facts.lock().durable {
                clients.push(profile.client.clone());
            }
        });
        let mut looks = self.look_for(clients);
        while let Some((found, client)) = looks.next().await {
            if let Ok(Some(found)) = found
                && found.node != self.settings.node
            {
                self.has_left(&client, found.epoch);
            }
        }
    }
}

fn subscriptions(client: &ClientId, found: &Whereabouts) -> Subscriptions {
    match SessionRecord::decode(&found.record) {
        Ok(record) => record.subscriptions.iter().filter_map(|subscription| subscription.parse()).collect(),
        Err(problem) => {
            tracing::error!(client_id = %client, %problem, "a stored session does not read");
            Subscriptions::default()
        }
    }
}
