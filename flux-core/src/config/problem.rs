use std::fmt;

use super::source::Origin;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key; empty when the file as a whole is meant.
    pub path: String,
    /// As it was given; `***` for a secret.
    pub value: Option<String>,
    pub origin: Origin,
    /// Follows the key and its value: "is not …".
    pub what: String,
    pub hint: Option<String>,
}

/// Everything that is wrong with the configuration, never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.origin, self.path)?;
        if let Some(value) = &self.value {
            write!(formatter, " = {value:?}")?;
        }
        write!(formatter, "{}{}", if self.path.is_empty() { "" } else { " " }, self.what)?;
        if let Some(hint) = &self.hint {
            write!(formatter, "\n    hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(formatter, "the configuration has a problem; nothing was started")?,
            count => write!(formatter, "the configuration has {count} problems; nothing was started")?,
        }
        for problem in &self.0 {
            write!(formatter, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
