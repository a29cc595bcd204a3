use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::plan::server::{Server, Tls, Transport};

use super::Stream;
use super::websocket::{WebSocket, into_io};

/// Bytes that a WebSocket keeps for reading, for each connection: its default is 128 KiB, and ten thousand of those are a gigabyte.
const WEBSOCKET_READ_BYTES: usize = 8_192;

/// Connects, and agrees on the transport. `stage` says what is being waited for.
pub async fn dial(server: &Server, source: Option<IpAddr>, stage: &mut &'static str) -> io::Result<Stream> {
    let tcp = connect(server.address, source).await?;
    Ok(match &server.transport {
        Transport::Tcp => Stream::Tcp(tcp),
        Transport::Tls(tls) => {
            *stage = "agreeing on TLS";
            Stream::Tls(Box::new(secured(tls, tcp).await?))
        }
        Transport::WebSocket(url) => {
            *stage = "agreeing on WebSocket";
            Stream::WebSocket(Box::new(upgraded(url, tcp).await?))
        }
        Transport::SecureWebSocket(tls, url) => {
            *stage = "agreeing on TLS";
            let tls = secured(tls, tcp).await?;
            *stage = "agreeing on WebSocket";
            Stream::SecureWebSocket(Box::new(upgraded(url, tls).await?))
        }
    })
}

async fn connect(server: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    if let Some(source) = source {
        // Without this the kernel reserves a port for the address alone, and all servers share one range.
        setsockopt(&socket, IpBindAddressNoPort, &true)?;
        socket.bind(SocketAddr::from((source, 0)))?;
    }
    socket.connect(server).await
}

async fn secured(tls: &Tls, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    TlsConnector::from(tls.config.clone()).connect(tls.name.clone(), tcp).await
}

async fn upgraded<S: AsyncRead + AsyncWrite + Unpin>(url: &str, stream: S) -> io::Result<WebSocket<S>> {
    let mut request = url.into_client_request().map_err(into_io)?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
    // Each write is a frame that goes out at once: the engine gathers messages itself.
    let config = WebSocketConfig::default().read_buffer_size(WEBSOCKET_READ_BYTES).write_buffer_size(0);
    let (socket, _) = client_async_with_config(request, stream, Some(config)).await.map_err(into_io)?;
    Ok(WebSocket::new(socket))
}
