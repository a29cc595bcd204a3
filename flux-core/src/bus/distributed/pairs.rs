use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt};
use tokio::time::Instant;

use super::super::wire::Role;
use super::seen::Seen;
use crate::types::limits;

/// Finds the two copies of each event that travels by two kinds of bus, whichever reader they come to.
///
/// It only compares: what is delivered does not depend on it, so what it forgets costs a figure and never a message.
#[derive(Debug)]
pub struct Pairs {
    /// The decision that began the canary.
    canary: u64,
    /// Copies whose other one has not come.
    waiting: HashMap<u128, Role>,
    /// When they came. What is paired stays here until it is in front.
    order: VecDeque<(u128, Instant)>,
    /// Given up: what comes of them now is late.
    given_up: Seen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    First,
    Second,
    /// The other copy has waited for it in vain, or it has come before.
    Late,
}

impl Pairs {
    pub fn new(canary: u64) -> Self {
        let given_up = Seen::new(limits::CANARY_COPIES);
        Pairs { canary, waiting: HashMap::new(), order: VecDeque::new(), given_up }
    }

    pub fn canary(&self) -> u64 {
        self.canary
    }

    pub fn arrived(&mut self, key: u128, role: Role, now: Instant) -> Arrival {
        match self.waiting.get(&key) {
            Some(before) if *before == role => Arrival::Late,
            Some(_) => {
                self.waiting.remove(&key);
                Arrival::Second
            }
            None if self.given_up.knows(key) => Arrival::Late,
            None => {
                self.waiting.insert(key, role);
                self.order.push_back((key, now));
                Arrival::First
            }
        }
    }

    /// How many copies of the current kind and of the candidate have not come, and are not waited for any more.
    pub fn give_up(&mut self, now: Instant) -> [u64; 2] {
        let mut missing = [0, 0];
        while let Some((key, came)) = self.order.front() {
            let paired = !self.waiting.contains_key(key);
            if !paired && *came + limits::CANARY_PATIENCE > now && self.order.len() <= limits::CANARY_COPIES {
                break;
            }
            if let Some(role) = self.waiting.remove(key) {
                missing[1 - role as usize] += 1;
                self.given_up.first_of(*key);
            }
            self.order.pop_front();
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::{Candidate, Current};

    #[tokio::test(start_paused = true)]
    async fn two_copies_make_a_pair_in_any_order() {
        let mut pairs = Pairs::new(1);
        let now = Instant::now();
        assert_eq!(pairs.arrived(1, Current, now), Arrival::First);
        assert_eq!(pairs.arrived(2, Candidate, now), Arrival::First);
        assert_eq!(pairs.arrived(2, Current, now), Arrival::Second);
        assert_eq!(pairs.arrived(1, Candidate, now), Arrival::Second);
        assert_eq!(pairs.give_up(now + limits::CANARY_PATIENCE), [0, 0]);
        assert!(pairs.order.is_empty() && pairs.waiting.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_does_not_come_is_missing_and_late_when_it_comes_after_all() {
        let mut pairs = Pairs::new(1);
        let begun = Instant::now();
        pairs.arrived(1, Current, begun);
        pairs.arrived(2, Candidate, begun);
        pairs.arrived(3, Candidate, begun + limits::CANARY_PATIENCE);
        assert_eq!(pairs.give_up(begun), [0, 0], "they may come yet");
        let end = begun + limits::CANARY_PATIENCE;
        assert_eq!(pairs.give_up(end), [1, 1], "one of each; the third was not waited for long enough");
        assert_eq!(pairs.arrived(1, Candidate, end), Arrival::Late);
        assert_eq!(pairs.arrived(2, Current, end), Arrival::Late);
        assert_eq!(pairs.arrived(3, Current, end), Arrival::Second);
        assert_eq!(pairs.give_up(end + limits::CANARY_PATIENCE), [0, 0], "nothing is missed twice");
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_whatever_does_not_come() {
        let mut pairs = Pairs::new(1);
        let now = Instant::now();
        let mut missing = 0;
        for key in 0..3 * limits::CANARY_COPIES as u128 {
            pairs.arrived(key, Current, now);
            missing += pairs.give_up(now)[Candidate as usize];
            assert!(pairs.order.len() <= limits::CANARY_COPIES && pairs.waiting.len() <= limits::CANARY_COPIES);
        }
        assert_eq!(missing, 2 * limits::CANARY_COPIES as u64);
    }
}
