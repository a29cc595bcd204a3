use std::sync::Arc;
use std::time::Duration;

use crate::bus::Subscriber;
use crate::durable::Operation;
use crate::receipt::Receipt;
use crate::types::{ClientId, EventId, Properties, QoS, TopicName};

/// An event as its publisher gives it.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub topic: TopicName,
    pub payload: Box<[u8]>,
    pub qos: QoS,
    pub retain: bool,
    pub properties: Properties,
    /// Message expiry, counted from now.
    pub expiry: Option<Duration>,
    pub publisher: ClientId,
}

/// What came of publishing.
pub struct Submitted {
    pub id: EventId,
    /// Resolves when the event is as safe as its QoS asks: acknowledge then, not before.
    pub receipt: Receipt,
    /// Subscribers that took it.
    pub matched: u32,
    /// Wait for this subscriber's room before publishing more.
    pub pressed: Option<Arc<dyn Subscriber>>,
    /// The mark of a QoS 2 packet id, where it has to be stored after the receipt has resolved and before the publisher is answered: other
    /// nodes have the event, and a crash must not leave the mark without them.
    pub mark: Option<Operation>,
}
