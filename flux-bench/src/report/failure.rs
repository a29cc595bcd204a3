use std::io::Write;

use serde::Serialize;

use crate::engine::RunError;
use crate::http;
use crate::watch::servers::WatchError;

pub use super::model::API_VERSION;

/// Why a run did not take place: for people three lines, for programs one JSON object with a stable `code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    api_version: &'static str,
    kind: &'static str,
    pub code: &'static str,
    pub exit: u8,
    error: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Box<str>>,
}

impl Failure {
    pub fn new(exit: u8, code: &'static str, error: impl Into<Box<str>>) -> Self {
        Self { api_version: API_VERSION, kind: "Error", code, exit, error: error.into(), cause: None, hint: None }
    }

    pub fn usage(error: impl Into<Box<str>>) -> Self {
        Self::new(2, "usage", error)
    }

    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<str>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<Box<str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn caused_by(self, error: &dyn std::error::Error) -> Self {
        match error.source() {
            Some(source) => self.cause(source.to_string()),
            None => self,
        }
    }

    pub fn as_text(&self) -> String {
        let mut text = format!("error: {}\n", self.error);
        for (label, line) in [("cause", &self.cause), ("hint", &self.hint)] {
            if let Some(line) = line {
                text.push_str(&format!("{label}: {line}\n"));
            }
        }
        text
    }

    /// On standard error; if that is closed there is nobody to tell, and the exit code still says it.
    pub fn report(&self, json: bool) {
        let text = if json { serde_json::to_string(self).expect("strings are JSON") + "\n" } else { self.as_text() };
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

impl From<&RunError> for Failure {
    fn from(error: &RunError) -> Self {
        let code = match error {
            RunError::Limit(_) => "limit",
            RunError::Connect { .. } => "connect",
            RunError::Watch(error) => return watch(error),
            RunError::Interrupted => return Failure::new(130, "interrupted", error.to_string()),
            RunError::Generator(_) => "generator",
        };
        let failure = Failure::new(1, code, error.to_string()).caused_by(error);
        match error {
            RunError::Connect { .. } => failure.hint("start a server (flux-core serve) or name one: --url mqtt://HOST:PORT"),
            _ => failure,
        }
    }
}

/// Said before anything runs.
fn watch(error: &WatchError) -> Failure {
    let hint = match error {
        WatchError::Node(_) => {
            "--nodes http://HOST:PORT, the HTTP API of a FLUX node; --token or FLUX_TOKEN where it asks for one"
        }
        WatchError::Same { .. } | WatchError::Watched { .. } => "name each once: what it uses would count twice",
    };
    Failure::new(1, "nodes", error.to_string()).hint(hint)
}

impl From<&http::RunError> for Failure {
    fn from(error: &http::RunError) -> Self {
        let code = match error {
            http::RunError::Limit(_) => "limit",
            http::RunError::Tls(_) => "tls",
            http::RunError::Request(_) => return Failure::usage(error.to_string()).caused_by(error),
            http::RunError::Connect { .. } => "connect",
            http::RunError::Watch(error) => return watch(error),
            http::RunError::Interrupted => return Failure::new(130, "interrupted", error.to_string()),
            http::RunError::Generator(_) => "generator",
        };
        let failure = Failure::new(1, code, error.to_string()).caused_by(error);
        match error {
            http::RunError::Connect { cause, .. } => {
                failure.cause(cause.as_str()).hint("start a server (flux-core serve) or name one: --url http://HOST:PORT")
            }
            _ => failure,
        }
    }
}
