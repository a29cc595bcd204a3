use std::sync::Arc;

use super::publish::Ingress;
use crate::bus::Handover;
use crate::bus::distributed::Arrivals;
use crate::durable::Operation;
use crate::durable::Transaction;
use crate::receipt::Receipt;
use crate::types::{Event, TopicFilter, TopicName};

/// What comes from other nodes was authorized and answered where it was published; here it is stored for whom it was meant.
impl Arrivals for Ingress {
    fn complete(&self, _: &Arc<Event>, mut handover: Handover) -> Receipt {
        let owed = handover.accepted + self.count_drops(&handover);
        self.metrics.owed.add(u64::from(owed));
        let awaited = handover.awaited();
        if handover.appends.is_empty() {
            return awaited;
        }
        let operations = handover.appends.drain(..).map(Operation::Append).collect();
        awaited.and(self.store.commit(Transaction { operations }))
    }

    fn retained(&self, topic: &TopicName, event: Option<Arc<Event>>) {
        match event {
            // The limit is that of the node where it was published: what was accepted there is kept everywhere.
            Some(event) => _ = self.retained().set(&event, usize::MAX, usize::MAX),
            None => self.retained().forget(topic),
        }
        self.count_retained();
    }

    fn retained_now(&self, topic: &TopicName) -> Option<Arc<Event>> {
        self.retained().get(topic.as_str())
    }

    fn retained_topics(&self) -> Vec<TopicName> {
        let all = TopicFilter::parse("#").expect("a valid filter");
        self.retained().matching(&all).iter().map(|event| event.topic.clone()).collect()
    }
}
