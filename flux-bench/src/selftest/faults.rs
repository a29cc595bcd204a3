use std::time::Duration;

/// What the server does wrong, by the number of the message on its topic (from 1).
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Acknowledges every n-th message and forgets it.
    pub drop_every: Option<u64>,
    /// Delivers every n-th message twice.
    pub duplicate_every: Option<u64>,
    /// Delivers every n-th message after the one that follows it.
    pub swap_every: Option<u64>,
    /// Stands still once, after so many messages, for so long.
    pub stall: Option<(u64, Duration)>,
}

/// What it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    pub dropped: u64,
    pub duplicated: u64,
    pub swapped: u64,
    pub forwarded: u64,
    /// How long it stood still by its own clock: a busy machine wakes it later than planned.
    pub stalled: Duration,
}

/// What becomes of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Deliver,
    Drop,
    Duplicate,
    /// Held until the next message of its topic has gone.
    Hold,
}

impl Faults {
    /// Of the `number`-th message (from 1) on a topic.
    pub fn fate(&self, number: u64) -> Fate {
        let due = |every: Option<u64>| every.is_some_and(|every| number.is_multiple_of(every));
        if due(self.drop_every) {
            Fate::Drop
        } else if due(self.duplicate_every) {
            Fate::Duplicate
        } else if due(self.swap_every) {
            Fate::Hold
        } else {
            Fate::Deliver
        }
    }
}
