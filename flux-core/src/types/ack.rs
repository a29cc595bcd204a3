use serde::{Deserialize, Serialize};

/// What an acknowledgement to a publisher means (DESIGN §6). In configuration it is the word in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AckLevel {
    /// The operating system has it: safe whichever process is killed, not against a power failure.
    #[default]
    Stored,
    /// The disk has it too (`fdatasync` once for each group commit): safe against a power failure.
    Replicated,
}

/// Any other word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an acknowledgement level is 'stored' or 'replicated', not '{0}'")]
pub struct InvalidAckLevel(pub String);

impl AckLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            AckLevel::Stored => "stored",
            AckLevel::Replicated => "replicated",
        }
    }
}

impl std::fmt::Display for AckLevel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::str::FromStr for AckLevel {
    type Err = InvalidAckLevel;

    fn from_str(text: &str) -> Result<Self, InvalidAckLevel> {
        [AckLevel::Stored, AckLevel::Replicated]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| InvalidAckLevel(text.to_owned()))
    }
}
