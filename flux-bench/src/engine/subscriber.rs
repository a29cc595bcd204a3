use std::cell::RefCell;
use std::rc::Rc;

use crate::audit::ledger::Inbox;
use crate::wire::payload::Place;
use crate::wire::scan::Publish;

use super::tally::Tally;

/// Which packet identifiers are in use, one bit each.
type Identifiers = Box<[u64; 1_024]>;

/// Where what arrives is written down.
#[derive(Debug)]
pub enum Record {
    Own(Inbox),
    /// Of a group that shares a subscription: its members are on one thread.
    Shared(Rc<RefCell<Inbox>>),
    /// Nobody knows what should arrive.
    Count,
}

/// Takes one subscriber's messages. Pure: it is told the time and the packet, and appends the answers to a buffer.
#[derive(Debug)]
pub struct Subscriber {
    run: u32,
    /// The form of every payload of this run.
    place: Place,
    record: Record,
    /// QoS 2 identifiers between PUBREC and PUBREL (MQTT 5 §4.3.3): a PUBLISH repeated under one is the same message.
    unreleased: Option<Identifiers>,
    /// Everything it is owed is due from here on (ns), whenever it was sent: it was not there before.
    since: Option<u64>,
    /// Empty payloads say that a retained message was removed.
    cleared: bool,
}

impl Subscriber {
    /// `cleared`: publishers remove what they retained when they leave, which is no message.
    pub fn new(run: u32, place: Place, record: Record, cleared: bool) -> Self {
        Self { run, place, record, cleared, unreleased: None, since: None }
    }

    /// It fetches what was stored for it; waiting counts from `at`, ns.
    pub fn fetch_since(&mut self, at: u64) {
        self.since = Some(at);
    }

    /// What it alone has received.
    pub fn into_inbox(self) -> Option<Inbox> {
        match self.record {
            Record::Own(inbox) => Some(inbox),
            Record::Shared(_) | Record::Count => None,
        }
    }

    /// Takes a message; returns whether it was owed and had not arrived before.
    #[inline]
    pub fn receive(&mut self, publish: &Publish<'_>, now: u64, out: &mut Vec<u8>, tally: &mut Tally) -> bool {
        match publish.qos {
            0 => {}
            1 => answer(0x40, publish.packet_id, out),
            _ => {
                answer(0x50, publish.packet_id, out);
                let unreleased = self.unreleased.get_or_insert_with(|| Box::new([0; 1_024]));
                let (word, bit) = position(publish.packet_id);
                if unreleased[word] & bit != 0 {
                    return false;
                }
                unreleased[word] |= bit;
            }
        }
        if self.cleared && publish.payload.is_empty() {
            return false;
        }
        let mut shared;
        let inbox = match &mut self.record {
            Record::Own(inbox) => inbox,
            Record::Shared(inbox) => {
                shared = inbox.borrow_mut();
                &mut *shared
            }
            Record::Count => {
                tally.count(now);
                return true;
            }
        };
        let Some(stamp) = self.place.read(publish.payload).filter(|stamp| stamp.run == self.run) else {
            inbox.record_stranger(publish.topic);
            return false;
        };
        let first = inbox.record(stamp.stream, stamp.sequence);
        if first {
            tally.deliver(self.since.unwrap_or(stamp.intended), stamp.sent, now);
        }
        first
    }

    /// PUBREL: the identifier may be used for another message.
    pub fn release(&mut self, packet_id: u16, out: &mut Vec<u8>) {
        if let Some(unreleased) = &mut self.unreleased {
            let (word, bit) = position(packet_id);
            unreleased[word] &= !bit;
        }
        answer(0x70, packet_id, out);
    }
}

