use crate::audit::ledger::Inbox;
use crate::wire::scan::Publish;
use crate::wire::stamp::Stamp;

use super::tally::Tally;

/// Which packet identifiers are in use, one bit each.
type Identifiers = Box<[u64; 1_024]>;

/// Takes one subscriber's messages. Pure: it is told the time and the packet, and appends the answers to a buffer.
#[derive(Debug)]
pub struct Subscriber {
    run: u32,
    /// Payload bytes of every message of this run.
    size: usize,
    inbox: Inbox,
    /// QoS 2 identifiers between PUBREC and PUBREL (MQTT 5 §4.3.3): a PUBLISH repeated under one is the same message.
    unreleased: Option<Identifiers>,
}

impl Subscriber {
    pub fn new(run: u32, size: usize, inbox: Inbox) -> Self {
        Self { run, size, inbox, unreleased: None }
    }

    pub fn into_inbox(self) -> Inbox {
        self.inbox
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
        let stamp = Stamp::read(publish.payload).filter(|stamp| stamp.run == self.run && publish.payload.len() == self.size);
        let Some(stamp) = stamp else {
            self.inbox.record_stranger(publish.topic);
            return false;
        };
        let first = self.inbox.record(stamp.stream, stamp.sequence);
        if first {
            tally.deliver(stamp.intended, stamp.sent, now);
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

    fn payload(run: u32, sequence: u64) -> Vec<u8> {
        let mut payload = vec![0; 64];
        Stamp { run, stream: 0, sequence, intended: 0, sent: 0 }.write(&mut payload);
        payload
    }

    fn subscriber() -> Subscriber {
        Subscriber::new(1, 64, Inbox::new("s0".to_owned(), [0].into()))
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
        let inbox = subscriber.into_inbox();
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
        assert_eq!(subscriber.into_inbox().streams().next().unwrap().1.duplicated, 1);
    }

    #[test]
    fn messages_of_another_run_or_damaged_ones_are_unexpected() {
        let (mut subscriber, mut out, mut tally) = (subscriber(), vec![], Tally::default());
        let stale = payload(2, 0);
        let cut = &payload(1, 0)[..40];
        for payload in [&stale[..], cut, b"hello"] {
            subscriber.receive(&Publish { qos: 0, topic: b"t", packet_id: 0, payload }, 1, &mut out, &mut tally);
        }
        assert_eq!(subscriber.into_inbox().unexpected, 3);
    }
}
