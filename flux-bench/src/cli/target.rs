use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use url::Url;

use crate::plan::limits::Bind;
use crate::plan::server::{Server, Tls, Transport};
use crate::report::failure::Failure;
use crate::wire::Protocol;
use crate::wire::control::Login;

use super::tls::TlsArguments;

/// Seconds; a ping leaves every 45.
const KEEP_ALIVE: u16 = 60;

/// Where MQTT servers are and how to speak with them: the same for every command that makes MQTT load.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Target options")]
pub struct TargetArguments {
    /// Server: mqtt://, mqtts://, ws:// or wss://; several with commas, clients are dealt out over them
    #[arg(long, value_name = "URL", value_delimiter = ',', default_value = "mqtt://127.0.0.1:1883", env = "FLUX_BENCH_URL")]
    pub url: Vec<String>,

    /// With several servers: each subscriber on the one after its publisher's
    #[arg(long)]
    pub cross_node: bool,

    /// Over WebSocket at /mqtt: mqtt:// becomes ws:// (8083), mqtts:// becomes wss:// (8084)
    #[arg(long)]
    pub ws: bool,

    #[command(flatten)]
    pub tls: TlsArguments,

    /// Addresses to connect from: auto, or IP,IP; each has 28,232 ports for each server
    #[arg(long, value_name = "auto|IP,IP", default_value = "auto", value_parser = bind)]
    pub bind: Bind,

    /// MQTT version: 4 is 3.1.1, 5 is 5.0
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=5))]
    pub protocol: u8,

    /// Subscribers' sessions outlive their connections
    #[arg(long)]
    pub persistent: bool,

    /// How long the server keeps a session that outlives its connection (MQTT 5)
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub session_expiry: Duration,

    #[arg(long, env = "FLUX_BENCH_USERNAME")]
    pub username: Option<String>,

    #[arg(long, env = "FLUX_BENCH_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
}

impl TargetArguments {
    pub fn login(&self) -> Login {
        Login {
            protocol: if self.protocol == 5 { Protocol::V5 } else { Protocol::V4 },
            keep_alive: KEEP_ALIVE,
            persistent: self.persistent,
            session_expiry: u32::try_from(self.session_expiry.as_secs()).unwrap_or(u32::MAX),
            username: self.username.clone(),
            password: self.password.clone(),
        }
    }

    /// The same for another server, which `url` says all about: how ours is reached is not how that is.
    #[must_use]
    pub fn elsewhere(&self, url: &str) -> Self {
        let secure = ["mqtts://", "ssl://", "tls://", "wss://"].iter().any(|scheme| url.starts_with(scheme));
        let tls = if secure { TlsArguments { tls: false, ..self.tls.clone() } } else { TlsArguments::default() };
        Self { url: vec![url.to_owned()], cross_node: false, ws: false, tls, ..self.clone() }
    }

    /// Every server, its name resolved; at least one. With `nodes_over_tls` --ca may be for nothing else.
    pub fn servers(&self, nodes_over_tls: bool) -> Result<Vec<Server>, Failure> {
        let mut config = None;
        let servers: Vec<Server> = self.url.iter().map(|url| self.server(url, &mut config)).collect::<Result<_, _>>()?;
        if servers.is_empty() {
            return Err(Failure::usage("--url names no server").hint("--url mqtt://HOST:PORT"));
        }
        let for_nodes = nodes_over_tls && self.tls.cert.is_none() && !self.tls.insecure;
        if self.tls.given() && config.is_none() && !for_nodes {
            return Err(Failure::usage("--ca, --cert and --insecure are for TLS").hint("--tls, or --url mqtts://HOST:PORT"));
        }
        if self.cross_node && servers.len() < 2 {
            return Err(Failure::usage("--cross-node needs two servers").hint("--url mqtt://ONE:1883,mqtt://OTHER:1883"));
        }
        Ok(servers)
    }

