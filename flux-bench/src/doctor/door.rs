use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use flux_core::client::{Client, ClientError};
use tokio::net::TcpStream;

use crate::http::{Address, AddressError};
use crate::watch::locate;
use crate::watch::process::Process;

/// Who has not answered by then is not there.
const PATIENCE: Duration = Duration::from_secs(3);

const SCHEMES: [&str; 7] = ["http", "https", "mqtt", "tcp", "mqtts", "ws", "wss"];

/// One address of a server, and what was found there.
#[derive(Debug, Clone, PartialEq)]
pub struct Door {
    pub url: String,
    /// Whether the user named it.
    pub named: bool,
    /// Why nobody is there.
    pub closed: Option<String>,
    /// What the server says of itself (HTTP).
    pub version: Option<String>,
    pub took: Duration,
    /// It is reached without a network.
    pub local: bool,
    /// Its process, where it is on this machine, with the descriptors it may open.
    pub process: Option<(u32, Option<u64>)>,
}

/// Sees who is there.
pub async fn knock(url: &str, named: bool, token: Option<&str>) -> Result<Door, AddressError> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("mqtt", url));
    if !SCHEMES.contains(&scheme) {
        return Err(AddressError::Url(url.to_owned(), "http, https, mqtt, mqtts, ws and wss are known here"));
    }
    let http = matches!(scheme, "http" | "https");
    let address = if http { Address::resolve(url)? } else { Address::resolve(&format!("http://{}", with_port(scheme, rest)))? };
    let began = Instant::now();
    let found = if http { ask(url, token).await } else { connect(address.socket).await.map(|()| None) };
    let took = began.elapsed();
    let pid = locate::listener(address.socket);
    let (closed, version) = match found {
        Ok(version) => (None, version),
        Err(reason) => (Some(reason), None),
    };
    Ok(Door {
        url: url.to_owned(),
        named,
        closed,
        version,
        took,
        local: is_local(address.socket.ip()),
        process: pid.map(|pid| (pid, Process::of(pid).descriptor_limit())),
    })
}

fn is_local(address: IpAddr) -> bool {
    address.is_loopback()
}

fn with_port(scheme: &str, rest: &str) -> String {
    let authority = rest.split('/').next().unwrap_or_default();
    let port = match scheme {
        "mqtts" => 8_883,
        "ws" => 8_083,
        "wss" => 8_084,
        _ => 1_883,
    };
    let known = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if known { authority.to_owned() } else { format!("{authority}:{port}") }
}

async fn connect(server: SocketAddr) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(server)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_elapsed) => Err("no answer within 3 s".to_owned()),
    }
}

/// Its version. Somebody who is not FLUX is there all the same.
async fn ask(url: &str, token: Option<&str>) -> Result<Option<String>, String> {
    let client = Client::new(url, token.map(str::to_owned), PATIENCE).map_err(|error| error.to_string())?;
    match client.health().await {
        Ok(health) => Ok(Some(health.version)),
        Err(ClientError::Problem(_) | ClientError::Unexpected { .. }) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_the_schemes_unless_it_is_said() {
        assert_eq!(with_port("mqtt", "host"), "host:1883");
        assert_eq!(with_port("mqtts", "host/path"), "host:8883");
        assert_eq!(with_port("mqtt", "[::1]:1999"), "[::1]:1999");
    }
}
