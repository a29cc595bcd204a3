use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::Clock;
use crate::wire::Protocol;
use crate::wire::control;
use crate::wire::reason;
use crate::wire::scan::{self, Frame, Scan};

use super::live::{Live, add};
use super::publisher::Publisher;
use super::stream::Stream;
use super::subscriber::{Subscriber, answer};
use super::tally::Tally;

/// Bytes gathered before a write: some two hundred small messages, and what a socket takes at once.
const BATCH: usize = 65_536;

/// What the connections of one worker share.
#[derive(Debug)]
pub struct Bench {
    pub clock: Clock,
    pub protocol: Protocol,
    pub live: Arc<Live>,
    pub tally: RefCell<Tally>,
    /// Read into by whichever connection has something: an idle one holds no buffer.
    pub buffer: RefCell<Vec<u8>>,
}

#[derive(Debug)]
pub enum Role {
    Idle,
    Publisher(Publisher),
    Subscriber(Subscriber),
    /// It does both.
    Device(Box<(Publisher, Subscriber)>),
}

impl Role {
    #[inline]
    pub fn publisher(&mut self) -> Option<&mut Publisher> {
        match self {
            Role::Publisher(publisher) => Some(publisher),
            Role::Device(both) => Some(&mut both.0),
            Role::Idle | Role::Subscriber(_) => None,
        }
    }

    #[inline]
    pub fn subscriber(&mut self) -> Option<&mut Subscriber> {
        match self {
            Role::Subscriber(subscriber) => Some(subscriber),
            Role::Device(both) => Some(&mut both.1),
            Role::Idle | Role::Publisher(_) => None,
        }
    }
}

/// One connection's state; its socket belongs to the task that runs [`drive`].
#[derive(Debug)]
pub struct Connection {
    pub role: Role,
    out: Vec<u8>,
    /// How much of `out` is written.
    written: usize,
    /// What was written is on its way: TLS and WebSocket have buffers of their own.
    flushed: bool,
    /// The beginning of a packet whose rest has not arrived.
    tail: Vec<u8>,
    waker: Option<Waker>,
    closing: bool,
    /// Why it ended, if it ended before it was told to.
    pub lost: Option<String>,
    ended: bool,
}

impl Connection {
    /// `leftover` came after the handshake: a server may send messages right behind its SUBACK.
    pub fn new(role: Role, leftover: &[u8], bench: &Bench) -> Self {
        let mut connection = Self {
            role,
            out: vec![],
            written: 0,
            flushed: true,
            tail: vec![],
            waker: None,
            closing: false,
            lost: None,
            ended: true,
        };
        connection.resume(leftover, bench);
        connection
    }

    /// Goes on over another stream. What the role knows it keeps.
    pub fn resume(&mut self, leftover: &[u8], bench: &Bench) {
        self.suspend();
        (self.closing, self.ended) = (false, false);
        match self.digest(leftover, bench.clock.now(), bench) {
            Ok(used) => self.tail.extend_from_slice(&leftover[used..]),
            Err(reason) => self.lost = Some(reason),
        }
    }

    /// Its stream is gone, by plan.
    pub fn suspend(&mut self) {
        (self.out, self.tail) = (vec![], vec![]);
        (self.written, self.flushed, self.ended, self.waker) = (0, true, true, None);
    }

    /// Its task looks at it again.
    pub fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    pub fn ping(&mut self) {
        if !self.ended && !self.closing {
            self.out.extend_from_slice(&control::PING);
            self.wake();
        }
    }

    /// Sends `farewell` (a DISCONNECT at its end) after what is already on its way, and closes.
    pub fn close(&mut self, farewell: &[u8]) {
        if let Some(publisher) = self.role.publisher() {
            publisher.dues.halt();
        }
        self.closing = true;
        self.out.extend_from_slice(farewell);
        self.wake();
    }

    fn digest(&mut self, bytes: &[u8], now: u64, bench: &Bench) -> Result<usize, String> {
        let mut tally = bench.tally.borrow_mut();
        tally.roll(now);
        let (mut delivered, mut acknowledged) = (0, 0);
        let mut used = 0;
        let result = loop {
            match scan::frame(&bytes[used..]) {
                Scan::Incomplete => break Ok(()),
                Scan::Malformed => break Err("the server sent bytes that are not MQTT".to_owned()),
                Scan::Frame(frame) => {
                    used += frame.whole.len();
                    match self.take(&frame, now, bench.protocol, &mut tally) {
                        Ok(Taken::Nothing) => {}
                        Ok(Taken::Delivery) => delivered += 1,
                        Ok(Taken::Acknowledgement) => acknowledged += 1,
                        Err(reason) => break Err(reason),
                    }
                }
            }
        };
        tally.received_bytes += used as u64;
        add(&bench.live.delivered, delivered);
        add(&bench.live.acknowledged, acknowledged);
        result.map(|()| used)
    }

