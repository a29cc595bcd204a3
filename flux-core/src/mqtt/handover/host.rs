use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;

use super::super::server::Server;
use crate::bus::MemoryBus;
use crate::bus::distributed::{Adopted, Mark, SessionHost, Word};
use crate::receipt::Receipt;
use crate::types::{ClientId, Event, NodeId, Refusal, Subscription};

/// The server, as the bus knows it.
pub struct Host(Weak<Server>);

impl Host {
    pub fn new(server: &Arc<Server>) -> Arc<Self> {
        Arc::new(Host(Arc::downgrade(server)))
    }
}

impl SessionHost for Host {
    fn adopt<'a>(&'a self, dead: &'a NodeId) -> BoxFuture<'a, Adopted> {
        Box::pin(async move {
            match self.0.upgrade() {
                Some(server) => server.adopt(dead).await,
                None => Adopted::InPart,
            }
        })
    }

    fn estate<'a>(&'a self, dead: &'a NodeId) -> BoxFuture<'a, Option<Arc<MemoryBus>>> {
        Box::pin(async move { self.0.upgrade()?.estate(dead).await })
    }

    fn rejoined(&self) {
        if let Some(server) = self.0.upgrade() {
            server.clone().spawn_handover("lost sessions", async move { server.look_for_lost().await });
        }
    }

    fn returned(&self) {
        if let Some(server) = self.0.upgrade() {
            server.clone().spawn_handover("cut off", async move { server.end_who_may_miss().await });
        }
    }

    fn reach(&self, client: &ClientId, event: &Arc<Event>, group: Option<&Arc<Subscription>>) -> Receipt {
        match self.0.upgrade() {
            Some(server) => server.reach(client, event, group),
            None => Receipt::refused(Refusal::ShuttingDown),
        }
    }

    fn passed_on(&self, client: &ClientId, mark: Mark, dead: &NodeId) -> Receipt {
        match self.0.upgrade() {
            Some(server) => server.finish_lane_of(dead, client, mark),
            None => Receipt::refused(Refusal::ShuttingDown),
        }
    }

    fn hear(&self, client: &ClientId, mark: Mark) {
        let Some(server) = self.0.upgrade() else { return };
        match mark.word {
            Word::Known => server.hear_known(client, mark.lane, mark.epoch),
            Word::Mine => server.hear_claimed(client, mark),
            Word::PassedOn => server.hear_passed_on(client, NodeId::new(mark.node.as_str()), mark.lane, mark.epoch),
        }
    }
}
