//! What must hold between keys, and of the files that they name.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;

use super::load::Config;
use super::password_file::read_password_file;
use super::problem::Problem;
use super::value::{Anonymous, BusKind, ByteSize, StoreKind};

struct Listener<'a> {
    path: &'static str,
    name: &'static str,
    address: Option<SocketAddr>,
    tls: Option<(&'a Option<std::path::PathBuf>, &'a Option<std::path::PathBuf>)>,
}

fn listeners(config: &Config) -> [Listener<'_>; 5] {
    let mqtt = &config.mqtt;
    let tls = Some((&mqtt.tls.cert, &mqtt.tls.key));
    [
        Listener { path: "http.listen", name: "the HTTP API", address: Some(config.http.listen), tls: None },
        Listener { path: "mqtt.listen", name: "MQTT over TCP", address: mqtt.listen, tls: None },
        Listener { path: "mqtt.tls_listen", name: "MQTT over TLS", address: mqtt.tls_listen, tls },
        Listener { path: "mqtt.ws_listen", name: "MQTT over WebSocket", address: mqtt.ws_listen, tls: None },
        Listener { path: "mqtt.wss_listen", name: "MQTT over WSS", address: mqtt.wss_listen, tls },
    ]
}

/// `reported`: what is known to be wrong already. Who tried to set up users or a token needs no lecture about having none.
pub(super) fn problems(config: &Config, reported: &[Problem]) -> Vec<Problem> {
    let mut found = Found { config, problems: Vec::new() };
    if !reported.iter().any(|problem| problem.path.starts_with("security.") || problem.path == "http.token") {
        found.exposed_listeners();
    }
    found.shared_addresses();
    found.certificates();
    found.sizes();
    found.users();
    found.canary();
    // Who tried to say where Redis is need not hear that it is needed.
    if config.redis.url.is_none() && !reported.iter().any(|problem| problem.path == "redis.url") {
        found.redis();
    }
    found.problems
}

