//! What becomes of a node that is gone: others take over its sessions, and then what lies in its inbox is passed on to these and its name
//! forgotten. Every survivor does it as far as no other does; one that dies in turn is followed by the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;

use super::super::memory::MemoryBus;
use super::super::port::Handover;
use super::super::route::Route;
use super::super::wire::{self, Message};
use super::answers::{self, StreamEntry};
use super::core::Core;
use super::inbox::GROUP;
use super::membership::{Generation, PeerState};
use super::retained;
use super::sessions::{Adopted, Mark, SessionHost, Word, mark_of};
use crate::lifecycle::Tasks;
use crate::receipt::Receipt;
use crate::redis::{RedisError, Value};
use crate::types::{Event, NodeId, Refusal, Subscription, limits};

/// A node that is gone, in its last life.
#[derive(Clone)]
struct Dead {
    node: NodeId,
    generation: Generation,
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
        let lanes = (0..self.settings.lanes).map(|lane| self.drain(&host, dead, &estate, &drainer, lane));
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

    /// Passes on what lies in one lane, for as long as no other does it and the node is not back.
    async fn drain(&self, host: &Arc<dyn SessionHost>, dead: &Dead, estate: &MemoryBus, drainer: &str, lane: usize) {
        // What the dead node has passed on itself goes first, and came by this node's own inbox.
        _ = tokio::time::timeout(limits::CATCH_UP, self.caught_up(lane)).await;
        let keys = self.keys.for_draining(&dead.node, lane);
        let silence = u64::try_from(limits::DRAINER_SILENCE.as_millis()).unwrap_or(u64::MAX);
        let mut done: Vec<String> = Vec::new();
        while !self.closing.is_requested() {
            let mut command = self.scripts.drain(&keys).arg(drainer).arg(silence).arg(dead.generation.0);
            command = command.arg(limits::INBOX_READ).arg(GROUP);
            for id in &done {
                command = command.arg(id);
            }
            let entries = match self.redis.call(command).await {
                Ok(Value::Nil) => Vec::new(),
                Ok(answer) => {
                    done.clear();
                    answers::entries(answer).unwrap_or_default()
                }
                Err(problem) => {
                    tracing::debug!(%problem, node = %dead.node, "the inbox of a node that is gone cannot be read at the moment");
                    Vec::new()
                }
            };
            if entries.is_empty() {
                tokio::time::sleep(limits::HANDOVER_LOOK).await;
                continue;
            }
            for (id, batch) in entries.into_iter().map(StreamEntry::into_batch) {
                if !self.pass_on(host, dead, estate, &batch).await {
                    return;
                }
                done.push(id);
            }
        }
    }

    /// Resolves when all of the batch is safe elsewhere. `false`: this node stops.
    async fn pass_on(&self, host: &Arc<dyn SessionHost>, dead: &Dead, estate: &MemoryBus, batch: &[u8]) -> bool {
        for bytes in wire::split(batch) {
            let message = match bytes.map(wire::decode) {
                Ok(Ok(message)) => message,
                // A fence: whoever has put it there hears no answer from the dead.
                Ok(Err(_)) => continue,
                Err(problem) => {
                    tracing::error!(%problem, "a message to a node that is gone cannot be read");
                    continue;
                }
            };
            let mut receipts = self.receipts(host, dead, estate, &message);
            loop {
                match Receipt::all(receipts).await {
                    Ok(()) | Err(Refusal::QueueFull) => break,
                    Err(Refusal::ShuttingDown) => return false,
                    Err(problem) => {
                        tracing::warn!(%problem, "a message to a node that is gone cannot be passed on: trying again")
                    }
                }
                tokio::time::sleep(limits::DRAIN_RETRY).await;
                if self.closing.is_requested() {
                    return false;
                }
                receipts = self.receipts(host, dead, estate, &message);
            }
        }
        true
    }

    fn receipts(&self, host: &Arc<dyn SessionHost>, dead: &Dead, estate: &MemoryBus, message: &Message) -> Vec<Receipt> {
        let Message { event, audience, .. } = message;
        if let Some(client) = &audience.session {
            return match mark_of(event) {
                // It would say so itself: all before it was passed on.
                Some(mark) if mark.word == Word::Mine => {
                    let to = NodeId::new(mark.node.as_str());
                    let echo = Mark { word: Word::PassedOn, node: dead.node.to_string(), ..mark };
                    vec![self.say(client, &to, &echo)]
                }
                Some(_) => Vec::new(),
                None => vec![host.reach(client, event, audience.groups.first())],
            };
        }
        let mut receipts = Vec::new();
        let mut passed_on = Handover::default();
        if audience.everyone {
            let mut route = Route::default();
            estate.refresh(&event.topic, &mut route);
            route.deliver_to_subscribers(event, &mut passed_on);
        }
        for group in &audience.groups {
            receipts.push(self.pass_to_group(group, event, dead, estate, &mut passed_on));
        }
        receipts.push(passed_on.awaited());
        receipts
    }

    /// Another member takes it: here, on another node, or one that the dead node had.
    fn pass_to_group(
        &self,
        group: &Arc<Subscription>,
        event: &Arc<Event>,
        dead: &Dead,
        estate: &MemoryBus,
        passed_on: &mut Handover,
    ) -> Receipt {
        let mut taken = Handover { from_elsewhere: true, ..Handover::default() };
        if self.local.roster(group).is_some_and(|roster| roster.deliver(event, None, &mut taken))
            && let Some(arrivals) = self.arrivals.get()
        {
            return arrivals.complete(event, taken);
        }
        if let Some(receipt) = self.hand_on(group, event, 0, |node, terms| *node != dead.node && terms.with_room() > 0) {
            return receipt;
        }
        if let Some(roster) = estate.roster(group) {
            roster.deliver(event, None, passed_on);
        }
        Receipt::SAFE
    }
}
