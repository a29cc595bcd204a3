use std::sync::Arc;

use super::publish::Ingress;
use crate::bus::Handover;
use crate::bus::distributed::Arrivals;
use crate::durable::Operation;
use crate::durable::Transaction;
use crate::receipt::Receipt;
use crate::types::Event;

/// What comes from other nodes was authorized and answered where it was published; here it is stored for whom it was meant.
impl Arrivals for Ingress {
    fn complete(&self, _: &Arc<Event>, mut handover: Handover) -> Receipt {
        let owed = handover.accepted + self.count_drops(&handover);
        self.metrics.owed.add(u64::from(owed));
        if handover.appends.is_empty() {
            return Receipt::SAFE;
        }
        let operations = handover.appends.drain(..).map(Operation::Append).collect();
        self.store.commit(Transaction { operations })
    }
}
