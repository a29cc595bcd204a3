use std::sync::Arc;

use super::super::port::Handover;
use crate::receipt::Receipt;
use crate::types::Event;

/// Who finishes the delivery of events that come from other nodes. The bus has given them to the subscribers of this node already.
pub trait Arrivals: Send + Sync + 'static {
    /// Stores the event for the durable queues in `handover`. The bus lets go of it once the receipt has resolved to safe.
    fn complete(&self, event: &Arc<Event>, handover: Handover) -> Receipt;
}
