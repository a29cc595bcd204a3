use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($name:ident = $word:literal, $title:literal;)*) => {
        /// What went wrong, for programs. The words are stable: none is ever renamed or given another meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
        pub enum Code {
            $(#[serde(rename = $word)] $name,)*
            /// A word of a newer server.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word,)* Code::Unknown => "unknown" }
            }

            /// The same for every problem with this code (RFC 9457 §3.1.3).
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* Code::Unknown => "Unknown problem" }
            }
        }
    };
}

codes! {
    InvalidJson = "invalid_json", "The body is not valid JSON";
    InvalidRequest = "invalid_request", "The request is understood and asks for something impossible";
    InvalidParameter = "invalid_parameter", "A parameter of the path or query is not valid";
    UnsupportedMediaType = "unsupported_media_type", "The content type is not supported";
    BodyTooLarge = "body_too_large", "The body is too large";
    TooManyEvents = "too_many_events", "Too many events in one request";
    Unauthenticated = "unauthenticated", "A valid token is needed";
    NotAuthorized = "not_authorized", "Not allowed";
    NoSuchPath = "no_such_path", "There is nothing at this path";
    MethodNotAllowed = "method_not_allowed", "The method is not allowed here";
    NodeNotFound = "node_not_found", "No such node";
    ClientNotFound = "client_not_found", "No such client is connected";
    SessionNotFound = "session_not_found", "No such session";
    RetainedNotFound = "retained_not_found", "No message is retained on this topic";
    CanaryNotFound = "canary_not_found", "There is no canary";
    TraceNotFound = "trace_not_found", "No such trace";
    NotEnabled = "not_enabled", "This is switched off in the configuration";
    Conflict = "conflict", "The present state does not allow it";
    KeyInUse = "idempotency_key_in_use", "A request with this idempotency key is under way";
    KeyReused = "idempotency_key_reused", "This idempotency key was used with another body";
    QueueFull = "queue_full", "A subscriber's durable queue is full";
    QuotaExceeded = "quota_exceeded", "A limit of this server is reached";
    TooManyTails = "too_many_tails", "Too many live streams are open";
    StoreFailed = "store_failed", "The durable store cannot write";
    Unreachable = "unreachable", "The other nodes of the cluster cannot be reached";
    ShuttingDown = "shutting_down", "The server is shutting down";
    NotReady = "not_ready", "The server is not ready";
    Timeout = "timeout", "The request took too long";
    Internal = "internal", "The server made a mistake";
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An error answer, `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:flux-iot:problem:CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// What was wrong, and where.
    pub detail: String,
    pub code: Code,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What is wrong with single parts of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What is wrong with one part of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The name of the field or parameter.
    pub field: String,
    pub detail: String,
}

impl Problem {
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    pub fn new(status: u16, code: Code, detail: impl Into<String>) -> Self {
        Problem {
            kind: format!("urn:flux-iot:problem:{code}"),
            title: code.title().to_owned(),
            status,
            detail: detail.into(),
            code,
            hint: None,
            errors: Vec::new(),
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the field or parameter that is at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), detail: detail.into() });
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_its_code_and_leaves_out_what_it_does_not_have() {
        let json = serde_json::to_string(&Problem::new(404, Code::SessionNotFound, "no session 'a'")).expect("serializes");
        assert_eq!(
            json,
            r#"{"type":"urn:flux-iot:problem:session_not_found","title":"No such session","status":404,"detail":"no session 'a'","code":"session_not_found"}"#
        );
    }

    #[test]
    fn a_code_of_a_newer_server_is_read_as_unknown() {
        assert_eq!(serde_json::from_str::<Code>(r#""quantum_decoherence""#).expect("reads"), Code::Unknown);
        for code in Code::ALL {
            assert_eq!(serde_json::to_string(code).expect("serializes"), format!("\"{code}\""));
        }
    }
}
