//! What a client is owed in answer to its packets, in the order of the packets [MQTT-4.6.0-2 to 4]. Each waits until what it says is true.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::packet::RetainHandling;
use super::reason::Reason;
use crate::receipt::Receipt;
use crate::types::{Refusal, SubscribeOptions, Subscription};

#[derive(Debug)]
pub enum Answer {
    PubAck {
        id: u16,
        matched: bool,
    },
    PubRec {
        id: u16,
        matched: bool,
    },
    /// To a PUBREC from the client.
    PubRel {
        id: u16,
        reason: Reason,
    },
    PubComp {
        id: u16,
        reason: Reason,
    },
    SubAck {
        id: u16,
        reasons: Vec<Reason>,
        retained: Vec<RetainedWanted>,
        /// Those that were not there before: they go again if the answer is no.
        new: Vec<Subscription>,
    },
    UnsubAck {
        id: u16,
        reasons: Vec<Reason>,
    },
}

/// A new subscription whose retained messages are to be sent.
#[derive(Debug)]
pub struct RetainedWanted {
    pub subscription: Subscription,
    pub options: SubscribeOptions,
}

impl RetainedWanted {
    /// MQTT 5 §3.8.3.1; shared subscriptions get none.
    pub fn for_subscription(
        subscription: &Subscription,
        options: SubscribeOptions,
        handling: RetainHandling,
        new: bool,
    ) -> Option<Self> {
        let wanted = match handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => new,
            RetainHandling::DoNotSend => false,
        };
        (wanted && subscription.group.is_none()).then(|| RetainedWanted { subscription: subscription.clone(), options })
    }
}

#[derive(Debug)]
struct Waiting {
    receipt: Receipt,
    answer: Answer,
    since: Instant,
}

/// An answer that may be sent, what its receipt said, and since when it had waited.
pub type Due = (Result<(), Refusal>, Answer, Instant);

#[derive(Debug, Default)]
pub struct Answers {
    waiting: VecDeque<Waiting>,
}

impl Answers {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives the answer back at once when nothing has to be waited for.
    pub fn push(&mut self, receipt: Receipt, answer: Answer) -> Option<(Result<(), Refusal>, Answer)> {
        match receipt {
            Receipt::Ready(outcome) if self.waiting.is_empty() => Some((outcome, answer)),
            receipt => {
                self.waiting.push_back(Waiting { receipt, answer, since: Instant::now() });
                None
            }
        }
    }

    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Due>> {
        let Some(next) = self.waiting.front_mut() else { return Poll::Ready(None) };
        let outcome = std::task::ready!(Pin::new(&mut next.receipt).poll(context));
        let answer = self.waiting.pop_front().map(|next| (outcome, next.answer, next.since));
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        Poll::Ready(answer)
    }
}
