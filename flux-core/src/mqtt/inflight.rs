//! Messages under way in both directions (MQTT 5 §4.3, §4.4, §4.9). Pure: packet ids and acknowledgements in, what to do out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::FixedState;

use crate::types::{Delivery, QoS, Seq};

/// From server to client: what was sent and is not acknowledged, at most as many as the client's receive maximum [MQTT-3.3.4-9].
#[derive(Debug)]
pub struct Outbound {
    limit: u16,
    last_id: u16,
    slots: HashMap<u16, Slot, FixedState>,
}

#[derive(Debug)]
struct Slot {
    awaits: Awaits,
    /// Its place in the durable queue.
    seq: Option<Seq>,
    /// For the bounds of the queue.
    weight: u64,
    /// Kept for a message of a shared group: another member gets it should this session end (QoS 1 only [MQTT-4.8.2-5]).
    shared: Option<Delivery>,
}

/// The packet that is awaited from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    /// PUBACK.
    Acknowledgement,
    /// PUBREC.
    Receipt,
    /// PUBCOMP.
    Completion,
}

/// A message that has left the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub qos: QoS,
    pub seq: Option<Seq>,
    pub weight: u64,
}

/// What a PUBREC means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PubRec {
    /// Send PUBREL, once the durable entry (if there is one) is marked as released.
    Release(Option<Seq>),
    /// PUBREL was sent before and is to be sent again.
    ReleaseAgain,
    /// The client refused the message: it is not sent again.
    Refused(Done),
    NotFound,
}

impl Outbound {
    pub fn new(limit: u16) -> Self {
        Outbound { limit: limit.max(1), last_id: 0, slots: HashMap::default() }
    }

