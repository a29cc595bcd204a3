use std::io::Write;

use flux_core::output::API_VERSION;
use serde::Serialize;

/// What a script can tell from the exit code alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Failed = 1,
    /// A wrong command line, or a confirmation that nobody was there to give.
    Usage = 2,
    NotFound = 3,
    NotAllowed = 4,
    /// Refused as unsafe, or in conflict with the present state.
    Refused = 5,
    Unhealthy = 6,
    TimedOut = 7,
    NoEndpoint = 8,
    /// `--dry-run`: there is something to change.
    Pending = 10,
}

/// Why a command did not do what it was asked: for people three lines, for programs one JSON object with a stable `code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    code: String,
    error: String,
    cause: Option<String>,
    hint: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outside<'a> {
    api_version: &'static str,
    kind: &'static str,
    code: &'a str,
    exit: u8,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Failure {
    pub fn new(exit: Exit, code: impl Into<String>, error: impl Into<String>) -> Self {
        Failure { exit, code: code.into(), error: error.into(), cause: None, hint: None }
    }

    pub fn usage(error: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, "usage", error)
    }

    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// In one line, for one of many.
    pub fn line(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{}: {cause}", self.error),
            None => self.error.clone(),
        }
    }

    /// The same failure, seen from what was being done.
    #[must_use]
    pub fn doing(mut self, error: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.error, error.into());
        self.cause = Some(match self.cause.take() {
            Some(cause) => format!("{inner}: {cause}"),
            None => inner,
        });
        self
    }

    pub fn as_json(&self) -> String {
        let Failure { exit, code, error, cause, hint } = self;
        let (cause, hint) = (cause.as_deref(), hint.as_deref());
        let outside = Outside { api_version: API_VERSION, kind: "Error", code, exit: *exit as u8, error, cause, hint };
        serde_json::to_string(&outside).expect("strings and numbers are JSON")
    }

    pub fn as_text(&self) -> String {
        // What a dry run found is no mistake.
        let label = if self.exit == Exit::Pending { "note" } else { "error" };
        let mut text = format!("{label}: {}\n", self.error);
        for (label, line) in [("cause", &self.cause), ("hint", &self.hint)] {
            if let Some(line) = line {
                text.push_str(&format!("{label}: {line}\n"));
            }
        }
        text
    }

    /// Standard error may be closed: then there is nobody to tell, and the exit code still says it.
    pub fn report(&self, json: bool) {
        let text = if json { self.as_json() + "\n" } else { self.as_text() };
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// Standard output is gone. A reader that has had enough (`| head`) is no failure: `None`.
pub fn from_write(error: &std::io::Error) -> Option<Failure> {
    (error.kind() != std::io::ErrorKind::BrokenPipe)
        .then(|| Failure::new(Exit::Failed, "output", "cannot write to standard output").cause(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Failure {
        Failure::new(Exit::NotFound, "not_found", "there is no session dev-1").hint("fluxctl sessions list")
    }

    #[test]
    fn people_read_what_why_and_what_to_do() {
        assert_eq!(failure().as_text(), "error: there is no session dev-1\nhint: fluxctl sessions list\n");
        let seen = failure().doing("cannot disconnect").as_text();
        assert_eq!(seen, "error: cannot disconnect\ncause: there is no session dev-1\nhint: fluxctl sessions list\n");
    }

    #[test]
    fn programs_read_a_stable_code() {
        let json: serde_json::Value = serde_json::from_str(&failure().as_json()).unwrap();
        assert_eq!(json["code"], "not_found");
        assert_eq!(json["exit"], 3);
        assert!(json.get("cause").is_none());
    }

    #[test]
    fn a_reader_that_has_had_enough_is_no_failure() {
        assert_eq!(from_write(&std::io::ErrorKind::BrokenPipe.into()), None);
        assert!(from_write(&std::io::ErrorKind::StorageFull.into()).is_some());
    }
}
