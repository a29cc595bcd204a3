//! Delivers what other nodes send.

use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;
use tokio::time::Instant;

use super::super::port::{Handover, Subscriber};
use super::super::route::Route;
use super::super::wire::{self, Double, Fence, Message};
use super::canary::wall_micros;
use super::core::Core;
use super::fences::PASSED;
use super::pairs::{Arrival, Pairs};
use super::seen::{Seen, message_key};
use super::sessions::mark_of;
use crate::receipt::Receipt;
use crate::redis::Reply;
use crate::types::{ClientId, DropReason, Event, NodeId, Subscription, TopicName, limits};

/// What one reader of messages remembers.
pub struct ReadMemory {
    routes: HashMap<TopicName, Route>,
    seen: Seen,
    /// What it reads might have been lost on its way.
    may_be_lost: bool,
}

impl Default for ReadMemory {
    fn default() -> Self {
        ReadMemory { routes: HashMap::default(), seen: Seen::new(limits::SEEN_MESSAGES), may_be_lost: false }
    }
}

impl ReadMemory {
    /// Of a reader of Pub/Sub.
    pub fn of_what_may_be_lost() -> Self {
        ReadMemory { may_be_lost: true, ..ReadMemory::default() }
    }

    fn handover(&self, into_reserve: bool) -> Handover {
        Handover { from_elsewhere: true, into_reserve, may_be_lost: self.may_be_lost, ..Handover::default() }
    }
}

/// What is left to do of one batch.
pub struct Outcome {
    /// Resolve when all of it is safe.
    pub receipts: Vec<Receipt>,
    /// A subscriber that is behind.
    pub pressed: Option<Arc<dyn Subscriber>>,
    /// Something of it waits for a session that is on its way here.
    pub held: bool,
}

impl Core {
    /// Delivers a batch. `again`: it was tried before and could not be stored, so nothing of it counts as a double.
    pub fn arrive(&self, batch: &[u8], memory: &mut ReadMemory, again: bool) -> Outcome {
        let mut outcome = Outcome { receipts: Vec::new(), pressed: None, held: false };
        self.figures.batches_in.add(1);
        for bytes in wire::split(batch) {
            if let Ok(fence) = bytes
                && let Some(fence) = Fence::decode(fence)
            {
                self.answer_fence(fence);
                continue;
            }
            let problem = match bytes.map(wire::decode) {
                Ok(Ok(message)) => {
                    self.figures.messages_in.add(1);
                    let key = message_key(message.event.id, &message.audience);
                    // What is for one session may rightly come again: that moves on and comes back. The session tells doubles apart.
                    let first = message.audience.session.is_some() || memory.seen.first_of(key);
                    if let Some(double) = message.double.as_ref().filter(|_| first && !again) {
                        self.compare(key, double);
                    }
                    if message.is_delivered() && (first || again) {
                        self.deliver(&message, memory, &mut outcome);
                    } else {
                        self.figures.doubles.add(1);
                    }
                    continue;
                }
                Ok(Err(problem)) => problem.to_string(),
                Err(problem) => problem.to_string(),
            };
            self.figures.damaged.add(1);
            tracing::error!(problem, "a message from another node cannot be read");
        }
        outcome
    }

    /// All that came before by this way is delivered.
    fn answer_fence(&self, fence: Fence<'_>) {
        let answer = format!("{PASSED}{}", fence.number);
        let command = self.redis.publish(&self.keys.control(&NodeId::new(fence.node)), answer.as_bytes());
        self.redis.send(command, Reply::Ignored);
    }

    /// Notes which copy of an event has come, and after what time.
    fn compare(&self, key: u128, double: &Double) {
        let Some(figures) = self.canary_figures().filter(|figures| figures.canary.since == double.canary) else {
            // Of a canary that has ended, or that this node has not heard of yet.
            return;
        };
        let mut pairs = self.pairs.lock();
        if pairs.canary() != double.canary {
            *pairs = Pairs::new(double.canary);
        }
        let now = Instant::now();
        let arrival = pairs.arrived(key, double.role, now);
        let missing = pairs.give_up(now);
        drop(pairs);
        figures.note_missing(missing);
        if arrival != Arrival::Late {
            let way = figures.way(double.role);
            way.arrived.add(1);
            way.first.add(u64::from(arrival == Arrival::First));
            way.latency.observe(Duration::from_micros(wall_micros().saturating_sub(double.sent)));
        }
    }