    #[inline]
    fn take(&mut self, frame: &Frame<'_>, now: u64, protocol: Protocol, tally: &mut Tally) -> Result<Taken, String> {
        match frame.kind() {
            // What comes after the goodbye is not looked at any more.
            scan::PUBLISH if self.closing => Ok(Taken::Nothing),
            scan::PUBLISH => {
                let Some(subscriber) = self.role.subscriber() else { return Ok(Taken::Nothing) };
                let publish = scan::publish(frame.first, frame.body, protocol == Protocol::V5)
                    .ok_or("the server sent a malformed PUBLISH")?;
                let first = subscriber.receive(&publish, now, &mut self.out, tally);
                Ok(if first { Taken::Delivery } else { Taken::Nothing })
            }
            scan::PUBACK | scan::PUBREC => {
                let Some(publisher) = self.role.publisher() else { return Ok(Taken::Nothing) };
                let (packet_id, reason) =
                    frame.acknowledgement().ok_or("the server sent an acknowledgement without identifier")?;
                if reason >= 0x80 {
                    return Err(format!("the server refused a PUBLISH: {} (code {reason:#04x})", reason::words(reason)));
                }
                let taken = if frame.kind() == scan::PUBACK {
                    publisher.acknowledge(packet_id, now, tally)
                } else {
                    answer(scan::PUBREL, packet_id, &mut self.out);
                    publisher.take_responsibility(packet_id, now, tally)
                };
                Ok(if taken { Taken::Acknowledgement } else { Taken::Nothing })
            }
            scan::PUBCOMP => {
                if let (Some((packet_id, _)), Some(publisher)) = (frame.acknowledgement(), self.role.publisher()) {
                    publisher.complete(packet_id);
                }
                Ok(Taken::Nothing)
            }
            _ if frame.first == scan::PUBREL => {
                if let (Some((packet_id, _)), Some(subscriber)) = (frame.acknowledgement(), self.role.subscriber()) {
                    subscriber.release(packet_id, &mut self.out);
                }
                Ok(Taken::Nothing)
            }
            scan::DISCONNECT => Err(control::farewell(frame.whole)),
            _ => Ok(Taken::Nothing),
        }
    }

    fn pump(&mut self, now: u64, bench: &Bench) {
        if self.out.len() - self.written < BATCH
            && let Some(publisher) = self.role.publisher()
        {
            let limit = self.written + BATCH;
            let pumped = publisher.pump(now, &mut self.out, limit, &mut bench.tally.borrow_mut());
            add(&bench.live.sent, pumped.messages);
            add(&bench.live.asked, pumped.asked);
            add(&bench.live.owed, pumped.owed);
        }
    }

    /// Reads once, sends what that made possible, writes once. Ready when the connection has ended.
    fn turn(&mut self, stream: &mut Stream, bench: &Bench, context: &mut Context<'_>) -> Poll<Result<(), String>> {
        let mut progress = false;
        {
            let mut buffer = bench.buffer.borrow_mut();
            let kept = self.tail.len();
            if buffer.len() < kept + BATCH {
                buffer.resize(kept + BATCH, 0);
            }
            buffer[..kept].copy_from_slice(&self.tail);
            let mut space = ReadBuf::new(&mut buffer[kept..]);
            if let Poll::Ready(result) = Pin::new(&mut *stream).poll_read(context, &mut space) {
                let read = space.filled().len();
                if let Err(error) = result {
                    return Poll::Ready(Err(format!("reading failed: {error}")));
                }
                if read == 0 {
                    return Poll::Ready(Err("the server closed the connection".to_owned()));
                }
                let used = self.digest(&buffer[..kept + read], bench.clock.now(), bench)?;
                self.tail.clear();
                self.tail.extend_from_slice(&buffer[used..kept + read]);
                progress = true;
            }
        }
        if !self.closing {
            self.pump(bench.clock.now(), bench);
        }
        if self.written < self.out.len() {
            match Pin::new(&mut *stream).poll_write(context, &self.out[self.written..]) {
                Poll::Ready(Ok(written)) => {
                    self.written += written;
                    self.flushed = false;
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(format!("writing failed: {error}"))),
                Poll::Pending => {}
            }
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
            if !self.flushed {
                match Pin::new(&mut *stream).poll_flush(context) {
                    Poll::Ready(Ok(())) => self.flushed = true,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(format!("writing failed: {error}"))),
                    Poll::Pending => {}
                }
            }
            if self.closing && self.flushed {
                // With TLS and WebSocket a close without goodbye is an error to the other side.
                return Pin::new(&mut *stream).poll_shutdown(context).map(|_| Ok(()));
            }
        }
        if progress {
            // To the end of the queue: the others have their turn first.
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

enum Taken {
    Nothing,
    Delivery,
    Acknowledgement,
}

/// Runs a connection until it is closed or lost.
pub async fn drive(connection: Rc<RefCell<Connection>>, mut stream: Stream, bench: Rc<Bench>) {
    let result = std::future::poll_fn(|context| {
        let mut connection = connection.borrow_mut();
        if !connection.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            connection.waker = Some(context.waker().clone());
        }
        connection.turn(&mut stream, &bench, context)
    })
    .await;
    let mut connection = connection.borrow_mut();
    connection.ended = true;
    (connection.out, connection.tail) = (vec![], vec![]);
    if let Err(reason) = result
        && !connection.closing
    {
        connection.lost = Some(reason);
        add(&bench.live.lost, 1);
    }
}