    fn server(&self, text: &str, config: &mut Option<Arc<ClientConfig>>) -> Result<Server, Failure> {
        let wrong = |cause: String| {
            Failure::usage(format!("--url {text} is not the address of an MQTT server"))
                .cause(cause)
                .hint("--url mqtt://HOST:PORT (or mqtts://, ws://, wss://)")
        };
        let complete = if text.contains("://") { text.to_owned() } else { format!("mqtt://{text}") };
        let url = Url::parse(&complete).map_err(|error| wrong(error.to_string()))?;
        let (mut secure, mut web) = match url.scheme() {
            "mqtt" | "tcp" => (false, false),
            "mqtts" | "ssl" | "tls" => (true, false),
            "ws" => (false, true),
            "wss" => (true, true),
            other => return Err(wrong(format!("{other}:// is not mqtt://, mqtts://, ws:// or wss://"))),
        };
        (secure, web) = (secure || self.tls.tls, web || self.ws);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::usage("names and passwords do not belong in a URL")
                .hint("--username and --password, or FLUX_BENCH_PASSWORD"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host".to_owned()))?;
        let port = url.port().unwrap_or(match (secure, web) {
            (false, false) => 1883,
            (true, false) => 8883,
            (false, true) => 8083,
            (true, true) => 8084,
        });
        let address = resolve(host, port)?;
        let mut tls = || -> Result<Tls, Failure> {
            let config = match config {
                Some(config) => Arc::clone(config),
                None => Arc::clone(config.insert(self.tls.config()?)),
            };
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(bare.to_owned()).map_err(|error| wrong(error.to_string()))?;
            Ok(Tls { config, name })
        };
        let path = if url.path().len() > 1 { url.path() } else { "/mqtt" };
        let transport = match (secure, web) {
            (false, false) => Transport::Tcp,
            (true, false) => Transport::Tls(tls()?),
            (false, true) => Transport::WebSocket(format!("ws://{host}:{port}{path}")),
            (true, true) => Transport::SecureWebSocket(tls()?, format!("wss://{host}:{port}{path}")),
        };
        Ok(Server { url: text.to_owned(), address, transport })
    }
}

/// A server by mqtt://HOST:PORT.
pub fn plain(url: &str) -> Result<Server, Failure> {
    let wrong = |cause: String| Failure::new(1, "resolve", format!("{url} is not mqtt://HOST:PORT")).cause(cause);
    let parsed = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
    let host = parsed.host_str().ok_or_else(|| wrong("it names no host".to_owned()))?;
    let address = resolve(host, parsed.port().unwrap_or(1883))?;
    Ok(Server { url: url.to_owned(), address, transport: Transport::Tcp })
}

fn bind(text: &str) -> Result<Bind, String> {
    if text == "auto" {
        return Ok(Bind::Auto);
    }
    let addresses =
        text.split(',').map(|address| address.trim().parse::<IpAddr>().map_err(|error| format!("{address}: {error}")));
    addresses.collect::<Result<_, _>>().map(Bind::Addresses)
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, Failure> {
    let unresolved = |cause: String| {
        Failure::new(1, "resolve", format!("the server's address {host:?} cannot be resolved"))
            .cause(cause)
            .hint("--url mqtt://HOST:PORT")
    };
    let named = format!("{host}:{port}");
    let mut found: Vec<SocketAddr> = named.to_socket_addrs().map_err(|error| unresolved(error.to_string()))?.collect();
    // localhost often resolves to ::1 first, where few servers listen.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| unresolved("the name has no address".to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        target: TargetArguments,
    }

    fn servers(arguments: &str) -> Result<Vec<Server>, Failure> {
        let words = std::iter::once("test").chain(arguments.split_whitespace());
        Line::try_parse_from(words).expect("the flags exist").target.servers(false)
    }

    fn one(arguments: &str) -> (u16, &'static str) {
        let found = servers(arguments).unwrap();
        (found[0].address.port(), found[0].transport.name())
    }

    #[test]
    fn the_scheme_decides_the_transport_and_its_usual_port() {
        assert_eq!(one("--url mqtt://127.0.0.1"), (1883, "tcp"));
        assert_eq!(one("--url 127.0.0.1:2000"), (2000, "tcp"));
        assert_eq!(one("--url mqtts://127.0.0.1 --insecure"), (8883, "tls"));
        assert_eq!(one("--url mqtt://127.0.0.1:99 --tls --ws"), (99, "wss"));
        assert_eq!(one("--url [::1] --ws"), (8083, "ws"));
        let Transport::WebSocket(url) = &servers("--url ws://127.0.0.1").unwrap()[0].transport else { panic!("ws") };
        assert_eq!(url, "ws://127.0.0.1:8083/mqtt");
    }

    #[test]
    fn several_servers_come_with_commas_or_one_by_one() {
        let found = servers("--url 127.0.0.1:1,127.0.0.1:2 --url 127.0.0.1:3 --cross-node").unwrap();
        assert_eq!(found.iter().map(|server| server.address.port()).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_usage_error() {
        for arguments in [
            "--url http://127.0.0.1",
            "--url mqtt://me:secret@127.0.0.1",
            "--url mqtt://127.0.0.1 --insecure",
            "--url mqtt://127.0.0.1 --cross-node",
            "--url mqtts://127.0.0.1 --ca /nowhere.pem",
        ] {
            assert_eq!(servers(arguments).unwrap_err().exit, 2, "{arguments}");
        }
    }
}
