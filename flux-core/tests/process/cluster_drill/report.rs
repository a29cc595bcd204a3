//! What was acknowledged against what arrived.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use super::stage::Ledger;
use crate::drill::counts::Counts;

pub struct Report {
    seed: u64,
    kills: u32,
    repeated: u32,
    /// By subscriber; and whether it is owed all that was acknowledged.
    rows: BTreeMap<&'static str, (bool, Counts)>,
    /// The first lost messages of each: subscriber, publisher, message.
    lost: Vec<(&'static str, u32, u32)>,
}

/// Lost messages that are shown.
const SHOWN: usize = 10;

impl Report {
    /// As things are now.
    pub fn of(seed: u64, kills: u32, ledger: &Ledger, owed: &[&'static str]) -> Report {
        let (sent, received) = (ledger.sent.lock(), ledger.received.lock());
        let repeated = sent.values().map(|sent| sent.repeated).sum();
        let mut report = Report { seed, kills, repeated, rows: BTreeMap::new(), lost: Vec::new() };
        let nothing = BTreeMap::new();
        let silent = owed.iter().map(|name| (*name, &nothing)).filter(|(name, _)| !received.contains_key(name));
        for (name, by_publisher) in received.iter().map(|(name, by)| (*name, by)).chain(silent) {
            let mut counts = Counts::default();
            for (number, sent) in sent.iter() {
                let received = by_publisher.get(number).map_or(&[][..], Vec::as_slice);
                counts += Counts::of(sent.below, &sent.acknowledged, received);
                if owed.contains(&name) {
                    let received: HashSet<u32> = received.iter().copied().collect();
                    let lost = sent.acknowledged.iter().filter(|message| !received.contains(message));
                    report.lost.extend(lost.take(SHOWN).map(|message| (name, *number, *message)));
                }
            }
            report.rows.insert(name, (owed.contains(&name), counts));
        }
        report
    }

    fn owed(&self) -> impl Iterator<Item = &Counts> {
        self.rows.values().filter(|(owed, _)| *owed).map(|(_, counts)| counts)
    }

    /// Of what subscribers are owed.
    pub fn lost(&self) -> usize {
        self.owed().map(|counts| counts.lost).sum()
    }

    pub fn delivered(&self) -> usize {
        self.owed().map(|counts| counts.delivered).sum()
    }

    pub fn check(&self) {
        for (name, (owed, counts)) in &self.rows {
            assert!(counts.acknowledged > 1_000 && counts.delivered > 500, "there was load: {name} {counts}");
            assert_eq!(counts.unexpected, 0, "{name} {counts}");
            if *owed {
                assert_eq!((counts.lost, counts.reordered), (0, 0), "{name} {counts}, of them {:?}", self.lost);
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { seed, kills, repeated, rows, .. } = self;
        writeln!(formatter, "drill: {kills} kills, seed {seed}, {repeated} messages sent again by publishers")?;
        for (name, (owed, counts)) in rows {
            let kind = if *owed { "owed all" } else { "owed what comes while it is connected" };
            writeln!(formatter, "drill: {name} ({kind}): {counts}")?;
        }
        Ok(())
    }
}
