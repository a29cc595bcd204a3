//! The entries of one queue: 16 bytes of memory each, found by seq without a search.

use std::collections::VecDeque;

use super::index::Place;
use crate::types::{Event, Seq};

/// Content of an entry that only owes PUBREL.
const RELEASED: u32 = u32::MAX;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    place: Place,
    /// Bytes of payload, topic and properties, or [`RELEASED`].
    content: u32,
}

impl Slot {
    fn empty(&self) -> bool {
        self.place.length == 0
    }

    fn weight(&self) -> u64 {
        if self.content == RELEASED { 0 } else { size_of::<Event>() as u64 + u64::from(self.content) }
    }
}

/// Neither the first slot nor the last is empty.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// The seq of the first slot.
    base: u64,
    slots: VecDeque<Slot>,
    count: u64,
    weight: u64,
}

/// Capacity that an empty queue may keep.
const KEPT_SLOTS: usize = 256;

impl Entries {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Sum of [`Event::weight`].
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    pub(super) fn first(&self) -> Option<Seq> {
        (!self.slots.is_empty()).then_some(Seq(self.base))
    }

    /// Puts an entry (or, without content, what is left of it after PUBREC) in its place and returns where it stood before.
    pub(super) fn put(&mut self, seq: Seq, place: Place, content: Option<u32>) -> Option<Place> {
        if self.slots.is_empty() {
            self.base = seq.0;
        }
        // Moved entries come back after younger ones, so a start may see the younger first.
        while seq.0 < self.base {
            self.slots.push_front(Slot::default());
            self.base -= 1;
        }
        let index = (seq.0 - self.base) as usize;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, Slot::default());
        }
        let slot = Slot { place, content: content.unwrap_or(RELEASED) };
        let earlier = std::mem::replace(&mut self.slots[index], slot);
        self.weight += slot.weight();
        if earlier.empty() {
            self.count += 1;
            return None;
        }
        self.weight -= earlier.weight();
        Some(earlier.place)
    }

    pub(super) fn remove(&mut self, seq: Seq) -> Option<Place> {
        let index = usize::try_from(seq.0.checked_sub(self.base)?).ok()?;
        let slot = self.slots.get_mut(index).filter(|slot| !slot.empty())?;
        let removed = std::mem::take(slot);
        self.count -= 1;
        self.weight -= removed.weight();
        while self.slots.front().is_some_and(Slot::empty) {
            self.slots.pop_front();
            self.base += 1;
        }
        while self.slots.back().is_some_and(Slot::empty) {
            self.slots.pop_back();
        }
        if self.slots.is_empty() && self.slots.capacity() > KEPT_SLOTS {
            self.slots = VecDeque::new();
        }
        Some(removed.place)
    }

    pub(super) fn contains(&self, seq: Seq) -> bool {
        self.place(seq).is_some()
    }

    pub(super) fn place(&self, seq: Seq) -> Option<Place> {
        let index = usize::try_from(seq.0.checked_sub(self.base)?).ok()?;
        self.slots.get(index).filter(|slot| !slot.empty()).map(|slot| slot.place)
    }

    /// [`Event::weight`] of an entry that is there, 0 of one that is not.
    pub(super) fn weight_of(&self, seq: Seq) -> u64 {
        let slot = seq.0.checked_sub(self.base).and_then(|index| self.slots.get(usize::try_from(index).ok()?));
        slot.filter(|slot| !slot.empty()).map_or(0, Slot::weight)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.slots.iter().filter(|slot| !slot.empty()).map(|slot| slot.place)
    }

    /// Where the entries from `from` on stand, until either bound is reached; at least one if there is one.
    pub(super) fn run(&self, from: Seq, messages: usize, bytes: usize) -> Vec<(Seq, Place)> {
        let skip = usize::try_from(from.0.saturating_sub(self.base)).unwrap_or(usize::MAX).min(self.slots.len());
        let mut found = Vec::new();
        let mut weight = 0;
        for (slot, seq) in self.slots.range(skip..).zip(self.base + skip as u64..).filter(|(slot, _)| !slot.empty()) {
            weight += slot.weight();
            if !found.is_empty() && (found.len() >= messages || weight > bytes as u64) {
                break;
            }
            found.push((Seq(seq), slot.place));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: u32) -> Place {
        Place { segment: 1, offset, length: 10 }
    }

    fn seqs(entries: &Entries, from: u64, messages: usize, bytes: usize) -> Vec<u64> {
        entries.run(Seq(from), messages, bytes).into_iter().map(|(seq, _)| seq.0).collect()
    }

    #[test]
    fn entries_are_read_in_order_whatever_order_they_came_in() {
        let mut entries = Entries::default();
        for seq in [7, 9, 3, 4] {
            assert_eq!(entries.put(Seq(seq), place(seq as u32), Some(1)), None);
        }
        assert_eq!(seqs(&entries, 0, 100, usize::MAX), [3, 4, 7, 9]);
        assert_eq!(seqs(&entries, 5, 1, usize::MAX), [7]);
        assert_eq!(seqs(&entries, 10, 1, usize::MAX), [] as [u64; 0]);
        assert_eq!((entries.count(), entries.first()), (4, Some(Seq(3))));
    }

    #[test]
    fn a_bound_in_bytes_still_lets_one_through() {
        let mut entries = Entries::default();
        entries.put(Seq(1), place(1), Some(1_000));
        entries.put(Seq(2), place(2), Some(1_000));
        assert_eq!(seqs(&entries, 1, 100, 10), [1]);
        assert_eq!(seqs(&entries, 1, 100, 10_000), [1, 2]);
    }

    #[test]
    fn removing_in_any_order_leaves_nothing_behind() {
        let mut entries = Entries::default();
        for seq in 1..=1_000 {
            entries.put(Seq(seq), place(seq as u32), Some(5));
        }
        for seq in (1..=1_000).rev().step_by(2).chain((1..=1_000).step_by(2)) {
            assert!(entries.remove(Seq(seq)).is_some(), "{seq}");
            assert!(entries.remove(Seq(seq)).is_none(), "{seq} was removed already");
        }
        assert_eq!((entries.count(), entries.weight(), entries.first()), (0, 0, None));
        assert_eq!(entries.slots.capacity(), 0, "its memory goes too");
    }

    #[test]
    fn a_released_entry_weighs_nothing() {
        let mut entries = Entries::default();
        entries.put(Seq(1), place(1), Some(500));
        assert_eq!(entries.weight(), (size_of::<Event>() + 500) as u64);
        assert_eq!(entries.put(Seq(1), place(2), None), Some(place(1)));
        assert_eq!((entries.count(), entries.weight()), (1, 0));
    }
}
