use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::event::{NewEvent, Submitted};
use super::retained::{Change, Retained};
use crate::bus::EventBus;
use crate::bus::Handover;
use crate::bus::Route;
use crate::bus::distributed::DistributedBus;
use crate::durable::DurableStore;
use crate::durable::Operation;
use crate::durable::Transaction;
use crate::hook::Authorizer;
use crate::hook::Identity;
use crate::receipt::Receipt;
use crate::telemetry::Metrics;
use crate::types::{AckLevel, DropReason, Event, EventIds, NodeTag, Refusal, Timestamp, TopicName};

/// Bounds on what is retained.
#[derive(Debug, Clone, Copy)]
pub struct RetainedLimits {
    pub messages: usize,
    pub bytes: usize,
}

/// What the ingress is made of.
pub struct Parts {
    pub node: NodeTag,
    pub bus: Arc<dyn EventBus>,
    pub store: Arc<dyn DurableStore>,
    pub authorizer: Arc<dyn Authorizer>,
    pub metrics: Arc<Metrics>,
    pub retained: RetainedLimits,
    /// What an acknowledgement waits for.
    pub ack: AckLevel,
    /// Of a node in a cluster: what is retained belongs to all of it, and is not in the store of this node.
    pub member: Option<Arc<DistributedBus>>,
}

/// Takes events from publishers and hands them to all who are owed them.
pub struct Ingress {
    bus: Arc<dyn EventBus>,
    pub(super) store: Arc<dyn DurableStore>,
    authorizer: Arc<dyn Authorizer>,
    pub(super) metrics: Arc<Metrics>,
    retained: Retained,
    limits: RetainedLimits,
    ack: AckLevel,
    member: Option<Arc<DistributedBus>>,
    ids: EventIds,
    /// Two publishers of one retained topic: whoever is last in memory is last on disk. Striped by topic.
    retaining: [Mutex<()>; RETAINING_STRIPES],
}

const RETAINING_STRIPES: usize = 64;

impl Ingress {
    /// `recovered` are the retained messages of the run before.
    pub fn new(parts: Parts, recovered: &[Arc<Event>]) -> Self {
        let ingress = Ingress {
            bus: parts.bus,
            store: parts.store,
            authorizer: parts.authorizer,
            metrics: parts.metrics,
            retained: Retained::default(),
            limits: parts.retained,
            ack: parts.ack,
            member: parts.member,
            ids: EventIds::new(parts.node),
            retaining: [const { Mutex::new(()) }; RETAINING_STRIPES],
        };
        for event in recovered {
            // What was accepted once stays, also when the limit was lowered meanwhile.
            ingress.retained.set(event, usize::MAX, usize::MAX);
        }
        ingress.count_retained();
        ingress
    }

    pub fn retained(&self) -> &Retained {
        &self.retained
    }

    /// Whether this publisher may publish here. Callers that publish to the same topic again may remember the answer.
    pub fn authorize(&self, identity: &Identity, client_id: &str, topic: &TopicName) -> Result<(), Refusal> {
        // `$SYS` and its like are the server's own.
        if topic.is_reserved() || !self.authorizer.may_publish(identity, client_id, topic) {
            return Err(Refusal::NotAuthorized);
        }
        Ok(())
    }

    /// Authorizes and publishes.
    pub fn submit(&self, identity: &Identity, event: NewEvent, route: &mut Route) -> Submitted {
        match self.authorize(identity, event.publisher.as_str(), &event.topic) {
            Ok(()) => self.publish(event, route, None, Timestamp::now()),
            Err(refusal) => {
                self.metrics.refused.add(1);
                Submitted {
                    id: self.ids.next(Timestamp::now()),
                    receipt: Receipt::refused(refusal),
                    matched: 0,
                    pressed: None,
                    mark: None,
                }
            }
        }
    }