struct Found<'a> {
    config: &'a Config,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, path: &str, value: Option<String>, what: impl Into<String>, hint: impl Into<String>) {
        let origin = self.config.origin(path);
        self.problems.push(Problem { path: path.to_owned(), value, origin, what: what.into(), hint: Some(hint.into()) });
    }

    fn canary(&mut self) {
        let kind = self.config.bus.kind;
        let Some(candidate) = self.config.bus.canary.kind else { return };
        let value = Some(candidate.as_str().to_owned());
        if kind == BusKind::Memory || candidate == BusKind::Memory {
            self.add(
                "bus.canary.kind",
                value,
                "compares buses between nodes, and memory is none",
                "name pubsub, streams or hybrid, for bus.kind as well",
            );
        } else if candidate == kind {
            self.add(
                "bus.canary.kind",
                value,
                "is bus.kind itself: there is nothing to compare",
                "name another kind, or leave it out",
            );
        }
    }

    /// What needs Redis where none is given.
    fn redis(&mut self) {
        let (kind, store) = (self.config.bus.kind, self.config.durability.store);
        if kind != BusKind::Memory {
            let hint = "give its address with --redis-url redis://HOST:6379, or set bus.kind to memory";
            self.add("bus.kind", Some(kind.as_str().to_owned()), "needs Redis", hint);
        }
        if store == StoreKind::Redis {
            let hint = "give its address with --redis-url redis://HOST:6379, or set durability.store to disk";
            self.add("durability.store", Some(store.as_str().to_owned()), "needs Redis", hint);
        }
    }

    /// Listening beyond loopback without authentication is for those who say so.
    fn exposed_listeners(&mut self) {
        if self.config.security.insecure {
            return;
        }
        for listener in listeners(self.config) {
            let Some(address) = listener.address.filter(|address| !address.ip().to_canonical().is_loopback()) else { continue };
            let is_http = listener.path == "http.listen";
            let certificates = listener.tls.is_some() && self.config.mqtt.tls.client_ca.is_some();
            let protected =
                if is_http { self.config.http.token.is_some() } else { certificates || !self.config.anonymous_allowed() };
            if protected {
                continue;
            }
            let (who, way_out) = if is_http {
                ("every request", "set http.token")
            } else if self.config.has_users() {
                ("clients without a user name", "set mqtt.allow_anonymous to false")
            } else {
                ("every client", "add users (security.users or security.password_file; flux-core hash-password makes the hashes)")
            };
            self.add(
                listener.path,
                Some(address.to_string()),
                format!("would open {} to the network, and {who} would be let in", listener.name),
                format!("{way_out}; or, if the network is trusted, start with --insecure"),
            );
        }
    }

    fn shared_addresses(&mut self) {
        let bound: Vec<_> = listeners(self.config).into_iter().filter_map(|l| Some((l.path, l.address?))).collect();
        for (index, (path, address)) in bound.iter().enumerate() {
            let taken = bound[..index].iter().find(|(_, other)| other == address && address.port() != 0);
            if let Some((other, _)) = taken {
                self.add(path, Some(address.to_string()), format!("is the address of {other} as well"), "give each its own port");
            }
        }
    }

    fn certificates(&mut self) {
        let (http, mqtt) = (&self.config.http.tls, &self.config.mqtt.tls);
        let files = [
            ("http.tls.cert", &http.cert),
            ("http.tls.key", &http.key),
            ("mqtt.tls.cert", &mqtt.cert),
            ("mqtt.tls.key", &mqtt.key),
            ("mqtt.tls.client_ca", &mqtt.client_ca),
        ];
        for (path, file) in files {
            if let Some(file) = file
                && let Err(problem) = readable(file)
            {
                self.add(
                    path,
                    Some(file.display().to_string()),
                    format!("cannot be read: {problem}"),
                    "name a PEM file that this user may read",
                );
            }
        }
        for (have, other, pair) in [
            (&http.cert, &http.key, ["http.tls.cert", "http.tls.key"]),
            (&mqtt.cert, &mqtt.key, ["mqtt.tls.cert", "mqtt.tls.key"]),
        ] {
            let missing = match (have, other) {
                (Some(_), None) => pair[1],
                (None, Some(_)) => pair[0],
                _ => continue,
            };
            let given = if missing == pair[0] { pair[1] } else { pair[0] };
            self.add(given, None, format!("is set and {missing} is not"), "a certificate and its key belong together");
        }
        for listener in listeners(self.config) {
            if let (Some(address), Some((None, None))) = (listener.address, listener.tls) {
                self.add(
                    listener.path,
                    Some(address.to_string()),
                    "needs a certificate and a key, and there are none",
                    "set mqtt.tls.cert and mqtt.tls.key to PEM files",
                );
            }
        }
    }

    /// A queue that cannot hold one message would never deliver it.
    fn sizes(&mut self) {
        let mqtt = &self.config.mqtt;
        let ByteSize(packet) = mqtt.max_packet_size;
        for (path, ByteSize(bytes)) in [("mqtt.mailbox_bytes", mqtt.mailbox_bytes), ("mqtt.queue_bytes", mqtt.queue_bytes)] {
            if bytes < packet {
                let what = format!("cannot hold one message of mqtt.max_packet_size ({packet} bytes)");
                self.add(path, Some(bytes.to_string()), what, "raise it, or lower mqtt.max_packet_size");
            }
        }
    }

    fn users(&mut self) {
        if self.config.mqtt.allow_anonymous == Anonymous::No
            && !self.config.has_users()
            && self.config.mqtt.tls.client_ca.is_none()
        {
            let what = "is false and there are no users: nobody could connect";
            self.add("mqtt.allow_anonymous", None, what, "add security.users or security.password_file");
        }
        let Some(file) = &self.config.security.password_file else { return };
        if let Err(problems) = read_password_file(file) {
            for problem in problems {
                let hint = "each line is user:hash; flux-core hash-password makes the hashes";
                self.add("security.password_file", Some(file.display().to_string()), problem.to_string(), hint);
            }
        }
    }
}

fn readable(path: &Path) -> std::io::Result<()> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() { Err(std::io::Error::from(std::io::ErrorKind::IsADirectory)) } else { Ok(()) }
}
