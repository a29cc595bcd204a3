//! The listener and its connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::rates;
use super::router::router;
use super::settings::Settings;
use super::state::{App, Dependencies, NodeFacts, State};
use super::v1::nodes::about;
use crate::lifecycle::{Shutdown, Tasks};
use crate::types::limits::CONNECT_TIMEOUT;

/// A client has this long for the head of a request, and a connection may be idle this long between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// Accepting failed, most likely for want of file descriptors: the connections there are will free some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The HTTP server, bound and not yet serving.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Server { listener, address })
    }

    /// With the port as it was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown is requested of `with.tasks`; connections are tasks of it, finish the request they are at and end.
    /// With `tls` it speaks HTTPS only.
    pub async fn serve(self, facts: NodeFacts, settings: Settings, with: Dependencies, tls: Option<Arc<rustls::ServerConfig>>) {
        let tasks = with.tasks.clone();
        let slots = Arc::new(Semaphore::new(settings.max_connections));
        let app = State::new(facts, settings, with);
        if let Some(member) = &app.with.member {
            // Not kept alive by it: the bus outlives the server.
            let app = Arc::downgrade(&app);
            member.describe_with(move || app.upgrade().map(|app| about(&app)).unwrap_or_default());
        }
        let shutdown = tasks.shutdown().clone();
        let connection = Connection { router: router(app.clone()), tls: tls.map(TlsAcceptor::from), shutdown: shutdown.clone() };
        tokio::select! {
            () = accept(&self.listener, &connection, slots, &tasks) => {}
            () = tick(&app) => {}
            () = shutdown.requested() => {}
        }
        app.stop();
    }
}

async fn tick(app: &App) {
    let mut ticks = interval(rates::TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.rates.tick();
    }
}

async fn accept(listener: &TcpListener, connection: &Connection, slots: Arc<Semaphore>, tasks: &Tasks) {
    loop {
        let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, peer)) => tasks.spawn("http connection", connection.clone().run(stream, peer, slot)),
            Err(error) => {
                tracing::warn!(%error, "cannot accept an HTTP connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[derive(Clone)]
struct Connection {
    router: axum::Router,
    tls: Option<TlsAcceptor>,
    shutdown: Shutdown,
}

impl Connection {
    async fn run(self, stream: TcpStream, peer: SocketAddr, _slot: OwnedSemaphorePermit) {
        // Answers are small and written at once: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.tls.clone() else { return self.serve(stream, peer).await };
        match timeout(CONNECT_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: SocketAddr) {
        let mut http = hyper::server::conn::http1::Builder::new();
        // Never `pipeline_flush`: with it hyper buffers without bound for a reader that does not read.
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.router));
        let mut connection = std::pin::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = self.shutdown.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%peer, %error, "HTTP connection ended");
        }
    }
}
