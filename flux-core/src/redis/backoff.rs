use std::time::Duration;

use rand::RngExt;

use crate::types::limits::{REDIS_BACKOFF_LEAST, REDIS_BACKOFF_MOST};

/// How long to wait before the next attempt: doubles from the least to the most, then stays. Without end: Redis will come back.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { next: REDIS_BACKOFF_LEAST }
    }
}

impl Backoff {
    /// Between half and all of it, at random: nodes that lost the same Redis do not come back in step.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(REDIS_BACKOFF_MOST);
        whole.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    pub(super) fn reset(&mut self) {
        *self = Backoff::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_its_most_and_starts_anew_after_success() {
        let mut backoff = Backoff::default();
        let first = backoff.next();
        assert!(first >= REDIS_BACKOFF_LEAST / 2 && first <= REDIS_BACKOFF_LEAST);
        let last = (0..64).map(|_| backoff.next()).last().unwrap();
        assert!(last >= REDIS_BACKOFF_MOST / 2 && last <= REDIS_BACKOFF_MOST);
        backoff.reset();
        assert!(backoff.next() <= REDIS_BACKOFF_LEAST);
    }
}