    /// Copies that have not come for too long.
    pub fn give_up_missing(&self, now: Instant) {
        let Some(figures) = self.canary_figures() else { return };
        let mut pairs = self.pairs.lock();
        if pairs.canary() == figures.canary.since {
            figures.note_missing(pairs.give_up(now));
        }
    }

    fn deliver(&self, message: &Message, memory: &mut ReadMemory, outcome: &mut Outcome) {
        let Message { event, audience, .. } = message;
        if let Some(client) = &audience.session {
            return self.deliver_to_session(client, event, audience.groups.first(), outcome);
        }
        let mut handover = memory.handover(!audience.refused);
        if audience.everyone {
            // Before anybody gets it: who subscribes from now on waits until it is read.
            if event.retain
                && let Some(arrivals) = self.arrivals.get()
            {
                let retained = arrivals.retained_now(&event.topic).map(|retained| retained.id);
                self.unread.passed(event, retained, Instant::now());
            }
            if memory.routes.len() >= limits::ARRIVAL_ROUTES && !memory.routes.contains_key(&event.topic) {
                memory.routes.clear();
            }
            let route = memory.routes.entry(event.topic.clone()).or_default();
            self.local.refresh(&event.topic, route);
            route.deliver_to_subscribers(event, &mut handover);
        }
        for group in &audience.groups {
            let roster = self.local.roster(group);
            // Its members here have gone offline since it was sent.
            if roster.as_ref().is_none_or(|roster| !roster.is_attended())
                && let Some(receipt) = self.hand_on(group, event, audience.hops, |_, terms| terms.present() > 0)
            {
                outcome.receipts.push(receipt);
                continue;
            }
            let mut tried = memory.handover(false);
            if roster.as_ref().is_some_and(|roster| roster.deliver(event, None, &mut tried)) {
                handover.absorb(tried);
            } else if let Some(receipt) = self.hand_on(group, event, audience.hops, |_, terms| terms.with_room() > 0) {
                outcome.receipts.push(receipt);
            } else if let Some(roster) = roster {
                let mut last = memory.handover(true);
                roster.deliver(event, None, &mut last);
                handover.absorb(last);
            } else if let Some(receipt) = self.hand_on(group, event, audience.hops, |_, _| true) {
                outcome.receipts.push(receipt);
            }
        }
        outcome.pressed = outcome.pressed.take().or_else(|| handover.pressed.take());
        let Some(arrivals) = self.arrivals.get() else { return };
        // Its publisher has been answered: who cannot take it now loses it, and that is counted.
        if handover.refused.take().is_some() && !audience.refused {
            handover.note_drop(DropReason::QueueFull);
        }
        self.figures.delivered_in.add(u64::from(handover.accepted));
        self.figures.dropped_in.add(u64::from(handover.dropped()));
        outcome.held |= !handover.waits.is_empty();
        let receipt = arrivals.complete(event, handover);
        if !matches!(receipt, Receipt::Ready(Ok(()))) {
            outcome.receipts.push(receipt);
        }
    }

    fn deliver_to_session(
        &self,
        client: &ClientId,
        event: &Arc<Event>,
        group: Option<&Arc<Subscription>>,
        outcome: &mut Outcome,
    ) {
        let Some(host) = self.sessions.get() else { return };
        if let Some(mark) = mark_of(event) {
            return host.hear(client, mark);
        }
        let receipt = host.reach(client, event, group);
        if !matches!(receipt, Receipt::Ready(Ok(()))) {
            outcome.receipts.push(receipt);
            // It may have to be looked for; what is for others need not wait.
            outcome.held = true;
        }
    }
}
