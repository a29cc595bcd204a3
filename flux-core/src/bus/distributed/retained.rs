//! The retained messages of the cluster: one authority in Redis, mirrored by every node.
//!
//! A change is stored first; then the change feed carries its topic, and every node reads the message anew. Its publisher hears that it
//! is safe once all nodes have. A subscriber that comes meanwhile is missed by neither side: either its route is known when the event is
//! sent, or it reads what is retained after its node has it, or it came in between, and then its node is sent the event once more. Where
//! its node was sent the event for others already, it waits until its node has read what is retained (`unread`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::wire::{self, EncodedEvent};
use super::answers::{self, Told};
use super::arrivals::Arrivals;
use super::core::Core;
use super::keys::RETAINED_PARTS;
use super::teller::wait_for_all;
use crate::receipt::{Receipt, ReceiptSender};
use crate::redis::{Command, RedisError, Value};
use crate::types::{Event, NodeId, Refusal, TopicName, limits};

/// What waits to be announced.
#[derive(Default)]
pub struct Announcements {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<Announcement>,
    /// Changes of this node's own that are not announced yet, by topic: until they are, Redis may hold an older one than this node.
    own: HashMap<TopicName, u32>,
}

struct Announcement {
    event: Arc<Event>,
    stored: Receipt,
    sender: ReceiptSender,
    /// Nodes that the event was sent to when it was published.
    sent_to: Vec<NodeId>,
}

impl Core {
    /// Stores the retained message that `event` is (or, without a payload, ends). Resolves once every node has it.
    pub fn retain(&self, event: &Arc<Event>) -> Receipt {
        let sent_to = self.mirror.read().destinations(&event.topic).nodes.into_iter().map(|(node, _)| node).collect();
        let (sender, receipt) = Receipt::pending();
        let mut state = self.announcements.state.lock();
        if state.waiting.len() >= limits::ANNOUNCEMENTS {
            return Receipt::refused(Refusal::QuotaExceeded);
        }
        *state.own.entry(event.topic.clone()).or_default() += 1;
        // Under the lock, so that two changes of one topic are stored in the order in which they are announced.
        let stored = self.redis.receipt(self.store_retained(event));
        state.waiting.push(Announcement { event: event.clone(), stored, sender, sent_to });
        drop(state);
        self.announcements.news.notify_one();
        receipt
    }

    fn store_retained(&self, event: &Event) -> Command {
        let (topic, key) = (event.topic.as_str(), self.keys.retained_for(event.topic.as_str()));
        let command = if event.payload.is_empty() {
            Command::new("HDEL").key(key).arg(topic)
        } else {
            Command::new("HSET").key(key).arg(topic).bytes(EncodedEvent::new(event).as_bytes())
        };
        command.repeatable().copies(self.settings.copies)
    }

    /// Reads anew what has changed, here or elsewhere.
    pub async fn refresh_retained(&self, mut topics: Vec<TopicName>) -> Result<(), RedisError> {
        let Some(arrivals) = self.arrivals.get() else { return Ok(()) };
        {
            let state = self.announcements.state.lock();
            topics.retain(|topic| !state.own.contains_key(topic));
        }
        let read = |topic: &TopicName| {
            let key = self.keys.retained_for(topic.as_str());
            self.redis.call(Command::new("HGET").key(key).arg(topic.as_str()).repeatable())
        };
        // All are asked for before the first has answered.
        for (topic, answer) in topics.iter().zip(join_all(topics.iter().map(read)).await) {
            self.read_retained(&**arrivals, topic, event_of(answer?));
        }
        Ok(())
    }

    fn read_retained(&self, arrivals: &dyn Arrivals, topic: &TopicName, event: Option<Arc<Event>>) {
        let id = event.as_ref().map(|event| event.id);
        arrivals.retained(topic, event);
        self.unread.read(topic, id);
    }

