//! What one subscriber got of one publisher, against what was acknowledged.

use std::fmt;
use std::ops::AddAssign;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub acknowledged: usize,
    pub delivered: usize,
    pub lost: usize,
    pub duplicates: usize,
    /// Delivered though never sent.
    pub unexpected: usize,
    /// Came for the first time behind a later one.
    pub reordered: usize,
}

impl Counts {
    /// The publisher has sent the messages below `sent`. `received` in the order of arrival, repetitions included.
    pub fn of(sent: u32, acknowledged: &[u32], received: &[u32]) -> Counts {
        let mut counts = Counts { acknowledged: acknowledged.len(), ..Counts::default() };
        let mut times = vec![0_u32; sent as usize];
        let mut newest = None;
        for message in received {
            let Some(times) = times.get_mut(*message as usize) else {
                counts.unexpected += 1;
                continue;
            };
            *times += 1;
            if *times == 1 {
                counts.reordered += usize::from(newest.is_some_and(|newest| *message < newest));
                newest = newest.max(Some(*message));
            }
        }
        counts.delivered = times.iter().filter(|times| **times > 0).count();
        counts.duplicates = times.iter().map(|times| times.saturating_sub(1) as usize).sum();
        counts.lost = acknowledged.iter().filter(|message| times[**message as usize] == 0).count();
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.acknowledged += other.acknowledged;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.unexpected += other.unexpected;
        self.reordered += other.reordered;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { acknowledged, delivered, lost, duplicates, unexpected, reordered } = self;
        write!(
            formatter,
            "acknowledged {acknowledged}  delivered {delivered}  lost {lost}  duplicated {duplicates}  unexpected {unexpected}  \
             reordered {reordered}"
        )
    }
}
