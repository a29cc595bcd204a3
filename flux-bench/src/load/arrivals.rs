use serde::Serialize;

/// How messages are spread over a schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Arrival {
    /// One after the other at even distances
    #[default]
    Constant,
    /// At random, as independent senders do: exponential distances
    Poisson,
}

impl Arrival {
    pub fn name(self) -> &'static str {
        match self {
            Arrival::Constant => "constant",
            Arrival::Poisson => "poisson",
        }
    }
}

/// One publisher's places in a schedule that it shares with others. Two copies that are advanced equally often stand at the
/// same place: what was due when needs no list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrivals {
    position: f64,
    /// How many share the schedule.
    of: f64,
    /// Of the random distances; None when they are even.
    random: Option<u64>,
}

impl Arrivals {
    /// Of publisher `number` of `of`.
    pub fn new(arrival: Arrival, (number, of): (u64, u64), seed: u64) -> Self {
        let even = Self { position: number as f64, of: of as f64, random: None };
        match arrival {
            Arrival::Constant => even,
            Arrival::Poisson => {
                let state = (seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1;
                let mut random = Self { position: 0.0, random: Some(state), ..even };
                // Numbers that begin close together need a few steps to part.
                for _ in 0..8 {
                    random.advance();
                }
                random.position = 0.0;
                random.advance();
                random
            }
        }
    }

    /// Where in the schedule the next message is, in messages of all who share it.
    #[inline]
    pub fn position(&self) -> f64 {
        self.position
    }

    #[inline]
    pub fn advance(&mut self) {
        self.position += match &mut self.random {
            None => self.of,
            Some(state) => self.of * exponential(state),
        };
    }
}

/// With mean 1, from xorshift64*.
fn exponential(state: &mut u64) -> f64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
    -((bits + 1) as f64 / (1u64 << 53) as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_arrivals_take_turns() {
        let positions = |number| {
            let mut arrivals = Arrivals::new(Arrival::Constant, (number, 2), 1);
            std::iter::repeat_with(|| {
                let at = arrivals.position();
                arrivals.advance();
                at
            })
            .take(3)
            .collect::<Vec<_>>()
        };
        assert_eq!((positions(0), positions(1)), (vec![0.0, 2.0, 4.0], vec![1.0, 3.0, 5.0]));
    }

    #[test]
    fn random_arrivals_have_the_same_mean_and_its_spread() {
        let mut arrivals = Arrivals::new(Arrival::Poisson, (3, 10), 42);
        let mut again = arrivals;
        let (mut sum, mut squares, mut last) = (0.0, 0.0, arrivals.position());
        let count = 100_000;
        for _ in 0..count {
            arrivals.advance();
            let distance = (arrivals.position() - last) / 10.0;
            last = arrivals.position();
            sum += distance;
            squares += distance * distance;
            again.advance();
        }
        let mean = sum / f64::from(count);
        let deviation = (squares / f64::from(count) - mean * mean).sqrt();
        assert!((mean - 1.0).abs() < 0.02 && (deviation - 1.0).abs() < 0.03, "{mean} {deviation}");
        assert_eq!(arrivals, again, "two copies stay together");
    }
}