    /// Reads all there is. The first node of a cluster brings `own`, what it had retained by itself.
    pub async fn load_retained(&self, own: &[Arc<Event>]) -> Result<(), RedisError> {
        let Some(arrivals) = self.arrivals.get() else { return Ok(()) };
        let begin = Command::new("SETNX").key(self.keys.retained_begun()).arg(self.settings.node.as_str());
        if self.redis.call(begin.repeatable()).await? == Value::Int(1) {
            for stored in join_all(own.iter().map(|event| self.redis.call(self.store_retained(event)))).await {
                stored?;
            }
        }
        let mut gone: HashSet<TopicName> = arrivals.retained_topics().into_iter().collect();
        for part in 0..RETAINED_PARTS {
            let messages = self.redis.call(Command::new("HVALS").key(self.keys.retained(part)).repeatable()).await?;
            for event in answers::list(messages)?.into_iter().filter_map(event_of) {
                gone.remove(&event.topic);
                if !self.announcements.state.lock().own.contains_key(&event.topic) {
                    self.read_retained(&**arrivals, &event.topic.clone(), Some(event));
                }
            }
        }
        // Deleted while this node did not hear of it, or stored since it was looked for.
        self.refresh_retained(gone.into_iter().collect()).await
    }
}

/// What a later version has written and this one cannot read counts as none, and is said.
fn event_of(value: Value) -> Option<Arc<Event>> {
    let Value::BulkString(bytes) = value else { return None };
    match wire::decode(&bytes) {
        Ok(message) => Some(message.event),
        Err(problem) => {
            tracing::error!(%problem, "a retained message in Redis cannot be read");
            None
        }
    }
}

pub async fn run(core: Arc<Core>) {
    loop {
        tokio::select! {
            () = core.announcements.news.notified() => {}
            () = core.closing.requested() => return,
        }
        loop {
            let mut waiting = std::mem::take(&mut core.announcements.state.lock().waiting);
            if waiting.is_empty() {
                break;
            }
            while !waiting.is_empty() {
                let rest = waiting.split_off(waiting.len().min(limits::ANNOUNCED_TOGETHER));
                announce(&core, std::mem::replace(&mut waiting, rest)).await;
            }
        }
    }
}

async fn announce(core: &Core, batch: Vec<Announcement>) {
    let mut stored = Vec::with_capacity(batch.len());
    for Announcement { event, stored: receipt, sender, sent_to } in batch {
        stored.push((receipt.await, event, sender, sent_to));
    }
    let told = tell(core, stored.iter().map(|(_, event, ..)| event)).await;
    for (stored, event, sender, sent_to) in stored {
        let receipt = match stored.and(told) {
            Ok(()) => core.send_to_others(&event, &sent_to),
            Err(_) => Receipt::refused(Refusal::Unreachable),
        };
        if core.announcements.is_last(&event.topic)
            && let Err(problem) = core.refresh_retained(vec![event.topic.clone()]).await
        {
            // Another node may have changed it at the same time.
            tracing::warn!(%problem, topic = %event.topic, "a retained message cannot be compared with that of the cluster");
        }
        // Whoever does not wait any more needs no answer.
        _ = sender.send(receipt.await);
    }
}

impl Announcements {
    /// Counts one change of this node's own as announced, and says whether it was the last of its topic for now.
    fn is_last(&self, topic: &TopicName) -> bool {
        let mut state = self.state.lock();
        let Some(count) = state.own.get_mut(topic) else { return true };
        *count -= 1;
        let last = *count == 0;
        if last {
            state.own.remove(topic);
        }
        last
    }
}

/// Returns once every node, this one included, has read that these topics have changed, and all that each had published before is in the
/// inboxes.
pub async fn tell(core: &Core, events: impl Iterator<Item = &Arc<Event>>) -> Result<(), Refusal> {
    let generation = core.life.lock().generation;
    let mut command = core.scripts.announce().arg(core.settings.node.as_str()).arg(generation.0);
    for event in events {
        command = command.arg(event.topic.as_str());
    }
    match core.redis.call(command).await.and_then(answers::told) {
        Ok(Told::At(version, awaited)) if wait_for_all(core, version, &awaited, true).await => Ok(()),
        Ok(Told::Lost) => {
            core.give_up_life();
            Err(Refusal::Unreachable)
        }
        Ok(Told::At(..)) | Err(_) => Err(Refusal::Unreachable),
    }
}