fn position(packet_id: u16) -> (usize, u64) {
    (usize::from(packet_id) / 64, 1 << (packet_id % 64))
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP that says success: the same four bytes in every version.
#[inline]
pub fn answer(first: u8, packet_id: u16, out: &mut Vec<u8>) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[first, 2, high, low]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::payload::Payload;
    use crate::wire::stamp::Stamp;

    fn payload(run: u32, sequence: u64) -> Vec<u8> {
        let mut payload = vec![0; 64];
        Stamp { run, stream: 0, sequence, intended: 0, sent: 0 }.write(&mut payload);
        payload
    }

    fn subscriber() -> Subscriber {
        Subscriber::new(1, Payload::Filler(64).place(), Record::Own(Inbox::new("s0".to_owned(), [0].into())), false)
    }

    #[test]
    fn a_qos_2_publish_repeated_before_pubrel_is_one_message() {
        let (mut subscriber, mut out, mut tally) = (subscriber(), vec![], Tally::default());
        let payload = payload(1, 0);
        let publish = Publish { qos: 2, topic: b"t", packet_id: 9, payload: &payload };
        assert!(subscriber.receive(&publish, 1, &mut out, &mut tally));
        assert!(!subscriber.receive(&publish, 1, &mut out, &mut tally));
        subscriber.release(9, &mut out);
        assert_eq!(out, [0x50, 2, 0, 9, 0x50, 2, 0, 9, 0x70, 2, 0, 9]);
        let inbox = subscriber.into_inbox().unwrap();
        assert_eq!(inbox.streams().next().unwrap().1.duplicated, 0);
    }

    #[test]
    fn after_pubrel_the_same_message_is_a_duplicate() {
        let (mut subscriber, mut out, mut tally) = (subscriber(), vec![], Tally::default());
        let payload = payload(1, 0);
        let publish = Publish { qos: 2, topic: b"t", packet_id: 9, payload: &payload };
        subscriber.receive(&publish, 1, &mut out, &mut tally);
        subscriber.release(9, &mut out);
        assert!(!subscriber.receive(&publish, 2, &mut out, &mut tally));
        assert_eq!(subscriber.into_inbox().unwrap().streams().next().unwrap().1.duplicated, 1);
    }

    #[test]
    fn messages_of_another_run_or_damaged_ones_are_unexpected() {
        let (mut subscriber, mut out, mut tally) = (subscriber(), vec![], Tally::default());
        let stale = payload(2, 0);
        let cut = &payload(1, 0)[..40];
        for payload in [&stale[..], cut, b"hello"] {
            subscriber.receive(&Publish { qos: 0, topic: b"t", packet_id: 0, payload }, 1, &mut out, &mut tally);
        }
        assert_eq!(subscriber.into_inbox().unwrap().unexpected, 3);
    }

    #[test]
    fn a_group_that_shares_a_subscription_is_owed_each_message_once() {
        let inbox = Rc::new(RefCell::new(Inbox::shared("group 0".to_owned(), [0].into())));
        let member = || Subscriber::new(1, Payload::Filler(64).place(), Record::Shared(Rc::clone(&inbox)), false);
        let (mut one, mut other, mut tally) = (member(), member(), Tally::default());
        let mut take = |member: &mut Subscriber, sequence| {
            let payload = payload(1, sequence);
            member.receive(&Publish { qos: 0, topic: b"t", packet_id: 0, payload: &payload }, 1, &mut vec![], &mut tally)
        };
        assert!(take(&mut one, 1) && take(&mut other, 0) && take(&mut one, 2));
        assert!(!take(&mut other, 2), "both got it");
        let ledger = inbox.borrow().streams().next().unwrap().1.clone();
        assert_eq!((ledger.seen.distinct(), ledger.duplicated, ledger.reordered), (3, 1, 0));
    }

    #[test]
    fn what_waited_on_the_server_is_due_when_its_subscriber_comes() {
        let (mut subscriber, mut out) = (subscriber(), vec![]);
        let mut tally =
            Tally { window: super::super::tally::Window { from: 0, to: u64::MAX }, paced: true, ..Default::default() };
        subscriber.fetch_since(5_000_000);
        let payload = payload(1, 0);
        subscriber.receive(&Publish { qos: 0, topic: b"t", packet_id: 0, payload: &payload }, 7_000_000, &mut out, &mut tally);
        tally.close();
        assert!((tally.response.percentiles().max - 2.0).abs() < 0.01);
    }
}
