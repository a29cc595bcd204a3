use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

/// One server to connect to, resolved.
#[derive(Debug, Clone)]
pub struct Server {
    /// As the user wrote it.
    pub url: String,
    pub address: SocketAddr,
    pub transport: Transport,
}

/// What carries MQTT's bytes.
#[derive(Debug, Clone)]
pub enum Transport {
    Tcp,
    Tls(Tls),
    /// With the URL that the handshake asks for.
    WebSocket(String),
    SecureWebSocket(Tls, String),
}

/// How TLS is spoken with one server.
#[derive(Debug, Clone)]
pub struct Tls {
    pub config: Arc<ClientConfig>,
    /// What the certificate must be for.
    pub name: ServerName<'static>,
}

impl Server {
    /// Plain TCP.
    pub fn tcp(address: SocketAddr) -> Self {
        Self { url: format!("mqtt://{address}"), address, transport: Transport::Tcp }
    }
}

impl Transport {
    pub fn name(&self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Tls(_) => "tls",
            Transport::WebSocket(_) => "ws",
            Transport::SecureWebSocket(..) => "wss",
        }
    }
}