    /// Publishes an event whose publisher is authorized. `received` marks its QoS 2 packet id as taken, in the same transaction
    /// as the queues that get the event: found again after a crash if and only if they are. Where other nodes get it, see [`Submitted::mark`].
    pub fn publish(&self, event: NewEvent, route: &mut Route, received: Option<Operation>, now: Timestamp) -> Submitted {
        let event = Arc::new(Event {
            id: self.ids.next(now),
            topic: event.topic,
            payload: event.payload,
            qos: event.qos,
            retain: event.retain,
            properties: event.properties,
            expires_at: event.expiry.map(|expiry| now.after(expiry)),
            publisher: event.publisher,
            time: now,
        });
        // What the server says about itself is not traffic.
        let traffic = !event.topic.is_reserved();
        self.metrics.received.of(event.qos).add(u64::from(traffic));
        let mut operations: SmallVec<[Operation; 2]> = SmallVec::new();
        let _in_order = event.retain.then(|| self.retaining[stripe(&event.topic)].lock());
        if event.retain {
            match self.retain(&event) {
                Ok(operation) => operations.extend(operation),
                Err(refusal) => {
                    self.metrics.refused.add(1);
                    return Submitted { id: event.id, receipt: Receipt::refused(refusal), matched: 0, pressed: None, mark: None };
                }
            }
        }
        let mut handover = Handover::default();
        let routed = self.bus.publish(&event, route, &mut handover);
        // What another node will do with it is not known here, only that somebody there asked for it.
        let matched = handover.accepted + handover.forwarded;
        let owed = handover.accepted + self.count_drops(&handover);
        self.metrics.owed.add(u64::from(owed));
        if owed == 0 && handover.forwarded == 0 {
            self.metrics.unrouted.add(u64::from(traffic));
        }
        let mut mark = received;
        if !handover.appends.is_empty() {
            if handover.forwarded == 0 {
                operations.extend(mark.take());
            }
            operations.extend(handover.appends.drain(..).map(Operation::Append));
        }
        let stored = if operations.is_empty() { Receipt::SAFE } else { self.store.commit(Transaction { operations }) };
        let stored = stored.and(handover.awaited());
        let routed = match &self.member {
            Some(member) if event.retain && traffic => routed.and(member.retain(&event)),
            _ => routed,
        };
        let receipt = match handover.refused {
            Some(refusal) => {
                self.metrics.refused.add(1);
                self.metrics.refused_queue_full.add(u64::from(refusal == Refusal::QueueFull));
                Receipt::refused(refusal)
            }
            // Whoever asked for no more than `routed` does not wait for the store.
            None if self.ack == AckLevel::Routed => routed,
            None => routed.and(stored),
        };
        let mark = mark.filter(|_| handover.forwarded > 0);
        Submitted { id: event.id, receipt, matched, pressed: handover.pressed, mark }
    }

    fn retain(&self, event: &Arc<Event>) -> Result<Option<Operation>, Refusal> {
        let change = self.retained.set(event, self.limits.messages, self.limits.bytes);
        self.count_retained();
        let operation = match change {
            Change::Full => return Err(Refusal::QuotaExceeded),
            Change::None => None,
            Change::Stored => Some(Operation::PutRetained { event: event.clone() }),
            Change::Deleted => Some(Operation::DeleteRetained { topic: event.topic.clone() }),
        };
        // The server's own `$SYS` messages are true only while it runs.
        Ok(operation.filter(|_| !event.topic.is_reserved() && self.member.is_none()))
    }

    /// Counts what was dropped in the end and says how much that was: a member of a group that passes an event on has dropped nothing.
    pub(super) fn count_drops(&self, handover: &Handover) -> u32 {
        let dropped = handover.dropped();
        if dropped > 0 {
            for (reason, count) in DropReason::ALL.into_iter().zip(handover.drops) {
                self.metrics.dropped.of(reason).add(u64::from(count));
            }
        }
        dropped
    }

    pub(super) fn count_retained(&self) {
        self.metrics.retained_messages.set(self.retained.len() as u64);
        self.metrics.retained_bytes.set(self.retained.bytes() as u64);
    }
}

fn stripe(topic: &TopicName) -> usize {
    let hash = xxhash_rust::xxh3::xxh3_64(topic.as_str().as_bytes());
    usize::try_from(hash % RETAINING_STRIPES as u64).unwrap_or_default()
}
