//! The only place where an error becomes a status. The body says what is outside; chains of causes go to the log.

use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::{Code, Problem};
use crate::bus::distributed::{SteerError, Undecidable};
use crate::telemetry::TooManyTraces;
use crate::types::{Refusal, TopicError};

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct Error(pub(super) Box<Problem>);

impl Error {
    fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Error(Box::new(Problem::new(status.as_u16(), code, detail)))
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// A parameter of the path or query is wrong; `detail` follows its name.
    pub(super) fn parameter(name: &str, detail: impl std::fmt::Display) -> Self {
        let error = Error::new(StatusCode::BAD_REQUEST, Code::InvalidParameter, format!("{name} {detail}"));
        error.field(name, detail)
    }

    /// A field of the body is wrong; `detail` follows its name.
    pub(super) fn invalid(name: &str, detail: impl std::fmt::Display) -> Self {
        let error = Error::new(StatusCode::UNPROCESSABLE_ENTITY, Code::InvalidRequest, format!("{name} {detail}"));
        error.field(name, detail)
    }

    fn field(self, name: &str, detail: impl std::fmt::Display) -> Self {
        Error(Box::new(self.0.field(name, detail.to_string())))
    }

    /// `line` is where the JSON stands in a body of several lines, from 1.
    pub(super) fn json(error: &serde_json::Error, line: Option<usize>, field: Option<&str>) -> Self {
        // serde_json appends its own place, counted within the text that it was given.
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        let line = line.map_or(error.line(), |line| line + error.line().saturating_sub(1));
        let place = format!("line {line}, column {}", error.column());
        if error.is_data() {
            let detail = format!("{what} ({place})");
            let problem = Error::new(StatusCode::UNPROCESSABLE_ENTITY, Code::InvalidRequest, detail);
            // What is missing or unknown names itself; what is of a wrong kind stands at a place.
            let named = what.contains(" field `").then(|| what.split('`').nth(1)).flatten();
            return match named.or(field) {
                Some(field) => problem.field(field, what),
                None => problem,
            };
        }
        Error::new(StatusCode::BAD_REQUEST, Code::InvalidJson, format!("{what} ({place})"))
    }

    pub(super) fn not_utf8(line: usize) -> Self {
        Error::new(StatusCode::BAD_REQUEST, Code::InvalidJson, format!("line {line} is not UTF-8"))
    }

