//! Random values of the wire types. A failing test prints its seed; `FLUX_TEST_SEED` repeats it.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::mqtt::packet::UserProperty;
use crate::types::QoS;

pub(super) struct Random {
    generator: StdRng,
    seed: u64,
}

/// The seed is seen when the test fails.
impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with FLUX_TEST_SEED={}", self.seed);
        }
    }
}

impl Random {
    pub(super) fn new() -> Self {
        let seed = std::env::var("FLUX_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
        Random { generator: StdRng::seed_from_u64(seed), seed }
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.generator.random_range(0..bound)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.generator.random()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.generator.random()
    }

    /// Not 0.
    pub(super) fn two_bytes(&mut self) -> u16 {
        self.generator.random_range(1..=u16::MAX)
    }

    /// Not 0.
    pub(super) fn four_bytes(&mut self) -> u32 {
        self.generator.random_range(1..=u32::MAX)
    }

    /// 1 to 268,435,455, each length on the wire as likely as the others.
    pub(super) fn variable(&mut self) -> u32 {
        let bits = 7 * (1 + self.below(4));
        self.generator.random_range(1..1u32 << bits)
    }

    pub(super) fn qos(&mut self) -> QoS {
        QoS::try_from(self.below(3) as u8).expect("below 3")
    }

    /// Mostly short; now and then long enough for a length of two or three bytes.
    fn length(&mut self) -> usize {
        match self.below(50) {
            0 => self.below(20_000),
            1..5 => self.below(300),
            _ => self.below(12),
        }
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        (0..self.length()).map(|_| self.byte()).collect()
    }

    /// Of one to four bytes a character, without U+0000 and without wildcards, not empty.
    pub(super) fn text(&mut self) -> String {
        const CHARACTERS: [char; 8] = ['a', 'Z', '/', ' ', 'ß', '水', '\u{FEFF}', '\u{2A6D4}'];
        (0..=self.length().min(9_000)).map(|_| CHARACTERS[self.below(CHARACTERS.len())]).collect()
    }

    pub(super) fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| value(self))
    }

    pub(super) fn several<T>(&mut self, least: usize, value: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..least + self.below(4)).map(|_| value(self)).collect()
    }

    pub(super) fn boxed_text(&mut self) -> Box<str> {
        self.text().into()
    }

    pub(super) fn user_properties(&mut self) -> Vec<UserProperty> {
        self.several(0, |random| (random.boxed_text(), random.boxed_text()))
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
