use super::offence::{Kind, Noticed};
use super::sequence::{Arrival, SequenceSet};

/// What one subscriber saw of one stream.
#[derive(Debug, Default, Clone)]
pub struct Ledger {
    pub seen: SequenceSet,
    /// Arrivals beyond the first.
    pub duplicated: u64,
    /// First arrivals after a later message of the same stream.
    pub reordered: u64,
}

/// All that one subscriber should receive, or one group that shares a subscription.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// The subscriber's name in a report.
    pub name: String,
    /// The streams it subscribed to, ascending.
    streams: Box<[u32]>,
    ledgers: Box<[Ledger]>,
    /// Several receivers take from it, and between them no order is owed (MQTT 5 §4.8.2).
    shared: bool,
    /// Where the last message was found: most come in bursts of one stream.
    last: usize,
    /// Messages of a stream it did not subscribe to, of another run, or that are not ours at all.
    pub unexpected: u64,
    pub noticed: Noticed,
}

impl Inbox {
    /// `streams` ascending.
    pub fn new(name: String, streams: Box<[u32]>) -> Self {
        let ledgers = vec![Ledger::default(); streams.len()].into_boxed_slice();
        Self { name, streams, ledgers, shared: false, last: 0, unexpected: 0, noticed: Noticed::default() }
    }

    /// Of a group: each message is owed to one of its members.
    pub fn shared(name: String, streams: Box<[u32]>) -> Self {
        let ledger = Ledger { seen: SequenceSet::shared(), ..Default::default() };
        let ledgers = vec![ledger; streams.len()].into_boxed_slice();
        Self { ledgers, shared: true, ..Self::new(name, streams) }
    }

    /// True when the message was expected and had not arrived before.
    #[inline]
    pub fn record(&mut self, stream: u32, sequence: u64) -> bool {
        if self.streams.get(self.last) != Some(&stream) {
            match self.streams.binary_search(&stream) {
                Ok(at) => self.last = at,
                Err(_) => {
                    self.unexpected += 1;
                    self.noticed.add(Kind::Unexpected, stream, sequence);
                    return false;
                }
            }
        }
        let ledger = &mut self.ledgers[self.last];
        match ledger.seen.insert(sequence) {
            Arrival::Next => true,
            Arrival::Late if self.shared => true,
            Arrival::Late => {
                ledger.reordered += 1;
                self.noticed.add(Kind::Reordered, stream, sequence);
                true
            }
            Arrival::Again => {
                ledger.duplicated += 1;
                self.noticed.add(Kind::Duplicated, stream, sequence);
                false
            }
        }
    }

    /// A message arrived that is not one of this run.
    pub fn record_stranger(&mut self, topic: &[u8]) {
        self.unexpected += 1;
        self.noticed.add_stranger(topic);
    }

    pub fn streams(&self) -> impl Iterator<Item = (u32, &Ledger)> {
        self.streams.iter().copied().zip(&self.ledgers)
    }
}
