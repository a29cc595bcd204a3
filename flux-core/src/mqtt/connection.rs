//! One connection after CONNACK: one task that reads, answers, delivers and writes.
//!
//! Written as one `poll` rather than as many futures: an idle connection is this struct and nothing else.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep};

use super::close::Close;
use super::dialogue::Dialogue;
use super::link::Link;
use super::reason::Reason;
use crate::types::limits;

/// How long a closing connection may take to send its last packet.
const LAST_WRITE: Duration = Duration::from_secs(1);

pub struct Connection<S> {
    link: Link<S>,
    dialogue: Dialogue,
    last_heard: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// `partial` is what the client sent behind its CONNECT.
    pub fn new(stream: S, partial: Vec<u8>, dialogue: Dialogue) -> Self {
        Connection { link: Link::new(stream, partial), dialogue, last_heard: Instant::now(), timer: None }
    }

    /// Serves the client until the connection ends, then lets go of the session. Boxed, because futures that contain one another
    /// each keep room for what they were given: an idle connection would be there four times.
    pub async fn run(mut self: Box<Self>) {
        let early = self.link.consume_partial(|bytes, output| self.dialogue.consume(bytes, output));
        let close = match early {
            Err(close) => close,
            Ok(()) => std::future::poll_fn(|context| self.poll(context)).await,
        };
        Box::pin(self.finish(close)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Close> {
        let outcome = self.turn(context);
        self.dialogue.end_turn();
        match outcome {
            Err(close) => Poll::Ready(close),
            Ok(()) => Poll::Pending,
        }
    }

    /// Does all that can be done now.
    fn turn(&mut self, context: &mut Context<'_>) -> Result<(), Close> {
        loop {
            self.dialogue.poll_signal(context)?;
            let mut progress = self.dialogue.poll_answers(context, self.link.output())?;
            progress |= self.dialogue.poll_reauthentication(context, self.link.output())?;
            if self.link.unwritten() < limits::WRITE_BUFFER_BYTES {
                progress |= self.dialogue.deliver(context, self.link.output());
            }
            progress |= self.poll_write(context)?;
            progress |= self.dialogue.poll_hold(context, self.link.output())?;
            progress |= self.poll_read(context)?;
            self.dialogue.settle();
            if !progress {
                return self.poll_timer(context);
            }
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Result<bool, Close> {
        match self.link.poll_write(context) {
            Poll::Ready(Ok(count)) => {
                self.dialogue.tally.bytes_out += count as u64;
                // What was written makes room for more deliveries.
                Ok(count > 0)
            }
            Poll::Ready(Err(error)) => Err(Close::Lost(error)),
            Poll::Pending => Ok(false),
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Result<bool, Close> {
        // A client that does not read its answers is not read either.
        if self.link.unwritten() >= limits::WRITE_BUFFER_BYTES || !self.dialogue.may_read(context) {
            return Ok(false);
        }
        let dialogue = &mut self.dialogue;
        match self.link.poll_read(context, |bytes, output| dialogue.consume(bytes, output)) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(Close::Lost(error)),
            Poll::Ready(Ok(Err(close))) => Err(close),
            Poll::Ready(Ok(Ok(0))) => Err(Close::Lost(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(Ok(Ok(count))) => {
                self.dialogue.tally.bytes_in += count as u64;
                self.last_heard = Instant::now();
                Ok(true)
            }
        }
    }

    /// One timer for all that has a deadline. It is set anew only when it has fired or something earlier came: hearing from a client costs nothing.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Result<(), Close> {
        loop {
            let silence = (!self.dialogue.keep_alive().is_zero()).then(|| self.last_heard + self.dialogue.keep_alive());
            let Some(due) = [silence, self.dialogue.held_until()].into_iter().flatten().min() else { return Ok(()) };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Ok(());
            }
            let now = Instant::now();
            if silence.is_some_and(|silence| silence <= now) {
                return Err(Close::server(Reason::KeepAliveTimeout, "nothing was heard for one and a half times the keep alive"));
            }
            self.dialogue.hold_is_over(now, context);
            timer.as_mut().reset(due.max(now + Duration::from_millis(1)));
        }
    }

    async fn finish(mut self: Box<Self>, close: Close) {
        self.dialogue.say_goodbye(&close, self.link.output());
        let last_write = async {
            std::future::poll_fn(|context| self.link.poll_flush(context)).await?;
            self.link.stream().shutdown().await
        };
        // The client may be gone: what could not be said in time stays unsaid.
        let _ = tokio::time::timeout(LAST_WRITE, last_write).await;
        let Connection { link, dialogue, .. } = *self;
        drop(link);
        dialogue.finish(close).await;
    }
}
