use std::collections::VecDeque;
use std::ops::Range;

/// How many separate runs above the floor are remembered. A server that drops every other message closes the oldest gap with
/// each new one; 1,024 gaps are 16 KB, and far more than any retransmission window.
pub const REMEMBERED_RUNS: usize = 1_024;

/// The same where several receivers share a stream: each is at another place of it, and every place is an end of runs.
const REMEMBERED_RUNS_SHARED: usize = 65_536;

/// Which sequence numbers were seen: everything below `floor` (but for what was forgotten), and the runs above it.
#[derive(Debug, Clone)]
pub struct SequenceSet {
    limit: usize,
    floor: u64,
    /// Ascending, disjoint, not touching each other nor the floor.
    runs: VecDeque<Range<u64>>,
    distinct: u64,
    /// The first numbers that were given up as missing when a gap was forgotten.
    forgotten: Vec<u64>,
}

/// How many missing numbers are remembered by name.
const NAMED: usize = 10;

/// What an arrival is to the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// First time, and later than all before.
    Next,
    /// First time, but after a later one.
    Late,
    Again,
}

impl Default for SequenceSet {
    fn default() -> Self {
        Self { limit: REMEMBERED_RUNS, floor: 0, runs: VecDeque::new(), distinct: 0, forgotten: vec![] }
    }
}

impl SequenceSet {
    /// For a stream that several receivers take from.
    pub fn shared() -> Self {
        Self { limit: REMEMBERED_RUNS_SHARED, ..Self::default() }
    }

    /// How many different numbers were seen.
    pub fn distinct(&self) -> u64 {
        self.distinct
    }

    #[inline]
    pub fn insert(&mut self, sequence: u64) -> Arrival {
        if sequence == self.floor && self.runs.is_empty() {
            self.floor += 1;
            self.distinct += 1;
            return Arrival::Next;
        }
        if let Some(last) = self.runs.back_mut()
            && sequence == last.end
        {
            last.end += 1;
            self.distinct += 1;
            return Arrival::Next;
        }
        self.insert_apart(sequence)
    }

    /// Whether the number was seen. Of a gap that was forgotten (more than [`REMEMBERED_RUNS`] ago) it says yes.
    pub fn contains(&self, sequence: u64) -> bool {
        if sequence < self.floor {
            return true;
        }
        let after = self.runs.partition_point(|run| run.start <= sequence);
        after > 0 && sequence < self.runs[after - 1].end
    }

    /// The first few numbers below `end` that were not seen, ascending.
    pub fn missing(&self, end: u64) -> Vec<u64> {
        let mut gaps = vec![];
        let mut from = self.floor;
        for run in &self.runs {
            gaps.push(from..run.start);
            from = run.end;
        }
        gaps.push(from..end.max(from));
        self.forgotten.iter().copied().chain(gaps.into_iter().flatten().filter(|number| *number < end)).take(NAMED).collect()
    }

    fn insert_apart(&mut self, sequence: u64) -> Arrival {
        if self.contains(sequence) {
            return Arrival::Again;
        }
        self.distinct += 1;
        let at = self.runs.partition_point(|run| run.start < sequence);
        let arrival = if at == self.runs.len() { Arrival::Next } else { Arrival::Late };
        let extends_before = at > 0 && self.runs[at - 1].end == sequence;
        let extends_after = at < self.runs.len() && self.runs[at].start == sequence + 1;
        match (extends_before, extends_after) {
            (true, true) => {
                self.runs[at - 1].end = self.runs[at].end;
                self.runs.remove(at);
            }
            (true, false) => self.runs[at - 1].end += 1,
            (false, true) => self.runs[at].start = sequence,
            (false, false) => self.runs.insert(at, sequence..sequence + 1),
        }
        self.settle_floor();
        arrival
    }

    fn settle_floor(&mut self) {
        while self.runs.front().is_some_and(|run| run.start == self.floor) || self.runs.len() > self.limit {
            let run = self.runs.pop_front().expect("a run was just seen");
            self.forgotten.extend((self.floor..run.start).take(NAMED - self.forgotten.len()));
            self.floor = run.end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(set: &mut SequenceSet, sequences: impl IntoIterator<Item = u64>) -> Vec<Arrival> {
        sequences.into_iter().map(|sequence| set.insert(sequence)).collect()
    }

    #[test]
    fn in_order_everything_is_next_and_nothing_is_kept() {
        let mut set = SequenceSet::default();
        assert!(arrivals(&mut set, 0..10_000).iter().all(|arrival| *arrival == Arrival::Next));
        assert_eq!((set.distinct(), set.runs.len()), (10_000, 0));
    }

    #[test]
    fn a_gap_that_is_filled_later_is_late_and_leaves_no_trace() {
        let mut set = SequenceSet::default();
        use Arrival::*;
        assert_eq!(arrivals(&mut set, [0, 2, 3, 1, 4]), [Next, Next, Next, Late, Next]);
        assert_eq!((set.distinct(), set.floor, set.runs.len()), (5, 5, 0));
    }

    #[test]
    fn the_same_number_again_is_told_apart_below_and_above_a_gap() {
        let mut set = SequenceSet::default();
        use Arrival::*;
        assert_eq!(arrivals(&mut set, [0, 0, 5, 5, 7, 6, 6, 0]), [Next, Again, Next, Again, Next, Late, Again, Again]);
        assert_eq!(set.distinct(), 4);
        assert!(!set.contains(1) && set.contains(6) && !set.contains(8));
    }

    #[test]
    fn it_agrees_with_a_plain_set_over_a_shuffled_lossy_stream() {
        let mut set = SequenceSet::default();
        let mut model = std::collections::BTreeSet::new();
        let mut state = 9u64;
        for base in 0..3_000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let sequence = base + (state >> 60);
            let highest = model.last().copied();
            let expected = match (model.insert(sequence), highest) {
                (false, _) => Arrival::Again,
                (true, Some(highest)) if sequence < highest => Arrival::Late,
                (true, _) => Arrival::Next,
            };
            assert_eq!(set.insert(sequence), expected, "sequence {sequence}");
        }
        assert_eq!(set.distinct(), model.len() as u64);
    }

    #[test]
    fn the_first_missing_numbers_are_known_by_name_also_when_their_gap_was_forgotten() {
        let mut set = SequenceSet::default();
        arrivals(&mut set, [0, 2, 5]);
        assert_eq!(set.missing(8), [1, 3, 4, 6, 7]);
        for half in 3..5_000 {
            set.insert(half * 2);
        }
        assert_eq!(set.missing(10_000)[..4], [1, 3, 4, 7]);
        assert_eq!(set.missing(10_000).len(), 10);
    }

    #[test]
    fn memory_is_bounded_when_every_other_message_is_lost() {
        let mut set = SequenceSet::default();
        for half in 0..100_000 {
            assert_eq!(set.insert(half * 2), Arrival::Next);
        }
        assert_eq!(set.distinct(), 100_000);
        assert!(set.runs.len() <= REMEMBERED_RUNS);
    }
}
