use std::rc::Rc;

use crate::audit::settle::Outbox;
use crate::wire::stamp::Stamp;
use crate::wire::template::PublishTemplate;

use super::dues::Dues;
use super::tally::Tally;

/// What a publisher sends on one topic at one QoS.
#[derive(Debug)]
pub struct Outgoing {
    pub template: PublishTemplate,
    pub stream: u32,
    pub qos: u8,
    /// Subscribers that each message is owed to.
    pub owed: u32,
    /// The next sequence number.
    pub next: u64,
}

/// One of a publisher's topics: one [`Outgoing`] for each class of the mix, which the pattern of the mix takes in turn.
#[derive(Debug)]
pub struct Topic {
    pub classes: Box<[Outgoing]>,
    /// Where in the pattern it stands.
    pub step: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Free,
    /// Waiting for PUBACK or PUBREC.
    Sent {
        topic: u32,
        class: u8,
        sequence: u64,
        intended: u64,
    },
    /// PUBREC seen, waiting for PUBCOMP.
    Received,
}

/// Decides what one publisher sends. Pure: it is told the time and what the server answered, and fills a buffer.
#[derive(Debug)]
pub struct Publisher {
    run: u32,
    topics: Vec<Topic>,
    turn: usize,
    pattern: Rc<[u8]>,
    /// Index + 1 is the packet identifier.
    slots: Vec<Slot>,
    free: Vec<u16>,
    pub dues: Dues,
}

/// What one call of [`Publisher::pump`] put into the buffer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Pumped {
    pub messages: u64,
    /// Of them, those that the server must acknowledge.
    pub asked: u64,
    pub owed: u64,
}

impl Publisher {
    /// `window` bounds the unacknowledged messages; it costs nothing when everything is QoS 0. `pattern` is that of the mix.
    pub fn new(run: u32, topics: Vec<Topic>, pattern: Rc<[u8]>, window: u16) -> Self {
        let asks = topics.iter().flat_map(|topic| &topic.classes).any(|outgoing| outgoing.qos > 0);
        let window = if asks { window } else { 0 };
        Self {
            run,
            topics,
            turn: 0,
            pattern,
            slots: vec![Slot::Free; usize::from(window)],
            free: (1..=window).rev().collect(),
            dues: Dues::default(),
        }
    }

    /// How many topics it publishes on.
    pub fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Appends messages to `out` until there is no more to send, the window is full or `out` holds `limit` bytes.
    pub fn pump(&mut self, now: u64, out: &mut Vec<u8>, limit: usize, tally: &mut Tally) -> Pumped {
        let mut pumped = Pumped::default();
        while out.len() < limit && self.dues.ready(now) {
            let topic = &mut self.topics[self.turn];
            let class = self.pattern[topic.step];
            let outgoing = &mut topic.classes[usize::from(class)];
            let mut packet_id = 0;
            if outgoing.qos > 0 {
                match self.free.pop() {
                    Some(id) => packet_id = id,
                    None => break,
                }
            }
            let intended = self.dues.take(now);
            let stamp = Stamp { run: self.run, stream: outgoing.stream, sequence: outgoing.next, intended, sent: now };
            outgoing.template.append(packet_id, &stamp, out);
            if packet_id > 0 {
                self.slots[usize::from(packet_id) - 1] =
                    Slot::Sent { topic: self.turn as u32, class, sequence: outgoing.next, intended };
                pumped.asked += 1;
            }
            outgoing.next += 1;
            pumped.messages += 1;
            pumped.owed += u64::from(outgoing.owed);
            topic.step = if topic.step + 1 == self.pattern.len() { 0 } else { topic.step + 1 };
            self.turn = if self.turn + 1 == self.topics.len() { 0 } else { self.turn + 1 };
        }
        if tally.window.contains(now) {
            tally.sent_in_window += pumped.messages;
        }
        pumped
    }

    /// PUBACK. False when nothing waits under this identifier.
    #[inline]
    pub fn acknowledge(&mut self, packet_id: u16, now: u64, tally: &mut Tally) -> bool {
        let acknowledged = self.take_responsibility(packet_id, now, tally);
        if acknowledged {
            self.complete(packet_id);
        }
        acknowledged
    }

    /// PUBREC: the server is responsible, the identifier stays in use. False when nothing waits under it.
    #[inline]
    pub fn take_responsibility(&mut self, packet_id: u16, now: u64, tally: &mut Tally) -> bool {
        let Some(slot) = self.slots.get_mut(usize::from(packet_id).wrapping_sub(1)) else { return false };
        let Slot::Sent { intended, .. } = *slot else { return false };
        *slot = Slot::Received;
        if tally.window.contains(intended) {
            tally.acknowledgement.record(now.saturating_sub(intended));
        }
        true
    }

