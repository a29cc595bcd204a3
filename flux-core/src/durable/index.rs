//! What is alive and where it stands on disk. Pure: records go in, in the order of the log, at a start as well as while it runs.
//!
//! Invariant: a segment's `live` is the sum of what a start would need of it; at zero the file can go (once all older ones have).

use std::collections::VecDeque;

use foldhash::HashMap;

use super::entries::Entries;
use super::frame::RECORD_HEADER;
use super::record::Record;
use crate::types::{ClientId, QueueId, Seq, TopicName};

/// What a small record (a received mark, a queue's next seq) weighs in `live`.
const SMALL: u64 = RECORD_HEADER as u64 + 17;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) offset: u32,
    /// Of the payload; 0 is no place at all.
    pub(super) length: u32,
}

impl Place {
    fn live(self) -> u64 {
        RECORD_HEADER as u64 + u64::from(self.length)
    }
}

/// One durable session.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The session's record; none while a start has only seen entries.
    pub(super) record: Place,
    pub(super) next: u64,
    /// The segment of the last record that says what `next` is.
    named: u32,
    pub(super) entries: Entries,
    /// Packet ids, and the segment of the mark.
    pub(super) received: HashMap<u16, u32>,
}

/// Bytes that a start needs, for each segment.
#[derive(Debug, Default)]
struct Live {
    first: u32,
    segments: VecDeque<u64>,
    total: u64,
}

impl Live {
    fn add(&mut self, segment: u32, bytes: u64) {
        if self.segments.is_empty() {
            self.first = segment;
        }
        let index = segment.checked_sub(self.first).expect("records are written to segments that are there") as usize;
        if self.segments.len() <= index {
            self.segments.resize(index + 1, 0);
        }
        self.segments[index] += bytes;
        self.total += bytes;
    }

    fn sub(&mut self, segment: u32, bytes: u64) {
        self.segments[(segment - self.first) as usize] -= bytes;
        self.total -= bytes;
    }
}

/// What has to be written again before a segment can go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Again {
    No,
    /// As it stands.
    Same,
    Session(Seq),
    Next(QueueId, Seq),
}

#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) queues: HashMap<QueueId, Queue>,
    pub(super) wills: HashMap<ClientId, Place>,
    pub(super) retained: HashMap<TopicName, Place>,
    pub(super) entries: u64,
    /// No queue id from here on was seen.
    pub(super) next_queue: u64,
    live: Live,
}

impl Index {
    pub(super) fn live(&self) -> u64 {
        self.live.total
    }

    pub(super) fn live_of(&self, segment: u32) -> u64 {
        let index = segment.checked_sub(self.live.first).map(|index| index as usize);
        index.and_then(|index| self.live.segments.get(index)).copied().unwrap_or(0)
    }

    /// The oldest segment, with nothing alive in it, is no more.
    pub(super) fn forget_segment(&mut self, segment: u32) {
        if self.live.first == segment && !self.live.segments.is_empty() {
            let live = self.live.segments.pop_front();
            debug_assert_eq!(live, Some(0), "only a dead segment goes");
            self.live.first += 1;
        }
    }

    /// Takes the next record of the log. Records of what is not there are records of what has ended since.
    pub(super) fn apply(&mut self, record: &Record<'_>, place: Place) {
        if let Some(queue) = record.queue() {
            self.next_queue = self.next_queue.max(queue.0 + 1);
        }
        match *record {
            Record::Entry { queue, seq, content, .. } => {
                self.name_next(queue, seq.next(), place);
                self.put(queue, seq, place, Some(content));
            }
            Record::Release { queue, seq } => {
                // A queue that has the seq behind it has to know: a start may see this before anything else of the queue.
                self.name_next(queue, seq.next(), place);
                self.put(queue, seq, place, None);
            }
            Record::Remove { queue, seq } => {
                let removed = self.queues.get_mut(&queue).and_then(|queue| queue.entries.remove(seq));
                if let Some(place) = removed {
                    self.live.sub(place.segment, place.live());
                    self.entries -= 1;
                }
            }
            Record::MarkReceived { queue, packet_id } => {
                let queue = self.queues.entry(queue).or_default();
                if let Some(earlier) = queue.received.insert(packet_id, place.segment) {
                    self.live.sub(earlier, SMALL);
                }
                self.live.add(place.segment, SMALL);
            }
            Record::ForgetReceived { queue, packet_id } => {
                if let Some(segment) = self.queues.get_mut(&queue).and_then(|queue| queue.received.remove(&packet_id)) {
                    self.live.sub(segment, SMALL);
                }
            }
            Record::Session { queue, next, .. } => {
                self.name_next(queue, next, place);
                let queue = self.queues.entry(queue).or_default();
                replace(&mut queue.record, place, &mut self.live);
            }
            Record::DeleteSession { queue } => {
                self.clear(queue);
                if let Some(queue) = self.queues.remove(&queue) {
                    let mut record = queue.record;
                    replace(&mut record, Place::default(), &mut self.live);
                    if queue.next > 0 {
                        self.live.sub(queue.named, SMALL);
                    }
                }
            }
            Record::ClearQueue { queue, next } => {
                self.clear(queue);
                self.name_next(queue, next, place);
            }
            Record::Next { queue, next } => self.name_next(queue, next, place),
            Record::Will { client, .. } => {
                let known = self.wills.entry(ClientId::new(client)).or_default();
                replace(known, place, &mut self.live);
            }
            Record::DeleteWill { client } => {
                if let Some(mut known) = self.wills.remove(client) {
                    replace(&mut known, Place::default(), &mut self.live);
                }
            }
            Record::Retained { topic, .. } => {
                // A topic that does not parse is not stored; one that was is damage that the checksum did not see.
                if let Ok(topic) = TopicName::parse(topic) {
                    replace(self.retained.entry(topic).or_default(), place, &mut self.live);
                }
            }
            Record::DeleteRetained { topic } => {
                if let Some(mut known) = self.retained.remove(topic) {
                    replace(&mut known, Place::default(), &mut self.live);
                }
            }
        }
    }

