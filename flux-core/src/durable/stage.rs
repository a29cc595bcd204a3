//! Turns transactions into the records of one frame: gives entries their seqs and leaves out what concerns nothing that is there.

use std::sync::Arc;

use foldhash::HashMap;

use super::encoding::{encode_delivery, encode_event};
use super::frame::Frame;
use super::index::{Index, Place};
use super::port::{Operation, Transaction};
use super::record::Record;
use crate::bus::Stored;
use crate::types::{Delivery, Event, QueueId, Seq};

/// What the records staged so far will have made of a queue.
#[derive(Clone, Copy)]
struct Staged {
    exists: bool,
    /// Its entries go before this frame ends.
    cleared: bool,
    next: Seq,
    /// Entries before this one have been displaced in this frame.
    displaced_to: Seq,
}

/// An entry to be announced once it is stored.
pub(super) struct Announcement {
    seq: Seq,
    delivery: Delivery,
    owner: Arc<dyn Stored>,
}

impl Announcement {
    pub(super) fn announce(self) {
        self.owner.stored(self.seq, self.delivery);
    }

    pub(super) fn retract(self) {
        self.owner.unstored(&self.delivery);
    }
}

#[derive(Default)]
pub(super) struct Stage {
    queues: HashMap<QueueId, Staged>,
    pub(super) announcements: Vec<Announcement>,
    pub(super) displacements: Vec<Displacement>,
}

/// An entry that goes to make room, and its weight.
pub(super) struct Displacement {
    seq: Seq,
    weight: u64,
    owner: Arc<dyn Stored>,
}

impl Displacement {
    pub(super) fn announce(self) {
        self.owner.displaced(self.seq, self.weight);
    }
}

impl Stage {
    pub(super) fn clear(&mut self) {
        self.queues.clear();
        self.announcements.clear();
        self.displacements.clear();
    }

    fn queue(&mut self, queue: QueueId, index: &Index) -> &mut Staged {
        self.queues.entry(queue).or_insert_with(|| {
            let known = index.queues.get(&queue).filter(|known| known.record != Place::default());
            Staged {
                exists: known.is_some(),
                cleared: false,
                next: Seq(known.map_or(1, |known| known.next)),
                displaced_to: Seq(0),
            }
        })
    }

    pub(super) fn add(&mut self, transaction: Transaction, index: &Index, frame: &mut Frame) {
        for operation in transaction.operations {
            self.operation(operation, index, frame);
        }
    }

    fn operation(&mut self, operation: Operation, index: &Index, frame: &mut Frame) {
        match operation {
            Operation::Append(append) => {
                let staged = self.queue(append.queue, index);
                // The session ended while the message was on its way: nobody is owed it any more.
                if !staged.exists {
                    return;
                }
                let seq = staged.next;
                staged.next = seq.next();
                if append.displaces {
                    self.displace(append.queue, &append.owner, index, frame);
                }
                let event = &append.delivery.event;
                let content = u32::try_from(event.weight() - size_of::<Event>()).expect("a message is shorter than 4 GiB");
                frame.push(|out| {
                    Record::entry_head(append.queue, seq, content, out);
                    encode_delivery(&append.delivery, out);
                });
                self.announcements.push(Announcement { seq, delivery: append.delivery, owner: append.owner });
            }
            Operation::Remove { queue, seq } => {
                if self.holds(queue, seq, index) {
                    push(frame, Record::Remove { queue, seq });
                }
            }
            Operation::Release { queue, seq } => {
                if self.holds(queue, seq, index) {
                    push(frame, Record::Release { queue, seq });
                }
            }
            Operation::MarkReceived { queue, packet_id } => {
                if self.queue(queue, index).exists {
                    push(frame, Record::MarkReceived { queue, packet_id });
                }
            }
            Operation::ForgetReceived { queue, packet_id } => {
                if self.queue(queue, index).exists {
                    push(frame, Record::ForgetReceived { queue, packet_id });
                }
            }
            Operation::PutSession { queue, record, .. } => {
                let staged = self.queue(queue, index);
                staged.exists = true;
                let next = staged.next;
                push(frame, Record::Session { queue, next, record: &record });
            }
            Operation::DeleteSession { queue } => {
                let staged = self.queue(queue, index);
                if std::mem::take(&mut staged.exists) {
                    staged.cleared = true;
                    push(frame, Record::DeleteSession { queue });
                }
            }
            Operation::ClearQueue { queue } => {
                let staged = self.queue(queue, index);
                if staged.exists {
                    staged.cleared = true;
                    let next = staged.next;
                    push(frame, Record::ClearQueue { queue, next });
                }
            }
            // Sessions of one node do not come from others.
            Operation::HandedOver { .. } => {}
            Operation::PutWill { client, record } => push(frame, Record::Will { client: client.as_str(), record: &record }),
            Operation::DeleteWill { client } => push(frame, Record::DeleteWill { client: client.as_str() }),
            Operation::PutRetained { event } => frame.push(|out| {
                Record::retained_head(event.topic.as_str(), out);
                encode_event(&event, out);
            }),
            Operation::DeleteRetained { topic } => push(frame, Record::DeleteRetained { topic: topic.as_str() }),
        }
    }

    /// Lets go of the oldest entry that is stored; entries of this very frame stay, so a queue may exceed its bound by a frame.
    fn displace(&mut self, queue: QueueId, owner: &Arc<dyn Stored>, index: &Index, frame: &mut Frame) {
        let Some(known) = index.queues.get(&queue) else { return };
        let staged = self.queue(queue, index);
        if staged.cleared {
            return;
        }
        let Some(seq) = known.entries.run(staged.displaced_to, 1, usize::MAX).first().map(|(seq, _)| *seq) else { return };
        staged.displaced_to = seq.next();
        push(frame, Record::Remove { queue, seq });
        self.displacements.push(Displacement { seq, weight: known.entries.weight_of(seq), owner: owner.clone() });
    }

    fn holds(&self, queue: QueueId, seq: Seq, index: &Index) -> bool {
        !self.queues.get(&queue).is_some_and(|staged| staged.cleared)
            && index.queues.get(&queue).is_some_and(|known| known.entries.contains(seq))
    }
}

fn push(frame: &mut Frame, record: Record<'_>) {
    frame.push(|out| record.encode(out));
}