    /// PUBCOMP: the identifier is free again.
    #[inline]
    pub fn complete(&mut self, packet_id: u16) {
        if let Some(slot) = self.slots.get_mut(usize::from(packet_id).wrapping_sub(1))
            && *slot == Slot::Received
        {
            *slot = Slot::Free;
            self.free.push(packet_id);
        }
    }

    /// For the audit: each stream with what was sent on it.
    pub fn outboxes(&self) -> Vec<(u32, Outbox)> {
        let outbox = |outgoing: &Outgoing| (outgoing.stream, Outbox { sent: outgoing.next, unacknowledged: vec![] });
        let mut outboxes: Vec<Vec<_>> = self.topics.iter().map(|topic| topic.classes.iter().map(outbox).collect()).collect();
        for slot in &self.slots {
            if let Slot::Sent { topic, class, sequence, .. } = slot {
                outboxes[*topic as usize][usize::from(*class)].1.unacknowledged.push(*sequence);
            }
        }
        outboxes.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::Window;
    use super::*;
    use crate::load::arrivals::{Arrival, Arrivals};
    use crate::load::pace::Pace;
    use crate::plan::mix::Mix;
    use crate::wire::Protocol;
    use crate::wire::payload::Payload;
    use crate::wire::scan::{self, Scan};

    const MS: u64 = 1_000_000;

    fn publisher(qos: u8, window: u16) -> Publisher {
        mixed(Mix::only(qos), window)
    }

    /// One topic, a stream for each class.
    fn mixed(mix: Mix, window: u16) -> Publisher {
        let outgoing = |(stream, qos)| {
            let template = PublishTemplate::new(Protocol::V4, "t", (qos, false), &Payload::Filler(64), 1);
            Outgoing { template, stream: stream as u32, qos, owed: 1, next: 0 }
        };
        let classes = mix.classes().into_iter().enumerate().map(outgoing).collect();
        Publisher::new(1, vec![Topic { classes, step: 0 }], mix.pattern().into(), window)
    }

    fn follow(publisher: &mut Publisher, pace: Pace, (number, of): (u64, u64)) {
        publisher.dues.follow(pace, Arrivals::new(Arrival::Constant, (number, of), 1), 1.0 / of as f64);
    }

    fn tally() -> Tally {
        Tally { window: Window { from: 0, to: u64::MAX }, ..Default::default() }
    }

    fn sent(out: &[u8]) -> Vec<(u16, Stamp)> {
        let (mut rest, mut found) = (out, vec![]);
        while let Scan::Frame(frame) = scan::frame(rest) {
            let publish = scan::publish(frame.first, frame.body, false).unwrap();
            found.push((publish.packet_id, Stamp::read(publish.payload).unwrap()));
            rest = &rest[frame.whole.len()..];
        }
        found
    }

    /// A server that acknowledges and delivers at once, except that it stands still from 4 s to 5 s of 10 s. One message may be
    /// unacknowledged, so the generator is held up too: the case where measuring from the actual send hides the stall.
    fn stalled_run() -> Tally {
        let (mut publisher, mut tally) = (publisher(1, 1), tally());
        follow(&mut publisher, Pace::new(0, 10_000 * MS, 1_000.0), (0, 1));
        let mut waiting: Vec<(u16, Stamp)> = vec![];
        for now in (0..11_000).map(|ms| ms * MS) {
            while publisher.dues.next_due().is_some_and(|due| due <= now) {
                assert_eq!(publisher.dues.release(), 0, "ten seconds of backlog are allowed");
            }
            let stalled = (4_000 * MS..5_000 * MS).contains(&now);
            // A window of one in a millisecond of virtual time: answer and send until nothing moves.
            loop {
                let mut out = vec![];
                publisher.pump(now, &mut out, 65_536, &mut tally);
                waiting.extend(sent(&out));
                if stalled || waiting.is_empty() {
                    break;
                }
                for (packet_id, stamp) in waiting.drain(..) {
                    assert!(publisher.acknowledge(packet_id, now, &mut tally));
                    tally.response.record(now - stamp.intended);
                    tally.service.record(now - stamp.sent);
                }
            }
        }
        tally
    }

    #[test]
    fn a_stall_shows_in_the_response_time_of_everything_it_held_up() {
        let response = stalled_run().response.percentiles();
        assert_eq!(response.count, 10_000);
        // 1,000 of 10,000 messages were due during the stall and waited 0 to 1,000 ms: the worst hundredth at least 900 ms.
        assert!((895.0..=905.0).contains(&response.p99), "p99 {}", response.p99);
        assert!((999.0..=1_001.0).contains(&response.max), "max {}", response.max);
    }

    #[test]
    fn measuring_from_the_actual_send_would_hide_the_stall() {
        let service = stalled_run().service.percentiles();
        assert!(service.p99 < 1.0, "if this fails, the service time is no longer the flawed measure that we warn of");
        assert!(service.max > 990.0, "one message was really on its way that long");
    }

    #[test]
    fn the_window_bounds_what_is_unacknowledged_and_reopens_with_each_answer() {
        let (mut publisher, mut tally, mut out) = (publisher(1, 3), tally(), vec![]);
        publisher.dues.flood(u64::MAX);
        assert_eq!(publisher.pump(1, &mut out, 65_536, &mut tally).messages, 3);
        assert_eq!(publisher.pump(2, &mut out, 65_536, &mut tally).messages, 0);
        let second = sent(&out)[1].0;
        assert!(publisher.acknowledge(second, 3, &mut tally));
        assert!(!publisher.acknowledge(second, 3, &mut tally), "a second PUBACK answers nothing");
        out.clear();
        assert_eq!(publisher.pump(4, &mut out, 65_536, &mut tally).messages, 1);
        let (_, outbox) = &publisher.outboxes()[0];
        assert_eq!((outbox.sent, outbox.unacknowledged.len()), (4, 3));
        assert!(!outbox.unacknowledged.contains(&1));
    }

    #[test]
    fn at_qos_2_responsibility_passes_with_pubrec_and_the_identifier_with_pubcomp() {
        let (mut publisher, mut tally, mut out) = (publisher(2, 1), tally(), vec![]);
        publisher.dues.flood(u64::MAX);
        publisher.pump(1, &mut out, 65_536, &mut tally);
        assert!(publisher.take_responsibility(1, 2, &mut tally));
        assert!(publisher.outboxes()[0].1.unacknowledged.is_empty());
        assert_eq!(publisher.pump(3, &mut out, 65_536, &mut tally).messages, 0);
        publisher.complete(1);
        assert_eq!(publisher.pump(4, &mut out, 65_536, &mut tally).messages, 1);
    }

    #[test]
    fn two_publishers_share_one_schedule_evenly() {
        let pace = Pace::new(0, 10 * MS, 1_000.0);
        let dues = |number| {
            let mut publisher = publisher(0, 0);
            follow(&mut publisher, pace, (number, 2));
            std::iter::from_fn(|| {
                let due = publisher.dues.next_due()?;
                publisher.dues.release();
                Some(due / MS)
            })
            .collect::<Vec<_>>()
        };
        assert_eq!((dues(0), dues(1)), (vec![0, 2, 4, 6, 8], vec![1, 3, 5, 7, 9]));
    }

    #[test]
    fn what_waits_too_long_is_shed_and_counted() {
        let mut publisher = publisher(1, 1);
        follow(&mut publisher, Pace::new(0, u64::MAX, 100.0), (0, 1));
        let shed: u64 = (0..1_500).map(|_| publisher.dues.release()).sum();
        assert_eq!(shed, 500, "ten seconds at 100/s may wait");
    }

    #[test]
    fn a_flood_fills_the_buffer_and_ends_on_time() {
        let (mut publisher, mut tally, mut out) = (publisher(0, 0), tally(), vec![]);
        publisher.dues.flood(100);
        publisher.pump(99, &mut out, 4_096, &mut tally);
        assert!(out.len() >= 4_096 && out.len() < 4_096 + 100);
        out.clear();
        assert_eq!(publisher.pump(100, &mut out, 4_096, &mut tally).messages, 0);
    }

    #[test]
    fn a_mix_sends_each_class_in_its_share_and_numbers_each_for_itself() {
        let (mut publisher, mut tally, mut out) = (mixed(Mix::parse("0=3,1=1").unwrap(), 4), tally(), vec![]);
        publisher.dues.fill(8);
        let pumped = publisher.pump(1, &mut out, 65_536, &mut tally);
        assert_eq!((pumped.messages, pumped.asked), (8, 2));
        let of =
            |stream| sent(&out).into_iter().filter(move |(_, stamp)| stamp.stream == stream).map(|(_, stamp)| stamp.sequence);
        assert_eq!(of(0).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(of(1).collect::<Vec<_>>(), [0, 1]);
        let outboxes = publisher.outboxes();
        assert_eq!((outboxes[0].1.unacknowledged.len(), outboxes[1].1.unacknowledged.len()), (0, 2));
    }

    #[test]
    fn random_arrivals_keep_the_time_each_message_was_due() {
        let (mut publisher, mut tally) = (publisher(0, 0), tally());
        let pace = Pace::new(0, 1_000 * MS, 1_000.0);
        publisher.dues.follow(pace, Arrivals::new(Arrival::Poisson, (0, 1), 7), 1.0);
        let mut due = vec![];
        while let Some(at) = publisher.dues.next_due() {
            publisher.dues.release();
            due.push(at);
        }
        assert!((850..1_150).contains(&due.len()), "{} of about 1,000", due.len());
        // All were held up; each still knows when its time was.
        let mut out = vec![];
        publisher.pump(5_000 * MS, &mut out, usize::MAX, &mut tally);
        assert_eq!(sent(&out).into_iter().map(|(_, stamp)| stamp.intended).collect::<Vec<_>>(), due);
    }
}
