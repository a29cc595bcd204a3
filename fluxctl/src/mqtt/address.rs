use std::fmt;
use std::net::SocketAddr;

use clap::Args;
use flux_core::api::NodeList;
use url::Url;

use crate::context::Context;
use crate::failure::Failure;

/// Flags of the commands that can speak MQTT.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "MQTT options")]
pub struct Flags {
    /// Over MQTT 5 instead of HTTP: mqtt://, mqtts://, ws:// or wss:// and an address; without one where the server says it listens
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub mqtt: Option<String>,
    /// User name for --mqtt
    #[arg(long, value_name = "NAME", env = "FLUX_MQTT_USER", hide_env_values = true)]
    mqtt_user: Option<String>,
    /// Password for --mqtt; better in the environment than in the history of a shell
    #[arg(long, value_name = "PASSWORD", env = "FLUX_MQTT_PASSWORD", hide_env_values = true)]
    mqtt_password: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Mqtt,
    Mqtts,
    Ws,
    Wss,
}

/// Where an MQTT server listens, and who connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub scheme: Scheme,
    pub host: String,
    pub port: u16,
    /// Of WebSocket.
    pub path: String,
    pub user: Option<String>,
    pub password: Option<String>,
}

impl Flags {
    /// `None` without `--mqtt`.
    pub async fn address(&self, context: &Context) -> Result<Option<Address>, Failure> {
        let mut address = match self.mqtt.as_deref() {
            None => return Ok(None),
            Some("") => announced(context).await?,
            Some(url) => Address::parse(url)?,
        };
        address.user = self.mqtt_user.clone().or(address.user);
        address.password = self.mqtt_password.clone().or(address.password);
        Ok(Some(address))
    }
}

impl Address {
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |reason: String| {
            let failure = Failure::usage(format!("'{text}' is not the address of an MQTT server")).cause(reason);
            failure.hint("--mqtt=mqtt://127.0.0.1:1883")
        };
        let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        let (scheme, port) = match url.scheme() {
            "mqtt" | "tcp" => (Scheme::Mqtt, 1883),
            "mqtts" | "ssl" => (Scheme::Mqtts, 8883),
            "ws" => (Scheme::Ws, 80),
            "wss" => (Scheme::Wss, 443),
            other => return Err(wrong(format!("{other}:// is not mqtt://, mqtts://, ws:// or wss://"))),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host".to_owned()))?;
        let path = if url.path().len() > 1 { url.path() } else { "/mqtt" };
        Ok(Address {
            scheme,
            host: host.to_owned(),
            port: url.port().unwrap_or(port),
            path: path.to_owned(),
            user: (!url.username().is_empty()).then(|| plain(url.username())),
            password: url.password().map(plain),
        })
    }

    /// What a node says of itself, seen from here: a wildcard address is nowhere to connect to, the host that answered is.
    fn listed(nodes: &NodeList, host: &str) -> Option<Self> {
        let listeners = || nodes.items.iter().flat_map(|node| &node.listeners);
        let found =
            ["mqtt", "mqtts", "ws", "wss"].into_iter().find_map(|scheme| listeners().find(|one| one.protocol == scheme))?;
        let bound: SocketAddr = found.address.parse().ok()?;
        let host = if bound.ip().is_unspecified() { host.to_owned() } else { SocketAddr::new(bound.ip(), 0).to_string() };
        let host = host.strip_suffix(":0").unwrap_or(&host);
        Address::parse(&format!("{}://{host}:{}", found.protocol, bound.port())).ok()
    }
}

/// A user name with a `%40` in it is one with an `@`.
fn plain(encoded: &str) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn announced(context: &Context) -> Result<Address, Failure> {
    let nodes = context.client()?.nodes().await?;
    let url = Url::parse(&context.target()?.url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("127.0.0.1");
    Address::listed(&nodes, host).ok_or_else(|| {
        let failure = Failure::usage("the server names no MQTT listener");
        failure.hint("name one: --mqtt=mqtt://127.0.0.1:1883")
    })
}

/// Without the password.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = match self.scheme {
            Scheme::Mqtt => ("mqtt", ""),
            Scheme::Mqtts => ("mqtts", ""),
            Scheme::Ws => ("ws", self.path.as_str()),
            Scheme::Wss => ("wss", self.path.as_str()),
        };
        write!(formatter, "{scheme}://{}:{}{path}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_its_user_and_usual_port() {
        let address = Address::parse("mqtts://al%40ice:p%25w@broker").unwrap();
        assert_eq!((address.scheme, address.port), (Scheme::Mqtts, 8883));
        assert_eq!((address.user.as_deref(), address.password.as_deref()), (Some("al@ice"), Some("p%w")));
        assert_eq!(address.to_string(), "mqtts://broker:8883");
        assert_eq!(Address::parse("ws://[::1]:8083").unwrap().to_string(), "ws://[::1]:8083/mqtt");
        for wrong in ["127.0.0.1:1883", "http://a", "mqtt://"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wildcard_listener_is_where_the_server_answered() {
        let flow = serde_json::json!({"total": 0, "per_second": 0.0});
        let listed = |protocol: &str, address: &str| {
            let node = serde_json::json!({"id": "n1", "version": "1", "state": "ready", "roles": [], "started_at": "2026-01-01T00:00:00.000Z",
                "uptime_seconds": 1, "listeners": [{"protocol": protocol, "address": address}], "connections": 0, "sessions": 0,
                "durable_sessions": 0, "subscriptions": 0, "retained_messages": 0, "process": {"pid": 1},
                "traffic": {"messages_in": flow, "messages_out": flow, "messages_dropped": flow, "bytes_in": flow, "bytes_out": flow},
                "storage": {"data_dir": "/", "used_bytes": 0}});
            let nodes = serde_json::from_value(serde_json::json!({"items": [node]})).unwrap();
            Address::listed(&nodes, "server.example").map(|address| address.to_string())
        };
        assert_eq!(listed("mqtt", "0.0.0.0:1884").as_deref(), Some("mqtt://server.example:1884"));
        assert_eq!(listed("ws", "[::1]:8083").as_deref(), Some("ws://[::1]:8083/mqtt"));
        assert_eq!(listed("http", "127.0.0.1:3000"), None);
    }
}
