//! What becomes of a node that is gone: others take over its sessions, and then what lies in its inbox is passed on to these (`draining`) and
//! its name forgotten. Every survivor does it as far as no other does; one that dies in turn is followed by the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;

use super::super::memory::MemoryBus;
use super::answers;
use super::core::Core;
use super::draining::Legacy;
use super::membership::{Generation, PeerState};
use super::retained;
use super::sessions::{Adopted, SessionHost};
use crate::lifecycle::Tasks;
use crate::redis::{RedisError, Value};
use crate::types::{NodeId, limits};

/// A node that is gone, in its last life.
#[derive(Clone)]
pub struct Dead {
    pub node: NodeId,
    pub generation: Generation,
}

pub async fn run(core: Arc<Core>, tasks: Tasks) {
    let under_way: Arc<Mutex<BTreeSet<NodeId>>> = Arc::default();
    while !core.closing.is_requested() {
        tokio::select! {
            () = tokio::time::sleep(core.settings.heartbeat) => {}
            () = core.closing.requested() => return,
        }
        if core.life.lock().state != PeerState::Ready || !core.is_connected() {
            continue;
        }
        let dead = match core.dead().await {
            Ok(dead) => dead,
            Err(problem) => {
                tracing::debug!(%problem, "whether nodes are gone cannot be asked at the moment");
                continue;
            }
        };
        for dead in dead {
            if !under_way.lock().insert(dead.node.clone()) {
                continue;
            }
            let (core, under_way) = (core.clone(), under_way.clone());
            tasks.spawn("bus succession", async move {
                core.succeed(&dead).await;
                under_way.lock().remove(&dead.node);
            });
        }
    }
}

impl Core {
    async fn dead(&self) -> Result<Vec<Dead>, RedisError> {
        let answer = answers::list(self.redis.call(self.scripts.dead()).await?)?;
        let dead = answer.chunks_exact(2).map(|pair| {
            let generation = answers::text(&pair[1])?.parse().unwrap_or_default();
            Ok(Dead { node: NodeId::new(answers::text(&pair[0])?), generation: Generation(generation) })
        });
        let dead: Result<Vec<Dead>, RedisError> = dead.collect();
        Ok(dead?.into_iter().filter(|dead| dead.node != self.settings.node).collect())
    }

    /// Until nothing of it is left, or it is back.
    async fn succeed(self: &Arc<Self>, dead: &Dead) {
        let Some(host) = self.sessions.get().cloned() else { return };
        // What is looked for while this node thinks that one alive is sent to it: it would come behind what lies there.
        while self.knows(&dead.node) {
            if self.closing.is_requested() || !self.is_dead(dead).await {
                return;
            }
            self.beat_now.notify_one();
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
        }
        tracing::info!(node = %dead.node, "taking over what a node has left");
        let Some(estate) = self.estate(&*host, dead).await else { return };
        let drainer = format!("{}/{:032x}", self.settings.node, rand::random::<u128>());
        let legacy = Legacy { dead: dead.clone(), host: host.clone(), estate };
        let lanes = (0..self.settings.lanes).map(|lane| self.drain(&legacy, &drainer, lane));
        tokio::select! {
            () = self.adopt_all(&host, dead) => {}
            _ = join_all(lanes) => {}
            () = self.closing.requested() => {}
        }
    }

    async fn estate(&self, host: &dyn SessionHost, dead: &Dead) -> Option<Arc<MemoryBus>> {
        loop {
            if let Some(estate) = host.estate(&dead.node).await {
                return Some(estate);
            }
            if self.closing.is_requested() || !self.is_dead(dead).await {
                return None;
            }
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
        }
    }

    async fn is_dead(&self, dead: &Dead) -> bool {
        match self.dead().await {
            Ok(all) => all.iter().any(|other| other.node == dead.node && other.generation == dead.generation),
            // Who does not hear of Redis decides nothing.
            Err(_) => true,
        }
    }

    /// Takes over sessions until nobody is owed anything through the dead node, and forgets it then.
    async fn adopt_all(&self, host: &Arc<dyn SessionHost>, dead: &Dead) {
        while self.is_dead(dead).await {
            if host.adopt(&dead.node).await == Adopted::All && self.forget(dead).await {
                tracing::info!(node = %dead.node, "nothing is left of a node that is gone");
                return;
            }
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
        }
    }

    /// `false`: not yet.
    async fn forget(&self, dead: &Dead) -> bool {
        let forget = |empty: &str| self.scripts.forget().arg(dead.node.as_str()).arg(dead.generation.0).arg(empty);
        if !matches!(self.redis.call(forget("0")).await, Ok(Value::Int(1))) {
            return false;
        }
        // Now nobody sends to its inbox any more; what is there by then goes the way of the rest.
        if retained::tell(self, std::iter::empty()).await.is_err() {
            return false;
        }
        loop {
            let depths = self.inbox_depths(&dead.node).await;
            if depths.iter().any(Result::is_err) || !self.is_dead(dead).await {
                return false;
            }
            if depths.iter().all(|depth| matches!(depth, Ok(Value::Int(0)))) {
                return matches!(self.redis.call(forget("1")).await, Ok(Value::Int(1)));
            }
            tokio::time::sleep(limits::HANDOVER_LOOK).await;
        }
    }
}
