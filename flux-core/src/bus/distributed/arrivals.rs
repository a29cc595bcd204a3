use std::sync::Arc;

use super::super::port::Handover;
use crate::receipt::Receipt;
use crate::types::{Event, TopicName};

/// Who finishes the delivery of events that come from other nodes. The bus has given them to the subscribers of this node already.
pub trait Arrivals: Send + Sync + 'static {
    /// Stores the event for the durable queues in `handover`. The bus lets go of it once the receipt has resolved to safe.
    fn complete(&self, event: &Arc<Event>, handover: Handover) -> Receipt;

    /// The retained message of `topic` is this one now, whoever published it, or none.
    fn retained(&self, topic: &TopicName, event: Option<Arc<Event>>);

    /// What [`Arrivals::retained`] has said last of `topic`, or an event published here since.
    fn retained_now(&self, topic: &TopicName) -> Option<Arc<Event>>;

    /// Topics that have a retained message here, those that are about this node alone (`$SYS`) left out.
    fn retained_topics(&self) -> Vec<TopicName>;
}
