use std::fmt;

/// The longest pattern that shares may need.
const LONGEST_PATTERN: u32 = 1_000;

/// Which share of the messages is published at which quality of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// By QoS; at least one is above 0.
    shares: [u32; 3],
}

impl Mix {
    /// Everything at one QoS, 0 to 2.
    pub fn only(qos: u8) -> Self {
        let mut shares = [0; 3];
        shares[usize::from(qos.min(2))] = 1;
        Self { shares }
    }

    /// `1`, or shares: `0=70,1=25,2=5`.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "a QoS is 0, 1 or 2, or a mix: 0=70,1=25,2=5";
        if let Ok(qos @ 0..=2) = text.parse::<u8>() {
            return Ok(Self::only(qos));
        }
        let mut shares = [0; 3];
        for part in text.split(',') {
            let (qos, share) = part.split_once('=').ok_or(FORM)?;
            let qos: usize = qos.trim().parse().map_err(|_| FORM)?;
            let place = shares.get_mut(qos).ok_or(FORM)?;
            if *place != 0 {
                return Err(format!("QoS {qos} is there twice"));
            }
            *place = share.trim().trim_end_matches('%').parse().map_err(|_| FORM)?;
        }
        let divisor = shares.into_iter().fold(0, divisor);
        if divisor == 0 {
            return Err("one share at least is above 0".to_owned());
        }
        let shares = shares.map(|share| share / divisor);
        if shares.into_iter().try_fold(0u32, u32::checked_add).is_none_or(|sum| sum > LONGEST_PATTERN) {
            return Err(format!("shares in lowest terms add up to {LONGEST_PATTERN} at most"));
        }
        Ok(Self { shares })
    }

    /// What subscriptions ask for.
    pub fn highest(&self) -> u8 {
        (0..3).rev().find(|qos| self.shares[usize::from(*qos)] > 0).unwrap_or(0)
    }

    pub fn lowest(&self) -> u8 {
        (0..3).find(|qos| self.shares[usize::from(*qos)] > 0).unwrap_or(0)
    }

    /// The QoS levels that occur, ascending.
    pub fn classes(&self) -> Vec<u8> {
        (0..3).filter(|qos| self.shares[usize::from(*qos)] > 0).collect()
    }

    pub fn is_mixed(&self) -> bool {
        self.classes().len() > 1
    }

    /// The order in which levels follow each other, as indexes into [`Mix::classes`]: as even as the shares allow.
    pub fn pattern(&self) -> Box<[u8]> {
        let shares: Vec<i64> = self.shares.into_iter().filter(|share| *share > 0).map(i64::from).collect();
        let sum: i64 = shares.iter().sum();
        let mut credit = vec![0; shares.len()];
        let next = |_| {
            credit.iter_mut().zip(&shares).for_each(|(credit, share)| *credit += share);
            let (place, _) =
                credit.iter().enumerate().max_by_key(|(place, credit)| (**credit, -(*place as i64))).unwrap_or((0, &0));
            credit[place] -= sum;
            place as u8
        };
        (0..sum).map(next).collect()
    }
}

fn divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { divisor(other, one % other) }
}

impl fmt::Display for Mix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_mixed() {
            return write!(formatter, "{}", self.highest());
        }
        let parts: Vec<String> =
            self.classes().into_iter().map(|qos| format!("{qos}={}", self.shares[usize::from(qos)])).collect();
        formatter.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_level_or_shares_are_read() {
        assert_eq!(Mix::parse("2"), Ok(Mix::only(2)));
        let mix = Mix::parse("0=70,1=25,2=5").unwrap();
        assert_eq!((mix.classes(), mix.highest(), mix.to_string()), (vec![0, 1, 2], 2, "0=14,1=5,2=1".to_owned()));
        assert_eq!(Mix::parse("1=100%"), Ok(Mix::only(1)));
        for wrong in ["3", "", "0=1,0=2", "0=0", "3=1", "1:2", "0=10001,1=1"] {
            assert!(Mix::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_holds_the_shares_and_spreads_them() {
        let pattern = Mix::parse("0=70,1=25,2=5").unwrap().pattern();
        let count = |class| pattern.iter().filter(|found| **found == class).count();
        assert_eq!((pattern.len(), count(0), count(1), count(2)), (20, 14, 5, 1));
        let ones: Vec<usize> = pattern.iter().enumerate().filter(|(_, class)| **class == 1).map(|(at, _)| at).collect();
        assert!(ones.windows(2).all(|pair| pair[1] - pair[0] >= 3), "{ones:?}");
        assert_eq!(*Mix::parse("0=1,2=1").unwrap().pattern(), [0, 1]);
    }
}
