use foldhash::HashSet;

use super::super::wire::Audience;
use crate::types::EventId;

/// Remembers what has come, so that what was sent twice is delivered once. Forgets the oldest half when it is full.
///
/// A node sends again what it got no answer for: Redis may have had it. Both copies come close together.
#[derive(Debug)]
pub struct Seen {
    recent: HashSet<u128>,
    before: HashSet<u128>,
    most: usize,
}

impl Seen {
    /// Remembers at least the last `most` messages and at most twice as many.
    pub fn new(most: usize) -> Self {
        Seen { recent: HashSet::default(), before: HashSet::default(), most }
    }

    /// `true` the first time.
    pub fn first_of(&mut self, key: u128) -> bool {
        if self.before.contains(&key) || !self.recent.insert(key) {
            return false;
        }
        if self.recent.len() >= self.most {
            self.before = std::mem::take(&mut self.recent);
        }
        true
    }

    pub fn knows(&self, key: u128) -> bool {
        self.recent.contains(&key) || self.before.contains(&key)
    }
}

/// Names one event for one audience: it may come several times for different ones, to all, and later to the member of a group.
pub fn message_key(id: EventId, audience: &Audience) -> u128 {
    id.0 ^ (u128::from(fingerprint(audience)) << 64)
}

/// Everyone alone, the usual case, is zero: nothing is hashed for it.
fn fingerprint(audience: &Audience) -> u64 {
    if audience.groups.is_empty() && audience.session.is_none() {
        return 0;
    }
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for group in &audience.groups {
        hash.update(group.group.as_deref().unwrap_or_default().as_bytes());
        hash.update(&[0, audience.hops]);
        hash.update(group.filter.as_str().as_bytes());
        hash.update(&[0]);
    }
    if let Some(session) = &audience.session {
        hash.update(session.as_str().as_bytes());
    }
    hash.update(&[u8::from(audience.everyone)]);
    hash.digest()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::types::Subscription;

    impl Seen {
        fn first(&mut self, id: EventId, audience: &Audience) -> bool {
            self.first_of(message_key(id, audience))
        }
    }

    fn group(text: &str) -> Audience {
        Audience::group(Arc::new(Subscription::parse(text).expect("valid subscription")))
    }

    #[test]
    fn a_message_is_new_once_per_audience() {
        let mut seen = Seen::new(100);
        let audiences =
            [Audience::everyone(), group("$share/g/a"), group("$share/h/a"), Audience { hops: 1, ..group("$share/g/a") }];
        for audience in &audiences {
            assert!(seen.first(EventId(7), audience), "{audience:?}");
            assert!(!seen.first(EventId(7), audience), "{audience:?} again");
            assert!(seen.first(EventId(8), audience));
        }
    }

    #[test]
    fn memory_is_bounded_and_the_last_ones_are_known() {
        let mut seen = Seen::new(100);
        for id in 0..1_000 {
            assert!(seen.first(EventId(id), &Audience::everyone()));
            assert!(seen.recent.len() + seen.before.len() <= 200);
        }
        assert!((900..1_000).all(|id| !seen.first(EventId(id), &Audience::everyone())));
    }
}
