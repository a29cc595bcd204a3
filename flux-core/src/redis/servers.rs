use std::fmt;

use url::{Host, Url};

/// Where Redis is, as its URLs say it.
///
/// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `rediss://…` for TLS; several of them are the nodes of a Redis Cluster that are
/// asked first. `redis+sentinel://[USER:PASSWORD@]HOST[:PORT]/SERVICE[/DATABASE]` (or `rediss+sentinel://`) are Sentinels of a primary;
/// user and password are then the primary's, those of the Sentinels are `?sentinel_user=…&sentinel_password=…`.
/// A plain URL with `?service=NAME` is a Sentinel too.
#[derive(Clone, PartialEq, Eq)]
pub struct Servers {
    pub(super) addresses: Vec<Address>,
    pub(super) tls: bool,
    pub(super) login: Login,
    pub(super) database: u32,
    pub(super) sentinel: Option<Sentinel>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Login {
    pub user: Option<String>,
    pub password: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Sentinel {
    pub service: String,
    pub login: Login,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServersError {
    #[error("no URL is given: write redis://HOST:6379")]
    None,
    #[error("it is not a URL: {0} (write redis://HOST:6379)")]
    NotUrl(String),
    #[error("{0}:// is not for Redis: write redis://, rediss:// (TLS), redis+sentinel:// or rediss+sentinel://")]
    Scheme(String),
    #[error("it names no host: write redis://HOST:6379")]
    NoHost,
    #[error("{0:?} is no database number: the path is /DATABASE, and /SERVICE/DATABASE for Sentinels")]
    Database(String),
    #[error("a Sentinel's URL needs the name of the primary: redis+sentinel://HOST:26379/SERVICE")]
    NoService,
    #[error("user, password or name is not valid UTF-8")]
    NotText,
    #[error("{0:?} is no known option: there are service, sentinel_user and sentinel_password")]
    Option(String),
    #[error("all URLs must agree in scheme, user, password, database and service")]
    Differ,
}

impl Servers {
    /// Of URLs separated by commas.
    pub fn parse(urls: &str) -> Result<Self, ServersError> {
        let mut servers: Option<Servers> = None;
        for url in urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
            let one = Servers::one(url)?;
            match &mut servers {
                None => servers = Some(one),
                Some(all) => {
                    let same =
                        (all.tls, &all.login, all.database, &all.sentinel) == (one.tls, &one.login, one.database, &one.sentinel);
                    if !same {
                        return Err(ServersError::Differ);
                    }
                    all.addresses.extend(one.addresses);
                }
            }
        }
        servers.ok_or(ServersError::None)
    }

    fn one(text: &str) -> Result<Self, ServersError> {
        let url = Url::parse(text).map_err(|error| ServersError::NotUrl(error.to_string()))?;
        let (tls, by_scheme) = match url.scheme() {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis+sentinel" => (false, true),
            "rediss+sentinel" => (true, true),
            other => return Err(ServersError::Scheme(other.to_owned())),
        };
        let (mut service, mut sentinel_login) = (None, Login::default());
        for (name, value) in url.query_pairs() {
            match &*name {
                "service" => service = Some(value.into_owned()),
                "sentinel_user" => sentinel_login.user = Some(value.into_owned()),
                "sentinel_password" => sentinel_login.password = Some(value.into_owned()),
                other => return Err(ServersError::Option(other.to_owned())),
            }
        }
        let mut path = url.path().split('/').filter(|part| !part.is_empty());
        if by_scheme && service.is_none() {
            service = Some(decoded(path.next().ok_or(ServersError::NoService)?)?);
        }
        let database = match path.next() {
            None => 0,
            Some(text) => text.parse().map_err(|_| ServersError::Database(text.to_owned()))?,
        };
        if let Some(more) = path.next() {
            return Err(ServersError::Database(more.to_owned()));
        }
        let host = match url.host() {
            None => return Err(ServersError::NoHost),
            // The brackets of an IPv6 address belong to the URL.
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
        };
        if host.is_empty() {
            return Err(ServersError::NoHost);
        }
        let port = url.port().unwrap_or(if service.is_some() { 26_379 } else { 6_379 });
        let user = Some(decoded(url.username())?).filter(|user| !user.is_empty());
        let password = url.password().map(decoded).transpose()?;
        Ok(Servers {
            addresses: vec![Address { host, port }],
            tls,
            login: Login { user, password },
            database,
            sentinel: service.map(|service| Sentinel { service, login: sentinel_login }),
        })
    }
}

fn decoded(text: &str) -> Result<String, ServersError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| ServersError::NotText)
}

/// Without passwords: it may be logged.
impl fmt::Display for Servers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.tls, &self.sentinel) {
            (false, None) => "redis",
            (true, None) => "rediss",
            (false, Some(_)) => "redis+sentinel",
            (true, Some(_)) => "rediss+sentinel",
        };
        for (index, address) in self.addresses.iter().enumerate() {
            write!(formatter, "{}{scheme}://{address}", if index == 0 { "" } else { "," })?;
            if let Some(sentinel) = &self.sentinel {
                write!(formatter, "/{}", sentinel.service)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_redis_is_and_never_show_a_password() {
        let one = Servers::parse("redis://flux:p%40ss@db.example:7000/3").unwrap();
        assert_eq!((one.login.user.as_deref(), one.login.password.as_deref()), (Some("flux"), Some("p@ss")));
        assert_eq!((one.addresses[0].to_string().as_str(), one.database, one.tls), ("db.example:7000", 3, false));
        assert_eq!(format!("{one} {one:?}"), "redis://db.example:7000 redis://db.example:7000");

        let several = Servers::parse("rediss://:secret@a, rediss://:secret@[::1]:7001").unwrap();
        assert_eq!(several.to_string(), "rediss://a:6379,rediss://[::1]:7001");
        assert_eq!((several.tls, several.login.user.as_deref()), (true, None));

        let sentinels = Servers::parse("redis+sentinel://a/prod/2,redis+sentinel://b:7/prod/2").unwrap();
        assert_eq!(
            (sentinels.to_string().as_str(), sentinels.database),
            ("redis+sentinel://a:26379/prod,redis+sentinel://b:7/prod", 2)
        );
        let by_option = Servers::parse("redis://a:1?service=prod&sentinel_password=x").unwrap();
        assert_eq!(by_option.sentinel.unwrap().login.password.as_deref(), Some("x"));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        let wrong = [
            ("", "no URL is given"),
            ("localhost:6379", "localhost:// is not for Redis"),
            ("six", "it is not a URL"),
            ("http://a", "http:// is not for Redis"),
            ("redis://", "names no host"),
            ("redis://a/x", "\"x\" is no database number"),
            ("redis+sentinel://a", "needs the name of the primary"),
            ("redis://a?timeout=3", "\"timeout\" is no known option"),
            ("redis://a,rediss://b", "all URLs must agree"),
        ];
        for (urls, expected) in wrong {
            let said = Servers::parse(urls).unwrap_err().to_string();
            assert!(said.contains(expected), "{urls}: {said}");
        }
    }
}