    pub(super) fn media_type(found: &str, taken: &str) -> Self {
        let found = if found.is_empty() { "there is no content type".to_owned() } else { format!("the content type is {found}") };
        Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType, format!("{found}; this takes {taken}"))
            .hint("send the header content-type: application/json")
    }

    pub(super) fn too_many_events(most: usize) -> Self {
        let detail = format!("one request takes {most} events at most");
        Error::new(StatusCode::PAYLOAD_TOO_LARGE, Code::TooManyEvents, detail).hint("send them in several requests")
    }

    pub(super) fn unauthenticated(shown: bool) -> Self {
        let detail = if shown { "the token is not the configured one" } else { "this server wants a token and there is none" };
        Error::new(StatusCode::UNAUTHORIZED, Code::Unauthenticated, detail)
            .hint("send the header authorization: Bearer TOKEN, with the token of http.token")
    }

    pub(super) fn other_site(origin: &str) -> Self {
        Error::new(StatusCode::FORBIDDEN, Code::NotAuthorized, format!("a page of {origin} may not change anything here"))
    }

    pub(super) fn no_such_path(path: &str) -> Self {
        Error::new(StatusCode::NOT_FOUND, Code::NoSuchPath, format!("there is nothing at {path}"))
            .hint("/docs lists what there is; a '/' in a client id or topic is written %2F")
    }

    pub(super) fn method_not_allowed(method: &str, path: &str) -> Self {
        Error::new(StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed, format!("{path} does not take {method}"))
            .hint("the header allow names the methods it takes")
    }

    pub(super) fn node_not_found(id: &str) -> Self {
        Error::new(StatusCode::NOT_FOUND, Code::NodeNotFound, format!("there is no node '{id}'"))
    }

    pub(super) fn client_not_found(client_id: &str) -> Self {
        Error::new(StatusCode::NOT_FOUND, Code::ClientNotFound, format!("no client '{client_id}' is connected"))
    }

    pub(super) fn session_not_found(client_id: &str) -> Self {
        Error::new(StatusCode::NOT_FOUND, Code::SessionNotFound, format!("there is no session of a client '{client_id}'"))
    }

    pub(super) fn retained_not_found(topic: &str) -> Self {
        Error::new(StatusCode::NOT_FOUND, Code::RetainedNotFound, format!("nothing is retained on '{topic}'"))
    }

    pub(super) fn canary_not_found() -> Self {
        Error::new(StatusCode::NOT_FOUND, Code::CanaryNotFound, "no candidate runs beside the bus of the cluster")
            .hint("fluxctl bus canary set KIND PERCENT begins one")
    }

    pub(super) fn no_other_nodes() -> Self {
        Error::new(StatusCode::CONFLICT, Code::NotEnabled, "the bus of this server is memory: there are no other nodes")
            .hint("start it with --bus and --redis-url to make it a node of a cluster")
    }

    pub(super) fn trace_not_found(id: &str) -> Self {
        Error::new(StatusCode::NOT_FOUND, Code::TraceNotFound, format!("there is no trace '{id}'; it may have ended"))
    }

    pub(super) fn recent_off() -> Self {
        Error::new(StatusCode::CONFLICT, Code::NotEnabled, "this server does not remember recent events")
            .hint("set http.recent_events to how many it should; GET /api/v1/events/tail shows events as they pass")
    }

    pub(super) fn key_in_use(key: &str) -> Self {
        Error::new(StatusCode::CONFLICT, Code::KeyInUse, format!("a request with the idempotency key '{key}' is under way"))
            .hint("repeat the request a little later: it will be given the same answer")
    }

    pub(super) fn key_reused(key: &str) -> Self {
        let detail = format!("the idempotency key '{key}' was used with another body");
        Error::new(StatusCode::UNPROCESSABLE_ENTITY, Code::KeyReused, detail).hint("use a new key for each new request")
    }

    pub(super) fn too_many_tails(most: usize) -> Self {
        Error::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyTails, format!("{most} live streams are open, as many as may be"))
    }

    pub(super) fn timeout(after: std::time::Duration) -> Self {
        let detail = format!("there was no answer after {} s; what was asked may still be done", after.as_secs());
        Error::new(StatusCode::SERVICE_UNAVAILABLE, Code::Timeout, detail)
    }

    pub(super) fn internal() -> Self {
        Error::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "the request ended in a mistake of the server")
            .hint("the log has more, under the request id of this answer; please report it")
    }

    pub(super) fn topic(name: &str, error: TopicError) -> Self {
        Error::invalid(name, error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal {
            Refusal::NotAuthorized => (StatusCode::FORBIDDEN, Code::NotAuthorized),
            Refusal::QueueFull => (StatusCode::SERVICE_UNAVAILABLE, Code::QueueFull),
            Refusal::QuotaExceeded => (StatusCode::TOO_MANY_REQUESTS, Code::QuotaExceeded),
            Refusal::StoreFailed | Refusal::Moved => (StatusCode::SERVICE_UNAVAILABLE, Code::StoreFailed),
            Refusal::Unreachable => (StatusCode::SERVICE_UNAVAILABLE, Code::Unreachable),
            Refusal::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, Code::ShuttingDown),
        };
        Error::new(status, code, refusal.to_string())
    }
}

impl From<SteerError> for Error {
    fn from(problem: SteerError) -> Self {
        match problem {
            SteerError::Undecidable(Undecidable::NoCanary) => Error::canary_not_found(),
            SteerError::Undecidable(Undecidable::Percent) => Error::invalid("percent", Undecidable::Percent),
            SteerError::Undecidable(same @ Undecidable::SameKind(_)) => {
                Error::new(StatusCode::CONFLICT, Code::Conflict, same.to_string()).hint("name another kind as the candidate")
            }
            SteerError::Meanwhile => Error::new(StatusCode::CONFLICT, Code::Conflict, problem.to_string())
                .hint("look at what is decided now (fluxctl bus status), and ask again"),
            SteerError::NoMember | SteerError::Redis(_) | SteerError::NotHeard => {
                Error::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unreachable, problem.to_string())
            }
        }
    }
}

impl From<TooManyTraces> for Error {
    fn from(problem: TooManyTraces) -> Self {
        Error::new(StatusCode::TOO_MANY_REQUESTS, Code::QuotaExceeded, problem.to_string())
    }
}

impl From<BytesRejection> for Error {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Error::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BodyTooLarge, "the body is larger than http.max_body allows")
                    .hint("send it in several requests, or raise http.max_body")
            }
            status => Error::new(status, Code::InvalidRequest, rejection.body_text()),
        }
    }
}

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        let text = rejection.body_text();
        let what = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
        let error = Error::new(StatusCode::BAD_REQUEST, Code::InvalidParameter, what);
        // "limit: invalid digit found in string" or "unknown field `limt`, expected one of …".
        match what.split_once(':').map(|(name, _)| name).or_else(|| what.split('`').nth(1)) {
            Some(name) => error.field(name, what),
            None => error,
        }
    }
}

impl From<PathRejection> for Error {
    fn from(rejection: PathRejection) -> Self {
        Error::new(StatusCode::BAD_REQUEST, Code::InvalidParameter, rejection.body_text())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&*self.0).expect("a problem is plain data");
        let mut response = (status, [(header::CONTENT_TYPE, Problem::MEDIA_TYPE)], body).into_response();
        let headers = response.headers_mut();
        match self.0.code {
            Code::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::KeyInUse | Code::QueueFull | Code::StoreFailed | Code::ShuttingDown | Code::TooManyTails => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