    /// Whether the record at `place` has to be written again because its segment goes.
    pub(super) fn again(&self, record: &Record<'_>, place: Place) -> Again {
        let queue = record.queue().and_then(|id| Some((id, self.queues.get(&id)?)));
        let same = match (*record, queue) {
            (Record::Entry { seq, .. } | Record::Release { seq, .. }, Some((_, queue))) => {
                queue.entries.place(seq) == Some(place)
            }
            (Record::MarkReceived { packet_id, .. }, Some((_, queue))) => queue.received.get(&packet_id) == Some(&place.segment),
            (Record::Session { .. }, Some((_, queue))) if queue.record == place => return Again::Session(Seq(queue.next)),
            (Record::Will { client, .. }, _) => self.wills.get(client) == Some(&place),
            (Record::Retained { topic, .. }, _) => self.retained.get(topic) == Some(&place),
            _ => false,
        };
        if same {
            return Again::Same;
        }
        let names = match *record {
            Record::Entry { seq, .. } | Record::Release { seq, .. } => Some(seq.next()),
            Record::Session { next, .. } | Record::ClearQueue { next, .. } | Record::Next { next, .. } => Some(next),
            _ => None,
        };
        match (names, queue) {
            (Some(next), Some((id, queue))) if next.0 == queue.next && queue.named == place.segment => Again::Next(id, next),
            _ => Again::No,
        }
    }

    /// Queues without a session: what a start finds when commits are missing.
    pub(super) fn drop_orphans(&mut self) -> u64 {
        let orphans: Vec<_> =
            self.queues.iter().filter(|(_, queue)| queue.record == Place::default()).map(|(id, _)| *id).collect();
        let mut entries = 0;
        for queue in orphans {
            entries += self.queues[&queue].entries.count();
            self.apply(&Record::DeleteSession { queue }, Place::default());
        }
        entries
    }

    fn name_next(&mut self, queue: QueueId, next: Seq, place: Place) {
        let queue = self.queues.entry(queue).or_default();
        if next.0 < queue.next {
            return;
        }
        if queue.next > 0 {
            self.live.sub(queue.named, SMALL);
        }
        (queue.next, queue.named) = (next.0, place.segment);
        self.live.add(place.segment, SMALL);
    }

    fn put(&mut self, queue: QueueId, seq: Seq, place: Place, content: Option<u32>) {
        let queue = self.queues.entry(queue).or_default();
        match queue.entries.put(seq, place, content) {
            Some(earlier) => self.live.sub(earlier.segment, earlier.live()),
            None => self.entries += 1,
        }
        self.live.add(place.segment, place.live());
    }

    fn clear(&mut self, queue: QueueId) {
        let Some(queue) = self.queues.get_mut(&queue) else { return };
        let entries = std::mem::take(&mut queue.entries);
        self.entries -= entries.count();
        for place in entries.places() {
            self.live.sub(place.segment, place.live());
        }
        for (_, segment) in std::mem::take(&mut queue.received) {
            self.live.sub(segment, SMALL);
        }
    }
}

fn replace(known: &mut Place, place: Place, live: &mut Live) {
    if *known != Place::default() {
        live.sub(known.segment, known.live());
    }
    if place != Place::default() {
        live.add(place.segment, place.live());
    }
    *known = place;
}
