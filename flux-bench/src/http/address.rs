use std::net::{SocketAddr, ToSocketAddrs};

/// Where an HTTP server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub tls: bool,
    /// As the certificate names it: without port and brackets.
    pub host: String,
    /// For the header `host`.
    pub authority: String,
    /// Before every path; empty or `/…` without a slash at its end.
    pub prefix: String,
    pub socket: SocketAddr,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("{0:?} is not a server's URL: {1}")]
    Url(String, &'static str),
    #[error("the server's address {authority:?} cannot be resolved")]
    Resolve { authority: String, cause: String },
}

impl Address {
    /// `http[s]://HOST[:PORT][/PREFIX]`; asks the system for the host's address.
    pub fn resolve(url: &str) -> Result<Self, AddressError> {
        let wrong = |reason| AddressError::Url(url.to_owned(), reason);
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(wrong("http:// and https:// are spoken here")),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(wrong("names and passwords do not belong in a URL; there is --token"));
        }
        if path.contains(['?', '#']) || authority.contains(['?', '#']) {
            return Err(wrong("a query does not belong to a server"));
        }
        let (host, port) = split(authority, if tls { 443 } else { 80 }).ok_or_else(|| wrong("HOST[:PORT] is missing"))?;
        let unresolved = |cause: String| AddressError::Resolve { authority: authority.to_owned(), cause };
        let found = (host, port).to_socket_addrs().map_err(|error| unresolved(error.to_string()))?;
        // localhost often resolves to ::1 first, where few servers listen.
        let socket = found.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| unresolved("the name has no address".to_owned()))?;
        Ok(Self {
            tls,
            host: host.to_owned(),
            authority: authority.to_owned(),
            prefix: path.trim_end_matches('/').to_owned(),
            socket,
        })
    }
}

fn split(authority: &str, default_port: u16) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, port)| (host, port.strip_prefix(':')))?,
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(default_port), |port| port.parse().ok())?;
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let found = Address::resolve("https://127.0.0.1:8443/flux/").unwrap();
        assert_eq!(
            (found.tls, found.host.as_str(), found.authority.as_str(), found.prefix.as_str()),
            (true, "127.0.0.1", "127.0.0.1:8443", "/flux")
        );
        assert_eq!(Address::resolve("http://127.0.0.1").unwrap().socket.port(), 80);
        let v6 = Address::resolve("http://[::1]:3000").unwrap();
        assert_eq!((v6.host.as_str(), v6.socket.port(), v6.socket.is_ipv6()), ("::1", 3000, true));
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for url in ["mqtt://127.0.0.1", "http://", "http://me:secret@127.0.0.1", "http://127.0.0.1:port", "http://127.0.0.1/?a=b"]
        {
            assert!(matches!(Address::resolve(url), Err(AddressError::Url(..))), "{url}");
        }
    }
}
