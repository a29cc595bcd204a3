use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

use crate::clock::Clock;
use crate::engine::live::{Live, add};
use crate::engine::tally::Tally;

use super::answers::{Answer, Answers};
use super::dial::{Dialler, Stream};
use super::queue::{Queue, Turn};
use super::requests::Requests;

/// A server that does not take a connection within this time is not going to.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two attempts to open a connection again: short at first, then a burden to nobody.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Of an answer that is read for its meaning; what is longer is only counted by its status.
const LONGEST_READ: usize = 1_048_576;

/// Reasons of lost connections that are kept.
const REASONS_KEPT: usize = 5;

/// What the connections of one worker share.
pub struct Bench {
    pub clock: Clock,
    pub dialler: Dialler,
    pub timeout: Duration,
    pub live: Arc<Live>,
    pub tally: RefCell<Tally>,
    pub queue: RefCell<Queue>,
    pub requests: RefCell<Requests>,
    pub answers: RefCell<Answers>,
    /// Events in requests that were answered with success within the window.
    pub events_in_window: Cell<u64>,
    /// Connections that the server closed between two requests.
    pub reopened: Cell<u64>,
    /// Why connections were lost, or could not be opened again: the first few.
    pub losses: RefCell<Vec<String>>,
}

/// A connection that can take requests.
pub struct Open {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<TokioIo<Stream>, Full<Bytes>>,
}

/// Why a connection is not used any more.
enum End {
    /// There is nothing more to do.
    Over,
    /// The server closed it while nothing was asked; beside it when the request was due that could not be sent for it.
    Closed(Option<u64>),
    /// A request got no answer.
    Lost(String),
}

/// What an answer says beside its status.
enum Said {
    Nothing,
    /// A problem document's code.
    Code(Box<str>),
    /// Events of a batch that were taken.
    Published(u64),
}

/// Connects, with TLS where the URL says so.
pub async fn open(bench: &Bench) -> Result<Open, String> {
    let started = bench.clock.now();
    let opening = async {
        let stream = bench.dialler.dial().await.map_err(|error| explain(&error))?;
        let (sender, connection) =
            Builder::new().handshake(TokioIo::new(stream)).await.map_err(|error| format!("cannot speak HTTP: {error}"))?;
        Ok::<_, String>(Open { sender, connection })
    };
    let opened = tokio::time::timeout(PATIENCE, opening).await.map_err(|_| "nobody answered within 30 s".to_owned())??;
    bench.tally.borrow_mut().connect.record(bench.clock.now() - started);
    add(&bench.live.connected, 1);
    Ok(opened)
}

/// Makes requests until there are no more, on a new connection when one was lost.
pub async fn drive(number: usize, mut open: Open, bench: Rc<Bench>) {
    let mut carried = None;
    loop {
        match serve(number, open, carried.take(), &bench).await {
            End::Over => return,
            End::Closed(intended) => {
                bench.reopened.set(bench.reopened.get() + 1);
                // The one that takes its place is counted anew.
                let connected = &bench.live.connected;
                connected.store(connected.load(std::sync::atomic::Ordering::Relaxed) - 1, std::sync::atomic::Ordering::Relaxed);
                carried = intended;
            }
            End::Lost(reason) => {
                add(&bench.live.lost, 1);
                bench.remember(reason);
            }
        }
        bench.queue.borrow_mut().pass_on(number);
        open = reopen(&bench).await;
    }
}

