use crate::api::Problem;

/// Why there is no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("'{url}' is not an address of a server: {reason}")]
    InvalidUrl { url: String, reason: String },
    /// Nobody there: connection refused, name unknown, TLS refused, connection lost before an answer.
    #[error("no answer from {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// Somebody there, and no answer in time. What was asked may have been done.
    #[error("{url} did not answer in time")]
    TimedOut { url: String },
    /// The server says what is wrong.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// An answer that no FLUX IOT server of this version gives.
    #[error("unexpected answer from {url} (status {status}): {detail}")]
    Unexpected { url: String, status: u16, detail: String },
}

impl ClientError {
    /// The problem, where the server named one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            ClientError::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// `reqwest` says only "error sending request" and keeps the reason in the chain of sources.
    pub(super) fn from_reqwest(url: &str, error: reqwest::Error) -> Self {
        let url = url.to_owned();
        if error.is_timeout() && !error.is_connect() {
            return ClientError::TimedOut { url };
        }
        let mut reason: &dyn std::error::Error = &error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        let reason = reason.to_string();
        if error.is_builder() { ClientError::InvalidUrl { url, reason } } else { ClientError::Unreachable { url, reason } }
    }
}
