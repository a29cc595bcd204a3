use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an acknowledgement of a QoS 1 or 2 message promises its publisher (DESIGN §6). Weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AckLevel {
    /// Every mailbox of this node and every other node's inbox has taken it.
    Routed,
    /// And every matched durable session has it in its durable queue: survives the death of any process.
    #[default]
    Stored,
    /// And the log is synchronised with the disk (one node) or copied to a replica: survives a power failure.
    Replicated,
}

impl AckLevel {
    pub const ALL: [AckLevel; 3] = [AckLevel::Routed, AckLevel::Stored, AckLevel::Replicated];

    /// The word in the configuration and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            AckLevel::Routed => "routed",
            AckLevel::Stored => "stored",
            AckLevel::Replicated => "replicated",
        }
    }
}

impl fmt::Display for AckLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of routed, stored, replicated")]
pub struct UnknownAckLevel;

impl FromStr for AckLevel {
    type Err = UnknownAckLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        AckLevel::ALL.into_iter().find(|level| level.as_str() == text).ok_or(UnknownAckLevel)
    }
}
