use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::handshake;
use super::websocket::WebSocket;
use crate::api;

/// How bytes reach a listener.
#[derive(Clone)]
pub enum Transport {
    Tcp,
    Tls(TlsAcceptor),
    WebSocket,
    /// WebSocket over TLS.
    SecureWebSocket(TlsAcceptor),
}

impl Transport {
    pub fn kind(&self) -> api::Transport {
        match self {
            Transport::Tcp => api::Transport::Tcp,
            Transport::Tls(_) => api::Transport::Tls,
            Transport::WebSocket => api::Transport::Ws,
            Transport::SecureWebSocket(_) => api::Transport::Wss,
        }
    }
}

/// A connection after the handshakes of its transport. Bytes only: over WebSocket a packet may span frames and a frame packets ([MQTT-6.0.0-2]).
pub enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    WebSocket(Box<WebSocket<TcpStream>>),
    SecureWebSocket(Box<WebSocket<TlsStream<TcpStream>>>),
}

/// Does the handshakes of the transport. The caller bounds how long that may take. `maximum_packet_size` in bytes bounds a WebSocket message too.
///
/// # Errors
/// What the socket says; `InvalidData` when a handshake failed. The client has been answered where the protocol has an answer.
pub async fn accept(transport: &Transport, tcp: TcpStream, maximum_packet_size: u32) -> io::Result<Stream> {
    // Handshakes are large futures that live for a moment: boxed, they leave nothing behind in the connection's own.
    match transport {
        Transport::Tcp => Ok(Stream::Tcp(tcp)),
        Transport::Tls(acceptor) => Ok(Stream::Tls(Box::new(Box::pin(acceptor.accept(tcp)).await?))),
        Transport::WebSocket => {
            let socket = Box::pin(handshake::accept(tcp, maximum_packet_size)).await?;
            Ok(Stream::WebSocket(Box::new(socket)))
        }
        Transport::SecureWebSocket(acceptor) => {
            let tls = Box::pin(acceptor.accept(tcp)).await?;
            let socket = Box::pin(handshake::accept(tls, maximum_packet_size)).await?;
            Ok(Stream::SecureWebSocket(Box::new(socket)))
        }
    }
}

/// The same call on whichever stream it is.
macro_rules! forward {
    ($self:ident, $method:ident $(, $argument:expr)*) => {
        match $self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(stream).$method($($argument),*),
            Stream::WebSocket(stream) => Pin::new(stream).$method($($argument),*),
            Stream::SecureWebSocket(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        forward!(self, poll_read, context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, poll_write, context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, poll_flush, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, poll_shutdown, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self, poll_write_vectored, context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self, Stream::Tcp(_) | Stream::Tls(_))
    }
}
