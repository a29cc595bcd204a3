//! Parts of a request as types, with our own words for what is wrong with them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::Error;

/// One parameter of the path, decoded.
pub(super) struct Segment(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path(segment) = Path::<String>::from_request_parts(parts, state).await?;
        Ok(Segment(segment))
    }
}

/// The query.
pub(super) struct Wanted<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Wanted<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Query(query) = Query::<T>::from_request_parts(parts, state).await?;
        Ok(Wanted(query))
    }
}

/// The whole body, as large as it may be.
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        Ok(Body(Bytes::from_request(request, state).await?))
    }
}

/// A JSON body.
pub(super) struct Given<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let media_type = media_type(request.headers());
        if media_type != "application/json" {
            return Err(Error::media_type(&media_type, "application/json"));
        }
        let Body(body) = Body::from_request(request, state).await?;
        from_json(&body, None).map(Given)
    }
}

/// A value as JSON; of a body of several, `line` says where it stands.
pub(super) fn from_json<T: DeserializeOwned>(text: &[u8], line: Option<usize>) -> Result<T, Error> {
    serde_json::from_slice(text).map_err(|error| Error::json(&error, line, wrong_field::<T>(text).as_deref()))
}

/// Reads once more: to keep track of the place costs something with every field.
fn wrong_field<T: DeserializeOwned>(text: &[u8]) -> Option<String> {
    let found = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(text)).err()?;
    let names_a_field = found.path().iter().next().is_some();
    names_a_field.then(|| found.path().to_string())
}

/// The content type without its parameters, in small letters; empty when there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What a handler gives back.
pub(super) type Answer<T> = Result<Json<T>, Error>;