/// Tries for ever: the worker ends whoever is still trying when the run is over.
async fn reopen(bench: &Bench) -> Open {
    let mut pause = FIRST_PAUSE;
    loop {
        match open(bench).await {
            Ok(open) => return open,
            Err(reason) => bench.remember(format!("it could not be opened again: {reason}")),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One task does both: makes the requests and moves the connection's bytes, so that an answer wakes it once.
async fn serve(number: usize, open: Open, carried: Option<u64>, bench: &Bench) -> End {
    let Open { sender, connection } = open;
    let mut connection = Some(connection);
    let mut requests = pin!(ask(number, sender, carried, bench));
    poll_fn(|context| {
        loop {
            if let Poll::Ready(end) = requests.as_mut().poll(context) {
                return Poll::Ready(end);
            }
            // Once it has ended, dropping it tells whoever waits for an answer.
            match connection.as_mut().map(|connection| Pin::new(connection).poll(context)) {
                Some(Poll::Ready(_)) => connection = None,
                Some(Poll::Pending) | None => return Poll::Pending,
            }
        }
    })
    .await
}

async fn ask(number: usize, mut sender: SendRequest<Full<Bytes>>, mut carried: Option<u64>, bench: &Bench) -> End {
    loop {
        if sender.ready().await.is_err() {
            return End::Closed(carried);
        }
        let again = carried.is_some();
        let intended = match carried.take() {
            Some(intended) => intended,
            None => {
                let turn = poll_fn(|context| {
                    let turn = bench.queue.borrow_mut().turn(number, bench.clock.now(), context.waker());
                    match turn {
                        Turn::Go { intended } => Poll::Ready(Ok(Some(intended))),
                        Turn::Over => Poll::Ready(Ok(None)),
                        // Ready or not, a connection that is closed shows here.
                        Turn::Wait if sender.is_closed() => Poll::Ready(Err(())),
                        Turn::Wait => Poll::Pending,
                    }
                });
                match turn.await {
                    Ok(Some(intended)) => intended,
                    Ok(None) => return End::Over,
                    Err(()) => return End::Closed(None),
                }
            }
        };
        let (request, events) = {
            let mut requests = bench.requests.borrow_mut();
            (requests.next(), requests.events())
        };
        let sent = bench.clock.now();
        if !again {
            bench.count_sent(sent);
        }
        let answered = tokio::time::timeout(bench.timeout, async {
            match sender.try_send_request(request).await {
                Ok(response) => Exchange::Answered(response.status(), read(response).await),
                Err(error) if error.message().is_some() => Exchange::Unsent,
                Err(error) => Exchange::Broken(error.into_error()),
            }
        });
        match answered.await {
            Ok(Exchange::Answered(status, Ok(said))) => bench.count_answer(status, said, (intended, sent), events),
            Ok(Exchange::Unsent) => return End::Closed(Some(intended)),
            Ok(Exchange::Broken(error) | Exchange::Answered(_, Err(error))) => {
                let reason = why(&error);
                bench.count_unanswered(reason);
                return End::Lost(format!("{reason}: {}", whole_story(&error)));
            }
            Err(_elapsed) => {
                bench.count_timeout(intended, sent);
                return End::Lost(format!("no answer within {} s", bench.timeout.as_secs_f64()));
            }
        }
    }
}

enum Exchange {
    Answered(StatusCode, Result<Said, hyper::Error>),
    /// The connection had ended before.
    Unsent,
    Broken(hyper::Error),
}

/// Reads an answer to its end; keeps what it means where the status alone does not say.
async fn read(response: Response<Incoming>) -> Result<Said, hyper::Error> {
    let status = response.status();
    let mut body = response.into_body();
    if status.is_success() && status != StatusCode::MULTI_STATUS {
        while !body.is_end_stream() {
            match body.frame().await {
                Some(frame) => drop(frame?),
                None => break,
            }
        }
        return Ok(Said::Nothing);
    }
    let mut text = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data()
            && text.len() + data.len() <= LONGEST_READ
        {
            text.extend_from_slice(&data);
        }
    }
    Ok(meaning(status, &text))
}

fn meaning(status: StatusCode, text: &[u8]) -> Said {
    #[derive(Deserialize)]
    struct Partly {
        published: u64,
    }
    #[derive(Deserialize)]
    struct Problem {
        code: Box<str>,
    }
    if status == StatusCode::MULTI_STATUS {
        return serde_json::from_slice::<Partly>(text).map_or(Said::Nothing, |found| Said::Published(found.published));
    }
    match serde_json::from_slice::<Problem>(text) {
        Ok(Problem { code }) if code.len() <= 64 => Said::Code(code),
        _ => Said::Nothing,
    }
}

impl Bench {
    fn count_sent(&self, now: u64) {
        add(&self.live.sent, 1);
        add(&self.live.owed, 1);
        let mut tally = self.tally.borrow_mut();
        tally.sent_in_window += u64::from(tally.window.contains(now));
    }

    fn count_answer(&self, status: StatusCode, said: Said, (intended, sent): (u64, u64), events: u64) {
        let now = self.clock.now();
        add(&self.live.acknowledged, 1);
        let mut tally = self.tally.borrow_mut();
        tally.roll(now);
        let (success, events) = match said {
            Said::Published(published) => (false, published),
            _ => (status.is_success(), if status.is_success() { events } else { 0 }),
        };
        if tally.window.contains(now) {
            self.events_in_window.set(self.events_in_window.get() + events);
        }
        if success {
            add(&self.live.delivered, 1);
            tally.deliver(intended, sent, now);
        }
        self.answers.borrow_mut().count(match said {
            _ if success => Answer::Success(status),
            Said::Code(code) => Answer::Refused(status, Some(code)),
            _ => Answer::Refused(status, None),
        });
    }

    /// It took longer than anyone waits: leaving it out would make a server that hangs look fast.
    fn count_timeout(&self, intended: u64, sent: u64) {
        let now = self.clock.now();
        let mut tally = self.tally.borrow_mut();
        tally.roll(now);
        if tally.window.contains(intended) {
            if tally.paced {
                tally.service.record(now - sent);
            }
            let from = if tally.paced { intended } else { sent };
            tally.seconds.record(now.saturating_sub(from));
        }
        self.count_unanswered("timed out");
    }

    fn count_unanswered(&self, reason: &'static str) {
        add(&self.live.unanswered, 1);
        self.answers.borrow_mut().count(Answer::None(reason));
    }

    fn remember(&self, reason: String) {
        let mut losses = self.losses.borrow_mut();
        if losses.len() < REASONS_KEPT && !losses.contains(&reason) {
            losses.push(reason);
        }
    }
}

/// In a few words, the same for the same cause.
fn why(error: &hyper::Error) -> &'static str {
    let kind = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted) => "connection reset",
        Some(io::ErrorKind::UnexpectedEof) => "connection closed",
        _ if error.is_parse() || error.is_parse_too_large() => "answer is not HTTP",
        _ if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => "connection closed",
        _ => "connection failed",
    }
}

fn whole_story(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// The system's message and, where it is known to puzzle, what to do.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nothing listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => {
            "no source port is left; wait a minute for closed connections to be forgotten, or use fewer --conns".to_owned()
        }
        _ => error.to_string(),
    }
}
