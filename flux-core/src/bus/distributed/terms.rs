use std::fmt;
use std::str::FromStr;

use crate::types::QoS;

/// What a node's route for one subscription asks of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The highest that any of its subscribers asked for.
    pub qos: QoS,
    /// It has a durable subscriber: the route outlives the node, and leads to its inbox until somebody has taken that over.
    pub durable: bool,
    /// How many subscribers stand behind it: the share of a node in a group.
    pub members: u32,
    /// How many of them have nobody who reads: a group passes them over while it has others.
    pub offline: u32,
    /// How many of them are owed no more before their durable queue has room again: who publishes for them is refused, a group passes
    /// them over.
    pub full: u32,
}

impl Terms {
    /// How many of its subscribers have somebody who reads, and room.
    pub fn present(&self) -> u32 {
        // Nobody reads from most queues that are full.
        self.members.saturating_sub(self.offline.max(self.full))
    }

    /// How many of them can be given something.
    pub fn with_room(&self) -> u32 {
        self.members.saturating_sub(self.full)
    }

    /// Whether events that `before` let pass unsent have to be sent now.
    pub fn widens(&self, before: Option<&Terms>) -> bool {
        before.is_none_or(|before| self.qos > before.qos || (self.durable && !before.durable))
    }
}

const OFFLINE: &str = "offline=";
const FULL: &str = "full=";

/// As it stands in Redis: words that a person can read, and of which a later version may add more.
impl fmt::Display for Terms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = if self.durable { "durable" } else { "live" };
        write!(formatter, "qos{} {kept} {}", self.qos as u8, self.members)?;
        for (word, count) in [(OFFLINE, self.offline), (FULL, self.full)] {
            if count > 0 {
                write!(formatter, " {word}{count}")?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not `qosN live|durable MEMBERS`")]
pub struct InvalidTerms;

impl FromStr for Terms {
    type Err = InvalidTerms;

    fn from_str(text: &str) -> Result<Self, InvalidTerms> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(InvalidTerms);
        let qos = word()?.strip_prefix("qos").and_then(|number| number.parse::<u8>().ok());
        let qos = qos.and_then(|number| QoS::try_from(number).ok()).ok_or(InvalidTerms)?;
        let durable = match word()? {
            "durable" => true,
            "live" => false,
            _ => return Err(InvalidTerms),
        };
        let members = word()?.parse().map_err(|_| InvalidTerms)?;
        let count = |word: &str| words.clone().find_map(|found| found.strip_prefix(word)?.parse().ok()).unwrap_or(0).min(members);
        Ok(Terms { qos, durable, members, offline: count(OFFLINE), full: count(FULL) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_words_and_more_words_may_follow() {
        let terms = Terms { qos: QoS::ExactlyOnce, durable: true, members: 12, offline: 0, full: 0 };
        assert_eq!(terms.to_string(), "qos2 durable 12");
        let some_away = Terms { offline: 5, ..terms };
        assert_eq!(some_away.to_string(), "qos2 durable 12 offline=5");
        let some_full = Terms { full: 2, ..some_away };
        assert_eq!(some_full.to_string(), "qos2 durable 12 offline=5 full=2");
        assert_eq!("qos2 durable 12 offline=5 full=2".parse(), Ok(some_full));
        assert_eq!("qos2 durable 12 zone=eu offline=5".parse(), Ok(some_away));
        assert_eq!("qos2 durable 12 zone=eu".parse(), Ok(terms));
        for wrong in ["", "qos3 live 1", "qos1", "qos1 live", "qos1 sometimes 1", "qos1 live x"] {
            assert_eq!(wrong.parse::<Terms>(), Err(InvalidTerms), "{wrong}");
        }
    }
}
