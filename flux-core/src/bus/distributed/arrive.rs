//! Delivers what other nodes send.

use std::sync::Arc;

use foldhash::HashMap;

use super::super::port::{Handover, Subscriber};
use super::super::route::Route;
use super::super::wire::{self, Message};
use super::core::Core;
use super::seen::Seen;
use crate::receipt::Receipt;
use crate::types::{DropReason, TopicName, limits};

/// What one reader of messages remembers.
pub struct ReadMemory {
    routes: HashMap<TopicName, Route>,
    seen: Seen,
}

impl Default for ReadMemory {
    fn default() -> Self {
        ReadMemory { routes: HashMap::default(), seen: Seen::new(limits::SEEN_MESSAGES) }
    }
}

/// What is left to do of one batch.
pub struct Outcome {
    /// Resolve when all of it is safe.
    pub receipts: Vec<Receipt>,
    /// A subscriber that is behind.
    pub pressed: Option<Arc<dyn Subscriber>>,
}

impl Core {
    /// Delivers a batch. `again`: it was tried before and could not be stored, so nothing of it counts as a double.
    pub fn arrive(&self, batch: &[u8], memory: &mut ReadMemory, again: bool) -> Outcome {
        let mut outcome = Outcome { receipts: Vec::new(), pressed: None };
        self.figures.batches_in.add(1);
        for bytes in wire::split(batch) {
            let problem = match bytes.map(wire::decode) {
                Ok(Ok(message)) => {
                    self.figures.messages_in.add(1);
                    if memory.seen.first(message.event.id, &message.audience) || again {
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

    fn deliver(&self, message: &Message, memory: &mut ReadMemory, outcome: &mut Outcome) {
        let Message { event, audience } = message;
        let mut handover = Handover::default();
        if audience.everyone {
            if memory.routes.len() >= limits::ARRIVAL_ROUTES && !memory.routes.contains_key(&event.topic) {
                memory.routes.clear();
            }
            let route = memory.routes.entry(event.topic.clone()).or_default();
            self.local.refresh(&event.topic, route);
            route.deliver_to_subscribers(event, &mut handover);
        }
        for group in &audience.groups {
            let mut tried = Handover::default();
            let taken = self.local.roster(group).is_some_and(|roster| roster.deliver(event, None, &mut tried));
            if taken {
                handover.absorb(tried);
                continue;
            }
            match self.hand_on(group, event, audience.hops) {
                Some(receipt) => outcome.receipts.push(receipt),
                None => handover.absorb(tried),
            }
        }
        outcome.pressed = outcome.pressed.take().or_else(|| handover.pressed.take());
        let Some(arrivals) = self.arrivals.get() else { return };
        // Its publisher has been answered: who cannot take it now loses it, and that is counted.
        if handover.refused.take().is_some() {
            handover.note_drop(DropReason::QueueFull);
        }
        let receipt = arrivals.complete(event, handover);
        if !matches!(receipt, Receipt::Ready(Ok(()))) {
            outcome.receipts.push(receipt);
        }
    }
}