    /// Messages that may be sent before something is acknowledged.
    pub fn room(&self) -> usize {
        usize::from(self.limit).saturating_sub(self.slots.len())
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The packet id of a durable entry: it follows from its place, so it is the same after a restart [MQTT-4.4.0-1].
    fn id_of(seq: Seq) -> u16 {
        u16::try_from((seq.0 - 1) % u64::from(u16::MAX) + 1).expect("a remainder of 65,535 plus one fits")
    }

    /// Whether the entry's packet id is free: not while the entry 65,535 before it is unacknowledged.
    pub fn is_free(&self, seq: Seq) -> bool {
        !self.slots.contains_key(&Self::id_of(seq))
    }

    /// Takes up a message with QoS 1 or 2 and gives its packet id. The caller has checked `room` (and `is_free` for a durable entry).
    pub fn send(&mut self, delivery: &Delivery, seq: Option<Seq>) -> u16 {
        let id = seq.map_or_else(|| self.free_id(), Self::id_of);
        let awaits = if delivery.qos == QoS::ExactlyOnce { Awaits::Receipt } else { Awaits::Acknowledgement };
        let shared = (delivery.shared.is_some() && awaits == Awaits::Acknowledgement && seq.is_none()).then(|| delivery.clone());
        self.slots.insert(id, Slot { awaits, seq, weight: delivery.event.weight() as u64, shared });
        id
    }

    /// Takes up a durable entry whose PUBREC had come before the connection broke: PUBREL is owed.
    pub fn send_release(&mut self, seq: Seq) -> u16 {
        let id = Self::id_of(seq);
        self.slots.insert(id, Slot { awaits: Awaits::Completion, seq: Some(seq), weight: 0, shared: None });
        id
    }

    fn free_id(&mut self) -> u16 {
        // The window is far smaller than the id space, so this ends after a few steps.
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.slots.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    fn finish(&mut self, id: u16, expected: Awaits) -> Option<Done> {
        if self.slots.get(&id)?.awaits != expected {
            return None;
        }
        let slot = self.slots.remove(&id)?;
        let qos = if expected == Awaits::Acknowledgement { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        Some(Done { qos, seq: slot.seq, weight: slot.weight })
    }

    /// `None` for an id that awaits no PUBACK.
    pub fn pub_ack(&mut self, id: u16) -> Option<Done> {
        self.finish(id, Awaits::Acknowledgement)
    }

    pub fn pub_rec(&mut self, id: u16, refused: bool) -> PubRec {
        match self.slots.get_mut(&id) {
            Some(slot) if slot.awaits == Awaits::Completion => PubRec::ReleaseAgain,
            Some(slot) if slot.awaits == Awaits::Receipt && !refused => {
                slot.awaits = Awaits::Completion;
                PubRec::Release(slot.seq)
            }
            Some(slot) if slot.awaits == Awaits::Receipt => {
                self.finish(id, Awaits::Receipt).map_or(PubRec::NotFound, PubRec::Refused)
            }
            _ => PubRec::NotFound,
        }
    }

    /// `None` for an id that awaits no PUBCOMP.
    pub fn pub_comp(&mut self, id: u16) -> Option<Done> {
        self.finish(id, Awaits::Completion)
    }

    /// The connection is gone: empties the window.
    pub fn interrupt(&mut self) -> Interrupted {
        let mut interrupted = Interrupted::default();
        for (_, slot) in self.slots.drain() {
            match (slot.seq, slot.shared) {
                (Some(seq), _) => {
                    interrupted.first_durable = Some(interrupted.first_durable.map_or(seq, |first: Seq| first.min(seq)));
                }
                (None, Some(delivery)) => interrupted.shared.push(delivery),
                (None, None) => interrupted.unshared += 1,
            }
        }
        interrupted.shared.sort_by_key(|delivery| delivery.event.id);
        interrupted
    }
}

/// What a window held when its connection broke.
#[derive(Debug, Default)]
pub struct Interrupted {
    /// The first durable entry that is not acknowledged.
    pub first_durable: Option<Seq>,
    /// What another member of a group should get, in order.
    pub shared: Vec<Delivery>,
    /// Copies that end with the connection: no queue behind them and no group.
    pub unshared: u64,
}

/// From client to server: QoS 2 packet ids between PUBLISH and PUBREL, and how much of our receive maximum is used.
#[derive(Debug, Default)]
pub struct Inbound {
    /// Packet id → whether the durable store knows of it.
    received: HashMap<u16, bool, FixedState>,
    unanswered: u16,
}

/// What a PUBLISH with QoS 2 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    New,
    /// The same message again: acknowledge it, publish nothing [MQTT-4.3.3-10].
    Again,
}

impl Inbound {
    /// `received`: packet ids that were taken when the server stopped.
    pub fn recovered(received: &[u16]) -> Self {
        Inbound { received: received.iter().map(|id| (*id, true)).collect(), unanswered: 0 }
    }

    /// Messages with QoS > 0 that we have not answered to the end.
    pub fn under_way(&self) -> usize {
        usize::from(self.unanswered) + self.received.len()
    }

    /// QoS 2 messages between PUBLISH and PUBREL.
    pub fn exactly_once(&self) -> usize {
        self.received.len()
    }

    /// A PUBLISH with QoS 1 has come.
    pub fn take(&mut self) {
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// Its PUBACK is written.
    pub fn answer(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    pub fn take_exactly_once(&mut self, id: u16) -> Received {
        match self.received.entry(id) {
            Entry::Occupied(_) => Received::Again,
            Entry::Vacant(entry) => {
                entry.insert(false);
                Received::New
            }
        }
    }

    pub fn contains(&self, id: u16) -> bool {
        self.received.contains_key(&id)
    }

    /// The durable store has been told of this id.
    pub fn mark(&mut self, id: u16) {
        self.received.insert(id, true);
    }

    /// The publish was refused: the id is free again.
    pub fn refuse(&mut self, id: u16) {
        self.received.remove(&id);
    }

    /// The connection is gone: QoS 1 is not answered any more.
    pub fn interrupt(&mut self) {
        self.unanswered = 0;
    }

    /// PUBREL has come. `Some(true)` when the durable store has to forget the id before PUBCOMP; `None` for an unknown id.
    pub fn release(&mut self, id: u16) -> Option<bool> {
        self.received.remove(&id)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::types::{ClientId, Event, EventId, Properties, Timestamp};

    fn delivery(qos: QoS) -> Delivery {
        let event = Event {
            id: EventId(1),
            topic: "t".parse().expect("valid topic"),
            payload: Box::default(),
            qos,
            retain: false,
            properties: Properties::NONE,
            expires_at: None,
            publisher: ClientId::new("test"),
            time: Timestamp(0),
        };
        Delivery { event: Arc::new(event), qos, retain: false, identifiers: None, shared: None }
    }

    #[test]
    fn the_window_is_the_receive_maximum() {
        let mut outbound = Outbound::new(2);
        let first = outbound.send(&delivery(QoS::AtLeastOnce), None);
        outbound.send(&delivery(QoS::ExactlyOnce), None);
        assert_eq!(outbound.room(), 0);
        assert!(outbound.pub_ack(first).is_some());
        assert_eq!(outbound.room(), 1);
    }

    #[test]
    fn a_packet_id_in_use_is_not_given_again() {
        let mut outbound = Outbound::new(u16::MAX);
        let held = outbound.send(&delivery(QoS::AtLeastOnce), None);
        for _ in 0..70_000 {
            let id = outbound.send(&delivery(QoS::AtLeastOnce), None);
            assert_ne!(id, held);
            assert_ne!(id, 0);
            assert!(outbound.pub_ack(id).is_some());
        }
    }

    #[test]
    fn a_durable_entry_has_the_same_packet_id_after_a_restart() {
        let mut before = Outbound::new(10);
        let mut after = Outbound::new(10);
        for seq in [1, 65_535, 65_536, 1_000_000] {
            assert_eq!(before.send(&delivery(QoS::AtLeastOnce), Some(Seq(seq))), after.send_release(Seq(seq)));
            before.interrupt();
            after.interrupt();
        }
    }

    #[test]
    fn exactly_once_goes_through_both_halves_and_nothing_else() {
        let mut outbound = Outbound::new(10);
        let id = outbound.send(&delivery(QoS::ExactlyOnce), Some(Seq(7)));
        assert_eq!(outbound.pub_ack(id), None, "a PUBACK does not end QoS 2");
        assert_eq!(outbound.pub_comp(id), None, "nor does a PUBCOMP before PUBREC");
        assert_eq!(outbound.pub_rec(id, false), PubRec::Release(Some(Seq(7))));
        assert_eq!(outbound.pub_rec(id, false), PubRec::ReleaseAgain);
        assert_eq!(outbound.pub_comp(id).and_then(|done| done.seq), Some(Seq(7)));
        assert_eq!(outbound.pub_rec(id, false), PubRec::NotFound);
    }

    #[test]
    fn a_refused_message_leaves_the_window() {
        let mut outbound = Outbound::new(1);
        let id = outbound.send(&delivery(QoS::ExactlyOnce), None);
        assert!(matches!(outbound.pub_rec(id, true), PubRec::Refused(_)));
        assert_eq!(outbound.room(), 1);
    }

    #[test]
    fn an_interrupted_window_says_where_to_resume() {
        let mut outbound = Outbound::new(10);
        for seq in 5..9 {
            outbound.send(&delivery(QoS::AtLeastOnce), Some(Seq(seq)));
        }
        outbound.pub_ack(Outbound::id_of(Seq(5)));
        assert_eq!(outbound.interrupt().first_durable, Some(Seq(6)));
        assert!(outbound.is_empty());
    }

    #[test]
    fn a_repeated_publish_is_taken_once_until_its_release() {
        let mut inbound = Inbound::default();
        assert_eq!(inbound.take_exactly_once(3), Received::New);
        assert_eq!(inbound.take_exactly_once(3), Received::Again);
        assert_eq!(inbound.release(3), Some(false));
        assert_eq!(inbound.release(3), None);
        assert_eq!(inbound.take_exactly_once(3), Received::New);
    }
}
