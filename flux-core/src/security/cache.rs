use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::time::Instant;

/// Credentials that were found right not long ago, so that a fleet that reconnects does not pay for its slow hashes again.
///
/// Holds no credential: an entry is a keyed hash under a key that this process made up. A changed password is another entry.
#[derive(Debug)]
pub(super) struct Verified {
    key: [u8; 32],
    until: HashMap<Fingerprint, Instant>,
    /// In the order of their ends, since all live equally long. A fingerprint that was renewed is here twice.
    order: VecDeque<(Instant, Fingerprint)>,
    capacity: usize,
    life: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Verified {
    pub(super) fn new(capacity: usize, life: Duration) -> Self {
        Verified { key: rand::random(), until: HashMap::new(), order: VecDeque::new(), capacity, life }
    }

    pub(super) fn fingerprint(&self, user: &str, password: &[u8], stored: &str) -> Fingerprint {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in [user.as_bytes(), stored.as_bytes(), password] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Fingerprint(mac.finalize().into_bytes().into())
    }

    pub(super) fn contains(&self, fingerprint: &Fingerprint, now: Instant) -> bool {
        self.until.get(fingerprint).is_some_and(|until| *until > now)
    }

    pub(super) fn insert(&mut self, fingerprint: Fingerprint, now: Instant) {
        while let Some((until, oldest)) = self.order.front().copied() {
            if until > now && self.order.len() < self.capacity {
                break;
            }
            self.order.pop_front();
            if self.until.get(&oldest) == Some(&until) {
                self.until.remove(&oldest);
            }
        }
        let until = now + self.life;
        self.until.insert(fingerprint, until);
        self.order.push_back((until, fingerprint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(60);

    #[test]
    fn an_entry_is_for_one_user_password_and_hash_and_for_a_while() {
        let (mut verified, now) = (Verified::new(10, LIFE), Instant::now());
        let right = verified.fingerprint("alice", b"secret", "$hash");
        verified.insert(right, now);
        assert!(verified.contains(&right, now + LIFE / 2));
        assert!(!verified.contains(&right, now + LIFE));
        for (user, password, stored) in [("alic", "esecret", "$hash"), ("alice", "Secret", "$hash"), ("alice", "secret", "$new")]
        {
            assert!(!verified.contains(&verified.fingerprint(user, password.as_bytes(), stored), now));
        }
    }

    #[test]
    fn the_oldest_goes_when_it_is_full_and_a_renewed_one_stays() {
        let (mut verified, now) = (Verified::new(3, LIFE), Instant::now());
        let of = |verified: &Verified, n: u64| verified.fingerprint(&n.to_string(), b"", "");
        let second = Duration::from_secs(1);
        for (after, n) in [(0, 1), (1, 2), (2, 1), (3, 3)] {
            let fingerprint = of(&verified, n);
            verified.insert(fingerprint, now + second * after);
        }
        let later = now + second * 4;
        assert!([1, 2, 3].iter().all(|n| verified.contains(&of(&verified, *n), later)));
        for n in 4..100 {
            let fingerprint = of(&verified, n);
            verified.insert(fingerprint, later);
        }
        assert!(verified.until.len() <= 3 && verified.order.len() <= 3);
        assert!(!verified.contains(&of(&verified, 1), later) && verified.contains(&of(&verified, 99), later));
    }
}
