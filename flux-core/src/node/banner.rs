use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::api::paths;
use crate::types::NodeId;

/// What a node has bound, once it serves.
#[derive(Debug, Clone)]
pub struct Bound {
    pub node: NodeId,
    /// Absolute.
    pub data_dir: PathBuf,
    pub mqtt: Option<SocketAddr>,
    pub mqtts: Option<SocketAddr>,
    pub ws: Option<SocketAddr>,
    pub wss: Option<SocketAddr>,
    pub http: SocketAddr,
    pub https: bool,
    /// MQTT clients must have a user name.
    pub users: bool,
    /// API requests must carry the token.
    pub token: bool,
}

/// What a user wants to know after the start: where it listens, where the data is, what to try.
pub fn banner(bound: &Bound) -> String {
    let scheme = if bound.https { "https" } else { "http" };
    let http = format!("{scheme}://{}", reachable(bound.http));
    let mut lines = Vec::new();
    lines.extend(bound.mqtt.map(|address| ("MQTT", address.to_string())));
    lines.extend(bound.mqtts.map(|address| ("MQTT over TLS", address.to_string())));
    lines.extend(bound.ws.map(|address| ("MQTT over WebSocket", format!("ws://{}/mqtt", reachable(address)))));
    lines.extend(bound.wss.map(|address| ("MQTT over WSS", format!("wss://{}/mqtt", reachable(address)))));
    lines.push(("HTTP API", format!("{http}  (documentation: {http}{})", paths::DOCS)));
    lines.push(("Data", bound.data_dir.display().to_string()));

    let mut text = format!("FLUX IOT {} is running as {}\n\n", env!("CARGO_PKG_VERSION"), bound.node);
    for (name, value) in lines {
        let _ = writeln!(text, "  {name:<20}{value}");
    }
    text.push_str("\nTry next\n");
    for command in suggestions(bound, &http) {
        let _ = writeln!(text, "  {command}");
    }
    text
}

fn suggestions(bound: &Bound, http: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let server = bound.mqtt.map(|address| (address, "")).or(bound.mqtts.map(|address| (address, " --cafile CA.pem")));
    if let Some((address, tls)) = server {
        let address = reachable(address);
        let user = if bound.users { " -u USER -P PASSWORD" } else { "" };
        let options = format!("-h {} -p {}{tls}{user}", address.ip(), address.port());
        commands.push(format!("mosquitto_sub {options} -t 'hello/#' -v"));
        commands.push(format!("mosquitto_pub {options} -t hello/world -m hi"));
    }
    let token = if bound.token { "FLUX_TOKEN=… " } else { "" };
    let url = if http == "http://127.0.0.1:3000" { String::new() } else { format!(" --url {http}") };
    commands.push(format!("{token}fluxctl cluster status{url}"));
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

    fn bound(mqtt: Option<&str>, http: &str) -> Bound {
        Bound {
            node: NodeId::new("n1"),
            data_dir: "/data".into(),
            mqtt: mqtt.map(|text| text.parse().unwrap()),
            mqtts: None,
            ws: None,
            wss: None,
            http: http.parse().unwrap(),
            https: false,
            users: false,
            token: false,
        }
    }

    #[test]
    fn a_plain_start_can_be_tried_by_copy_and_paste() {
        let text = banner(&bound(Some("127.0.0.1:1883"), "127.0.0.1:3000"));
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            text,
            format!(
                "FLUX IOT {version} is running as n1

  MQTT                127.0.0.1:1883
  HTTP API            http://127.0.0.1:3000  (documentation: http://127.0.0.1:3000/docs)
  Data                /data

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
        let mut bound = bound(None, "0.0.0.0:3001");
        (bound.mqtts, bound.wss) = (Some("[::]:8883".parse().unwrap()), Some("[::]:8084".parse().unwrap()));
        (bound.users, bound.token) = (true, true);
        let text = banner(&bound);
        for wanted in [
            "MQTT over TLS       [::]:8883\n",
            "wss://[::1]:8084/mqtt\n",
            "mosquitto_sub -h ::1 -p 8883 --cafile CA.pem -u USER -P PASSWORD -t",
            "FLUX_TOKEN=… fluxctl cluster status --url http://127.0.0.1:3001\n",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
    }
}
