use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::audit::ledger::Inbox;
use crate::audit::settle::Outbox;
use crate::wire::payload::Place;
use crate::wire::scan::Publish;
use crate::wire::stamp::Stamp;

use super::connection::Bench;
use super::dues::Dues;
use super::live::add;
use super::roster::{Client, Roster};
use super::subscriber::Subscriber;

/// What one client of another library sends and has received. Pure but for the books: it is told what that client did.
#[derive(Debug)]
pub struct Peer {
    pub dues: Dues,
    run: u32,
    retain: bool,
    place: Place,
    topics: Vec<Topic>,
    turn: usize,
    pattern: Rc<[u8]>,
    /// Handed over to the client, not yet sent by it: in the order in which it will.
    handed: VecDeque<Handed>,
    /// Sent, by packet identifier; what the server has not acknowledged.
    waiting: HashMap<u16, Handed>,
    subscriber: Option<Subscriber>,
    pub closing: bool,
    /// Why its connection ended, if it ended before it was told to.
    pub lost: Option<String>,
}

#[derive(Debug)]
struct Topic {
    name: String,
    classes: Vec<Class>,
    step: usize,
}

#[derive(Debug)]
struct Class {
    stream: u32,
    qos: u8,
    owed: u32,
    next: u64,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Handed {
    stream: u32,
    qos: u8,
    sequence: u64,
    intended: u64,
}

/// A message to be sent.
#[derive(Debug)]
pub struct Message {
    pub topic: String,
    pub qos: u8,
    pub retain: bool,
    pub payload: Vec<u8>,
}

impl Peer {
    pub fn new(roster: &Roster, client: Client) -> Self {
        let (settings, wiring) = (&roster.settings, &roster.wiring);
        let sender = roster.sender(client);
        let class = |number: &u32| {
            let stream = wiring.streams[*number as usize];
            let payload = settings.payload.build(settings.seed.wrapping_add(u64::from(*number)));
            Class { stream: *number, qos: stream.qos, owed: wiring.owed[*number as usize], next: 0, payload }
        };
        let topic = |streams: &[u32]| {
            let first = streams.first().map_or(0, |first| *first as usize);
            let name = wiring.streams.get(first).map_or_else(String::new, |stream| wiring.topics[stream.topic as usize].clone());
            Topic { name, classes: streams.iter().map(class).collect(), step: 0 }
        };
        Self {
            dues: Dues::default(),
            run: roster.run,
            retain: settings.retain,
            place: settings.payload.place(),
            topics: sender.map(|sender| sender.topics.iter().map(|streams| topic(streams)).collect()).unwrap_or_default(),
            turn: 0,
            pattern: settings.mix.pattern().into(),
            handed: VecDeque::new(),
            waiting: HashMap::new(),
            subscriber: roster.subscriber(client),
            closing: false,
            lost: None,
        }
    }

    /// The next message whose time has come.
    pub fn next(&mut self, bench: &Bench) -> Option<Message> {
        let now = bench.clock.now();
        if self.closing || !self.dues.ready(now) {
            return None;
        }
        let intended = self.dues.take(now);
        let topic = self.topics.get_mut(self.turn)?;
        let class = &mut topic.classes[usize::from(self.pattern[topic.step])];
        let sequence = class.next;
        let mut payload = class.payload.clone();
        self.place.write(&Stamp { run: self.run, stream: class.stream, sequence, intended, sent: now }, &mut payload);
        class.next += 1;
        self.handed.push_back(Handed { stream: class.stream, qos: class.qos, sequence, intended });
        add(&bench.live.sent, 1);
        add(&bench.live.owed, u64::from(class.owed));
        add(&bench.live.asked, u64::from(class.qos > 0));
        let mut tally = bench.tally.borrow_mut();
        tally.sent_in_window += u64::from(tally.window.contains(now));
        let message = Message { topic: topic.name.clone(), qos: class.qos, retain: self.retain, payload };
        topic.step = (topic.step + 1) % self.pattern.len();
        self.turn = (self.turn + 1) % self.topics.len();
        Some(message)
    }

    /// The client has sent the next one, under this identifier (0 at QoS 0).
    pub fn left(&mut self, packet_id: u16) {
        let sent = self.handed.pop_front();
        if let Some(sent) = sent.filter(|_| packet_id > 0) {
            self.waiting.insert(packet_id, sent);
        }
    }

    /// PUBACK or PUBREC.
    pub fn acknowledge(&mut self, packet_id: u16, bench: &Bench) {
        let Some(sent) = self.waiting.remove(&packet_id) else { return };
        let now = bench.clock.now();
        let mut tally = bench.tally.borrow_mut();
        tally.roll(now);
        if tally.window.contains(sent.intended) {
            tally.acknowledgement.record(now.saturating_sub(sent.intended));
        }
        add(&bench.live.acknowledged, 1);
    }

    pub fn receive(&mut self, topic: &str, payload: &[u8], bench: &Bench) {
        let Some(subscriber) = self.subscriber.as_mut().filter(|_| !self.closing) else { return };
        let now = bench.clock.now();
        let mut tally = bench.tally.borrow_mut();
        tally.roll(now);
        // The client answers by itself: at QoS 0 nothing is to be answered.
        let publish = Publish { qos: 0, topic: topic.as_bytes(), packet_id: 0, payload };
        if subscriber.receive(&publish, now, &mut vec![], &mut tally) {
            add(&bench.live.delivered, 1);
        }
    }

    /// For the audit: each stream with what was sent on it.
    pub fn outboxes(&self) -> Vec<(u32, Outbox)> {
        let unacknowledged = |stream: u32| {
            let of_stream = |handed: &&Handed| handed.stream == stream && handed.qos > 0;
            let mut found: Vec<u64> =
                self.handed.iter().chain(self.waiting.values()).filter(of_stream).map(|handed| handed.sequence).collect();
            found.sort_unstable();
            found
        };
        let classes = self.topics.iter().flat_map(|topic| &topic.classes);
        classes.map(|class| (class.stream, Outbox { sent: class.next, unacknowledged: unacknowledged(class.stream) })).collect()
    }

    pub fn take_inbox(&mut self) -> Option<Inbox> {
        self.subscriber.take().and_then(Subscriber::into_inbox)
    }
}
