use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::start::Listening;
use crate::api::paths;
use crate::types::NodeId;

/// What to tell about a node that serves.
#[derive(Debug, Clone, Copy)]
pub struct Banner<'a> {
    pub node: &'a NodeId,
    pub data_dir: &'a Path,
    pub listening: &'a [Listening],
    /// MQTT clients must have a user name.
    pub users: bool,
    /// API requests must carry the token.
    pub token: bool,
}

/// What a user wants to know after the start: where it listens, where the data is, what to try.
pub fn banner(about: &Banner<'_>) -> String {
    let mut text = format!("FLUX IOT {} is running as {}\n\n", env!("CARGO_PKG_VERSION"), about.node);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<22}{value}");
    };
    for Listening { protocol, address } in about.listening {
        let local = reachable(*address);
        match *protocol {
            "mqtt" => line("MQTT", &address.to_string()),
            "mqtts" => line("MQTT over TLS", &address.to_string()),
            "ws" => line("MQTT over WebSocket", &format!("ws://{local}/mqtt")),
            "wss" => line("MQTT over WSS", &format!("wss://{local}/mqtt")),
            scheme => line("HTTP API", &format!("{scheme}://{local}  (documentation: {scheme}://{local}{})", paths::DOCS)),
        }
    }
    line("Data", &about.data_dir.display().to_string());
    text.push_str("\nTry next\n");
    for command in suggestions(about) {
        let _ = writeln!(text, "  {command}");
    }
    text
}

fn suggestions(about: &Banner<'_>) -> Vec<String> {
    let bound = |protocol: &str| {
        let found = about.listening.iter().find(|listening| listening.protocol == protocol);
        found.map(|listening| reachable(listening.address))
    };
    let mut commands = Vec::new();
    let server = bound("mqtt").map(|address| (address, "")).or(bound("mqtts").map(|address| (address, " --cafile CA.pem")));
    if let Some((address, tls)) = server {
        let user = if about.users { " -u USER -P PASSWORD" } else { "" };
        let options = format!("-h {} -p {}{tls}{user}", address.ip(), address.port());
        commands.push(format!("mosquitto_sub {options} -t 'hello/#' -v"));
        commands.push(format!("mosquitto_pub {options} -t hello/world -m hi"));
    }
    let http = bound("http").map(|address| ("http", address)).or(bound("https").map(|address| ("https", address)));
    if let Some((scheme, address)) = http {
        let token = if about.token { "FLUX_TOKEN=… " } else { "" };
        let url = format!("{scheme}://{address}");
        let url = if url == "http://127.0.0.1:3000" { String::new() } else { format!(" --url {url}") };
        commands.push(format!("{token}fluxctl cluster status{url}"));
    }
    commands
}

/// Where a client on this machine reaches it: a wildcard address is nowhere to connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(listening: &[(&'static str, &str)], users: bool, token: bool) -> String {
        let bound = |(protocol, address): &(&'static str, &str)| Listening { protocol, address: address.parse().unwrap() };
        let listening: Vec<_> = listening.iter().map(bound).collect();
        banner(&Banner { node: &NodeId::new("n1"), data_dir: Path::new("/data"), listening: &listening, users, token })
    }

    #[test]
    fn a_plain_start_can_be_tried_by_copy_and_paste() {
        let text = text(&[("mqtt", "127.0.0.1:1883"), ("http", "127.0.0.1:3000")], false, false);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            text,
            format!(
                "FLUX IOT {version} is running as n1

  MQTT                  127.0.0.1:1883
  HTTP API              http://127.0.0.1:3000  (documentation: http://127.0.0.1:3000/docs)
  Data                  /data

Try next
  mosquitto_sub -h 127.0.0.1 -p 1883 -t 'hello/#' -v
  mosquitto_pub -h 127.0.0.1 -p 1883 -t hello/world -m hi
  fluxctl cluster status
"
            )
        );
    }

    #[test]
    fn what_is_needed_to_connect_is_in_the_commands() {
        let text = text(&[("mqtts", "[::]:8883"), ("wss", "[::]:8084"), ("http", "0.0.0.0:3001")], true, true);
        for wanted in [
            "MQTT over TLS         [::]:8883\n",
            "wss://[::1]:8084/mqtt\n",
            "mosquitto_sub -h ::1 -p 8883 --cafile CA.pem -u USER -P PASSWORD -t",
            "FLUX_TOKEN=… fluxctl cluster status --url http://127.0.0.1:3001\n",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
    }
}
