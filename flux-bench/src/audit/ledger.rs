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

impl Ledger {
    /// True when the message had not arrived before.
    #[inline]
    pub fn record(&mut self, sequence: u64) -> bool {
        match self.seen.insert(sequence) {
            Arrival::Next => true,
            Arrival::Late => {
                self.reordered += 1;
                true
            }
            Arrival::Again => {
                self.duplicated += 1;
                false
            }
        }
    }
}

/// All that one subscriber should receive.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// The streams it subscribed to, ascending.
    streams: Box<[u32]>,
    ledgers: Box<[Ledger]>,
    /// Where the last message was found: most come in bursts of one stream.
    last: usize,
    /// Messages of a stream it did not subscribe to, of another run, or that are not ours at all.
    pub unexpected: u64,
}

impl Inbox {
    /// `streams` ascending.
    pub fn new(streams: Box<[u32]>) -> Self {
        let ledgers = vec![Ledger::default(); streams.len()].into_boxed_slice();
        Self { streams, ledgers, last: 0, unexpected: 0 }
    }

    /// True when the message was expected and had not arrived before.
    #[inline]
    pub fn record(&mut self, stream: u32, sequence: u64) -> bool {
        if self.streams.get(self.last) != Some(&stream) {
            match self.streams.binary_search(&stream) {
                Ok(at) => self.last = at,
                Err(_) => {
                    self.unexpected += 1;
                    return false;
                }
            }
        }
        self.ledgers[self.last].record(sequence)
    }

    pub fn streams(&self) -> impl Iterator<Item = (u32, &Ledger)> {
        self.streams.iter().copied().zip(&self.ledgers)
    }
}
