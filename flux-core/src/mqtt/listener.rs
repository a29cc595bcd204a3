//! Accepts connections and sees each through: transport handshake, MQTT handshake, and the connection itself.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::connection::Connection;
use super::handshake::{self, HandshakeError, Origin};
use super::server::Server;
use super::settings::Settings;
use super::stream::{self, Transport};
use crate::lifecycle::Tasks;

/// Connections the kernel keeps while we are busy accepting: a reconnect storm comes all at once.
const BACKLOG: u32 = 4096;

/// How long to wait when accepting fails, which is nearly always a lack of descriptors: others have to close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// When a silent peer is asked whether it is still there, for clients without keep alive: noticed after about two minutes.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_INTERVAL: Duration = Duration::from_secs(20);
const PROBES: u32 = 3;

/// Binds a listening socket with room for a storm.
///
/// What every connection is to have is set here: accepted sockets inherit it (`accept(2)`, Linux), and a storm saves five system calls each.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // Packets are written whole: waiting for more only adds delay.
    socket.set_nodelay(true)?;
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_INTERVAL).with_retries(PROBES);
    SockRef::from(&socket).set_tcp_keepalive(&probes)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until the shutdown is requested.
pub async fn accept(server: Arc<Server>, listener: TcpListener, transport: Transport, tasks: Tasks) {
    let shutdown = tasks.shutdown().clone();
    let mut pace = Pace::new(server.settings.connect_rate);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.requested() => return,
        };
        match accepted {
            Ok((tcp, peer)) => {
                let origin = Origin { peer, transport: transport.kind() };
                // Boxed once here: every future that wraps another keeps room for it twice.
                tasks.spawn("connection", Box::pin(serve(server.clone(), tcp, origin, transport.clone())));
                pace.wait().await;
            }
            Err(error) => {
                server.metrics.accept_errors.add(1);
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(server: Arc<Server>, tcp: TcpStream, origin: Origin, transport: Transport) {
    let _open = Open::new(server.clone());
    // The handshakes are boxed: what they need is given back before the connection idles.
    let connected = Box::pin(establish(server.clone(), tcp, origin, transport)).await;
    match connected {
        Ok(connection) => connection.run().await,
        Err(error) => {
            server.metrics.connections_refused.add(1);
            tracing::debug!(peer = %origin.peer, transport = origin.transport.as_str(), %error, "no connection");
        }
    }
}

async fn establish(
    server: Arc<Server>,
    tcp: TcpStream,
    origin: Origin,
    transport: Transport,
) -> Result<Box<Connection<stream::Stream>>, HandshakeError> {
    let Settings { connect_timeout, max_packet_size, .. } = server.settings;
    let opened = tokio::time::timeout(connect_timeout, stream::accept(&transport, tcp, max_packet_size)).await;
    let stream = opened.map_err(|_| HandshakeError::Io(io::ErrorKind::TimedOut.into()))??;
    handshake::connect(server, stream, origin).await
}

/// Counts a socket for as long as it is open.
struct Open(Arc<Server>);

impl Open {
    fn new(server: Arc<Server>) -> Self {
        server.open.fetch_add(1, Ordering::Relaxed);
        Open(server)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Spaces new connections out when a rate is configured.
struct Pace(Option<tokio::time::Interval>);

impl Pace {
    fn new(rate: Option<u32>) -> Self {
        Pace(rate.map(|rate| {
            let mut interval = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
            // A quiet minute earns a burst of one tick, not of a minute's worth.
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            interval
        }))
    }

    async fn wait(&mut self) {
        if let Some(interval) = &mut self.0 {
            interval.tick().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_connection_sends_at_once_and_asks_a_silent_peer() {
        let listener = bind("127.0.0.1:0".parse().expect("valid")).expect("it binds");
        let address = listener.local_addr().expect("bound");
        let (accepted, _client) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let (tcp, _) = accepted.expect("accepted");
        assert!(tcp.nodelay().expect("asked"));
        let socket = SockRef::from(&tcp);
        assert!(socket.keepalive().expect("asked"));
        assert_eq!(socket.tcp_keepalive_time().expect("asked"), PROBE_AFTER);
        assert_eq!(socket.tcp_keepalive_interval().expect("asked"), PROBE_INTERVAL);
        assert_eq!(socket.tcp_keepalive_retries().expect("asked"), PROBES);
    }
}
