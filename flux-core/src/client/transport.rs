use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ClientError;
use crate::api::Problem;

/// What of an answer that makes no sense is shown.
const EXCERPT_CHARACTERS: usize = 200;

/// Talks to one server. Cloning shares its connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    timeout: Duration,
}

impl Client {
    /// `url` is `http://ADDRESS:PORT` (or `https://`, and a path if the server stands behind one); `timeout` bounds each request, live streams excepted.
    pub fn new(url: &str, token: Option<String>, timeout: Duration) -> Result<Self, ClientError> {
        Client::trusting(url, token, timeout, &[])
    }

    /// Like [`Client::new`], and trusts the certificate authorities in `pem` as well as those of the system.
    pub fn trusting(url: &str, token: Option<String>, timeout: Duration, pem: &[u8]) -> Result<Self, ClientError> {
        let invalid = |reason: String| ClientError::InvalidUrl { url: url.to_owned(), reason };
        let base = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(invalid("it should look like http://127.0.0.1:3000".to_owned()));
        }
        // An error means that the process has chosen a provider already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("flux-iot/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeout)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&base) {
            // A proxy for the outside world does not lead to this machine.
            builder = builder.no_proxy();
        }
        if !pem.is_empty() {
            let authorities =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|error| ClientError::from_reqwest(url, error))?;
            builder = builder.tls_certs_merge(authorities);
        }
        let http = builder.build().map_err(|error| ClientError::from_reqwest(url, error))?;
        Ok(Client { http, base, token, timeout })
    }

    /// The server as it was named.
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(self.request(Method::GET, path)).await
    }

    pub(super) async fn query<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &(impl Serialize + ?Sized),
    ) -> Result<T, ClientError> {
        self.json(self.request(Method::GET, path).query(query)).await
    }

    /// Sends the request and reads an answer that should be a `T`.
    pub(super) async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let (status, body) = self.body(request).await?;
        serde_json::from_slice(&body).map_err(|error| self.unexpected(status, format!("{error}: {}", excerpt(&body))))
    }

    /// Sends a request whose answer says nothing beyond its status.
    pub(super) async fn done(&self, request: RequestBuilder) -> Result<(), ClientError> {
        self.body(request).await.map(|_| ())
    }

    pub(super) async fn text(&self, path: &str) -> Result<String, ClientError> {
        let (status, body) = self.body(self.request(Method::GET, path)).await?;
        String::from_utf8(body).map_err(|_| self.unexpected(status, "the answer is not text".to_owned()))
    }

    async fn body(&self, request: RequestBuilder) -> Result<(u16, Vec<u8>), ClientError> {
        let response = self.send(request.timeout(self.timeout)).await?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|error| self.unreachable(error))?;
        Ok((status, body.into()))
    }

    /// Sends the request; anything but success is an error.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|error| self.unreachable(error))?;
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ClientError::Problem(Box::new(problem))),
            Err(_) => Err(self.unexpected(status, excerpt(&body))),
        }
    }

    /// Sends a request whose answer may also be a `T` with `status`, which is not a success (503 of `/ready`).
    pub(super) async fn json_or<T: DeserializeOwned>(&self, status: u16, path: &str) -> Result<T, ClientError> {
        let request = self.request(Method::GET, path).timeout(self.timeout);
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let found = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(error))?;
        if (found.is_success() || found.as_u16() == status)
            && let Ok(answer) = serde_json::from_slice(&body)
        {
            return Ok(answer);
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ClientError::Problem(Box::new(problem))),
            Err(_) => Err(self.unexpected(found.as_u16(), excerpt(&body))),
        }
    }

    pub(super) fn unreachable(&self, error: reqwest::Error) -> ClientError {
        ClientError::from_reqwest(self.url(), error)
    }

    pub(super) fn unexpected(&self, status: u16, detail: String) -> ClientError {
        ClientError::Unexpected { url: self.url().to_owned(), status, detail }
    }

    pub(super) fn timed_out(&self) -> ClientError {
        ClientError::TimedOut { url: self.url().to_owned() }
    }
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    match text.char_indices().nth(EXCERPT_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if text.is_empty() => "the answer is empty".to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_address_of_a_server_is_refused_at_once() {
        for url in ["", "127.0.0.1:3000", "mqtt://localhost", "http://"] {
            let refused = Client::new(url, None, Duration::from_secs(1));
            assert!(matches!(refused, Err(ClientError::InvalidUrl { .. })), "{url}");
        }
        assert!(Client::new("http://localhost:3000/flux/", None, Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn an_excerpt_is_short_and_cut_between_characters() {
        assert_eq!(excerpt(" no \n".as_bytes()), "no");
        assert_eq!(excerpt("ü".repeat(300).as_bytes()).chars().count(), EXCERPT_CHARACTERS + 1);
    }
}
