use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// What the server does wrong, by the number of the request (from 1).
#[derive(Debug, Clone, Copy, Default)]
pub struct WebFaults {
    /// Answers every n-th request with 503.
    pub refuse_every: Option<u64>,
    /// Closes the connection instead of answering every n-th.
    pub close_every: Option<u64>,
    /// Stands still once, at this request, for so long: nobody is answered meanwhile.
    pub stall: Option<(u64, Duration)>,
    /// The most it answers in a second: later ones wait for their turn.
    pub per_second: Option<f64>,
}

/// What it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebBooks {
    pub requests: u64,
    pub refused: u64,
    pub closed: u64,
    /// In requests that were answered with success.
    pub events: u64,
}

/// An HTTP server that takes events, with faults and a known capacity.
#[derive(Debug)]
pub struct Web {
    listener: TcpListener,
    shared: Arc<Mutex<Shared>>,
}

/// Reads what the server has done so far.
#[derive(Debug, Clone)]
pub struct WebReader(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    faults: WebFaults,
    books: WebBooks,
    /// When the next answer may leave.
    free: Instant,
}

/// What becomes of one request.
enum Fate {
    Answer,
    Refuse,
    Close,
}

/// Instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

impl Web {
    /// On a free loopback port.
    pub async fn bind(faults: WebFaults) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Shared { faults, books: WebBooks::default(), free: Instant::now() };
        Ok(Self { listener, shared: Arc::new(Mutex::new(shared)) })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub fn reader(&self) -> WebReader {
        WebReader(Arc::clone(&self.shared))
    }

    /// Serves until it is dropped; its connections end with it.
    pub async fn serve(self) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = self.listener.accept().await {
            let _ = stream.set_nodelay(true);
            let shared = Arc::clone(&self.shared);
            let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
            connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            while connections.try_join_next().is_some() {}
        }
    }
}

impl WebReader {
    pub fn books(&self) -> WebBooks {
        lock(&self.0).books
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(request: Request<Incoming>, shared: Arc<Mutex<Shared>>) -> Result<Response<Full<Bytes>>, Closed> {
    let body = request.into_body().collect().await.map_or_else(|_| Bytes::new(), |body| body.to_bytes());
    let events = String::from_utf8_lossy(&body).matches("\"payload\":").count() as u64;
    let (fate, when) = lock(&shared).take(events);
    sleep_until(when).await;
    let (status, text) = match fate {
        Fate::Close => return Err(Closed),
        Fate::Refuse => (StatusCode::SERVICE_UNAVAILABLE, r#"{"code":"busy"}"#),
        Fate::Answer => (StatusCode::OK, "{}"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    Ok(response)
}

impl Shared {
    fn take(&mut self, events: u64) -> (Fate, Instant) {
        self.books.requests += 1;
        let number = self.books.requests;
        let due = |every: Option<u64>| every.is_some_and(|every| number.is_multiple_of(every));
        let when = self.free.max(Instant::now());
        self.free = when;
        if let Some((_, length)) = self.faults.stall.filter(|(at, _)| *at == number) {
            self.free = when + length;
        }
        if let Some(rate) = self.faults.per_second {
            self.free += Duration::from_secs_f64(1.0 / rate);
        }
        let fate = if due(self.faults.close_every) {
            self.books.closed += 1;
            Fate::Close
        } else if due(self.faults.refuse_every) {
            self.books.refused += 1;
            Fate::Refuse
        } else {
            self.books.events += events;
            Fate::Answer
        };
        (fate, when)
    }
}
