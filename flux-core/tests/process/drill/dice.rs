//! Numbers that look random and come again with the same seed.

use std::time::SystemTime;

pub struct Dice {
    /// What it began with.
    pub seed: u64,
    state: u64,
}

impl Dice {
    /// With a seed that is printed.
    pub fn announced() -> Dice {
        let seed = Dice::seed();
        println!("drill: FLUX_TEST_SEED={seed}");
        Dice::new(seed)
    }

    /// From `FLUX_TEST_SEED`, or a new one each time.
    fn seed() -> u64 {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").subsec_nanos().into();
        std::env::var("FLUX_TEST_SEED").map_or_else(|_| now(), |text| text.parse().expect("FLUX_TEST_SEED is a number"))
    }

    fn new(seed: u64) -> Dice {
        Dice { seed, state: seed }
    }

    /// Splitmix64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}
