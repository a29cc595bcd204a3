//! What every request goes through: its id, the token, the time it may take, and a log line when it is answered.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::error::Error;
use super::state::App;
use crate::api::paths;
use crate::types::Timestamp;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request id that a client gave is kept if it is short and plain: it goes to the log as it is.
const LONGEST_REQUEST_ID: usize = 64;

/// What anybody may see: nothing in it is about this server's data.
const OPEN: &[&str] = &[paths::HEALTH, paths::READY, paths::STATUS_PAGE, paths::DOCS, paths::OPENAPI];

/// Knows the token and names requests.
pub(super) struct Guard {
    /// Its hash: comparing hashes takes the same time wherever the tokens differ.
    token: Option<[u8; 32]>,
    started: u64,
    requests: AtomicU64,
}

impl Guard {
    pub(super) fn new(token: Option<&str>) -> Self {
        let token = token.map(|token| Sha256::digest(token).into());
        Guard { token, started: Timestamp::now().as_millis() & 0xFFFF_FFFF, requests: AtomicU64::new(0) }
    }

    fn authenticate(&self, path: &str, headers: &HeaderMap) -> Result<(), Error> {
        let Some(token) = &self.token else { return Ok(()) };
        if OPEN.contains(&path) {
            return Ok(());
        }
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        let shown = shown.ok_or_else(|| Error::unauthenticated(false))?;
        let shown: [u8; 32] = Sha256::digest(shown).into();
        let difference = shown.iter().zip(token).fold(0, |difference, (a, b)| difference | (a ^ b));
        if difference == 0 { Ok(()) } else { Err(Error::unauthenticated(true)) }
    }

    /// A page of another site must not make the browser of somebody who reaches this server change anything here.
    fn same_site(request: &Request) -> Result<(), Error> {
        if request.method().is_safe() {
            return Ok(());
        }
        let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let Some(origin) = header(header::ORIGIN) else { return Ok(()) };
        let from = origin.split_once("://").map(|(_, host)| host);
        if from.is_some() && from == header(header::HOST) { Ok(()) } else { Err(Error::other_site(origin)) }
    }

    fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        let plain = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            !bytes.is_empty() && bytes.len() <= LONGEST_REQUEST_ID && bytes.iter().all(u8::is_ascii_graphic)
        };
        headers.get(REQUEST_ID).filter(plain).cloned().unwrap_or_else(|| {
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            HeaderValue::try_from(format!("{:08x}-{number:x}", self.started)).expect("hexadecimal digits are a header value")
        })
    }
}

/// The scheme is read in any case (RFC 9110 §11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The layer around all routes.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = app.guard.request_id(request.headers());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let allowed = Guard::same_site(&request).and_then(|()| app.guard.authenticate(uri.path(), request.headers()));
    let mut response = match allowed {
        Ok(()) => answer(&app, request, next).await,
        Err(error) => error.into_response(),
    };
    let status = response.status();
    let (request_id, path, elapsed) = (id.to_str().unwrap_or_default(), uri.path(), started.elapsed());
    if status.is_server_error() {
        tracing::warn!(request_id, %method, path, status = status.as_u16(), ?elapsed, "request failed");
    } else {
        tracing::debug!(request_id, %method, path, status = status.as_u16(), ?elapsed, "request answered");
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

async fn answer(app: &App, request: Request, next: Next) -> Response {
    let limit = app.settings.request_timeout;
    match tokio::time::timeout(limit, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
        Ok(Ok(response)) => response,
        // The panic itself is in the log already: the hook writes it.
        Ok(Err(_)) => Error::internal().into_response(),
        Err(_) => Error::timeout(limit).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_the_configured_token_opens_what_is_not_open_to_all() {
        let guard = Guard::new(Some("s3cret-s3cret-s3cret"));
        let may = |path: &str, value| guard.authenticate(path, &headers(header::AUTHORIZATION, value)).is_ok();
        assert!(may("/api/v1/nodes", "Bearer s3cret-s3cret-s3cret") && may("/metrics", "bearer  s3cret-s3cret-s3cret"));
        for wrong in ["Bearer s3cret-s3cret-s3cre", "Basic s3cret-s3cret-s3cret", "s3cret-s3cret-s3cret", "Bearer"] {
            assert!(!may("/api/v1/nodes", wrong), "{wrong}");
        }
        assert!(guard.authenticate("/health", &HeaderMap::new()).is_ok());
        assert!(guard.authenticate("/metrics", &HeaderMap::new()).is_err());
        assert!(Guard::new(None).authenticate("/metrics", &HeaderMap::new()).is_ok());
    }

    #[test]
    fn a_plain_request_id_is_kept_and_any_other_replaced() {
        let guard = Guard::new(None);
        assert_eq!(guard.request_id(&headers(REQUEST_ID, "abc-1")), "abc-1");
        let (first, second) = (guard.request_id(&headers(REQUEST_ID, "a b")), guard.request_id(&HeaderMap::new()));
        assert!(first != "a b" && first != second);
    }
}
