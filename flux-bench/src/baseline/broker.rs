use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

use crate::watch::locate;

use super::READY;

/// How long the broker may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// rumqttd until standard input ends, which it does when whoever started this process is gone, however it went.
/// `protocol` is 4 or 5: it serves one version on a port.
pub fn serve(protocol: u8, connections: usize) -> io::Result<()> {
    let address = free_address()?;
    let mut broker = Broker::new(config(address, protocol, connections));
    std::thread::Builder::new().name("rumqttd".to_owned()).spawn(move || {
        if let Err(error) = broker.start() {
            eprintln!("rumqttd: {error}");
        }
    })?;
    let began = Instant::now();
    // Another process may have taken the port since it was found free; then that one is listening.
    while locate::listener(address) != Some(std::process::id()) {
        if began.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("rumqttd does not listen on {address}")));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    writeln!(io::stdout(), "{READY} {address}")?;
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// rumqttd cannot be asked for its port, so one is found for it.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// What its authors ship (rumqttd.toml), and where that would hold it back under load, more: no pause after a connection, payloads
/// of any size, as many connections as are wanted.
fn config(listen: SocketAddr, protocol: u8, connections: usize) -> Config {
    let settings = ServerSettings {
        name: "baseline".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 60_000,
            max_payload_size: 32 * 1_024 * 1_024,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    let servers = Some(HashMap::from([("1".to_owned(), settings)]));
    let (v4, v5) = if protocol == 5 { (None, servers) } else { (servers, None) };
    let router = RouterConfig {
        max_connections: connections + 10,
        max_outgoing_packet_count: 200,
        max_segment_size: 104_857_600,
        max_segment_count: 10,
        ..RouterConfig::default()
    };
    Config { id: 0, router, v4, v5, ..Config::default() }
}
