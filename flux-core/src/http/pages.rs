//! The two pages for people: status and documentation. Each is one file, without anything from elsewhere.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Nothing is fetched but from this server, and nobody frames it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

fn page(html: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, html).into_response()
}

pub(super) async fn status() -> Response {
    page(include_str!("pages/status.html"))
}

pub(super) async fn documentation() -> Response {
    page(include_str!("pages/docs.html"))
}
