//! Bytes between a connection and its stream. An idle link holds no buffers: reading goes through one buffer per thread, and what is
//! written borrows one from a small pool of the thread until the socket has taken it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::types::limits;

/// Buffers that a thread keeps for its next writer.
const POOLED_BUFFERS: usize = 32;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; limits::READ_BUFFER_BYTES]);
    static WRITE_BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug)]
pub struct Link<S> {
    stream: S,
    /// The beginning of a packet whose rest has not come.
    partial: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    /// The stream has a buffer of its own (TLS, WebSocket) and may hold bytes there that its socket has not taken.
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// `partial` is what came behind the first packet.
    pub fn new(stream: S, partial: Vec<u8>) -> Self {
        Link { stream, partial, output: Vec::new(), written: 0, unflushed: false }
    }

    /// Where packets are encoded to.
    pub fn output(&mut self) -> &mut Vec<u8> {
        if self.output.capacity() == 0 {
            self.output = WRITE_BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        &mut self.output
    }

    /// Bytes that the socket has not taken.
    pub fn unwritten(&self) -> usize {
        self.output.len() - self.written
    }

    /// Writes as much as the socket takes and answers how much that was.
    pub fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut total = 0;
        while self.written < self.output.len() {
            match Pin::new(&mut self.stream).poll_write(context, &self.output[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    total += count;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if total == 0 => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(total)),
            }
        }
        if self.output.capacity() > 0 {
            self.give_back();
            self.unflushed = true;
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(outcome) => outcome?,
                // Asked again when the socket takes more, whether or not there is anything new to write.
                Poll::Pending => return Poll::Ready(Ok(total)),
            }
            self.unflushed = false;
        }
        Poll::Ready(Ok(total))
    }

    /// Writes everything.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unwritten() > 0 {
            ready!(self.poll_write(context))?;
        }
        Poll::Ready(Ok(()))
    }

    fn give_back(&mut self) {
        let mut buffer = std::mem::take(&mut self.output);
        self.written = 0;
        buffer.clear();
        if buffer.capacity() <= 2 * limits::WRITE_BUFFER_BYTES {
            WRITE_BUFFERS.with_borrow_mut(|pool| {
                if pool.len() < POOLED_BUFFERS {
                    pool.push(buffer);
                }
            });
        }
    }

    /// Reads once and hands all unconsumed bytes, and the output, to `consume`, which says how many it is done with.
    /// Answers how many were read; 0 at the end.
    pub fn poll_read<E>(
        &mut self,
        context: &mut Context<'_>,
        consume: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<usize, E>,
    ) -> Poll<io::Result<Result<usize, E>>> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut read = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
            let bytes = read.filled();
            if bytes.is_empty() {
                return Poll::Ready(Ok(Ok(0)));
            }
            let count = bytes.len();
            let outcome = if self.partial.is_empty() {
                let done = consume(bytes, self.output());
                done.map(|done| self.partial.extend_from_slice(&bytes[done..]))
            } else {
                self.partial.extend_from_slice(bytes);
                self.consume_partial(consume)
            };
            Poll::Ready(Ok(outcome.map(|()| count)))
        })
    }

    /// Hands what is left of earlier reads to `consume`.
    pub fn consume_partial<E>(&mut self, consume: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<usize, E>) -> Result<(), E> {
        let mut bytes = std::mem::take(&mut self.partial);
        let done = consume(&bytes, self.output())?;
        if done < bytes.len() {
            bytes.drain(..done);
            self.partial = bytes;
        }
        Ok(())
    }

    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, BufStream, duplex};

    use super::*;

    /// As a connection does: it writes when it is woken, and there is nothing new to write.
    async fn write_for_ever<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>) -> Infallible {
        poll_fn(|context| {
            let outcome = link.poll_write(context);
            assert!(!matches!(outcome, Poll::Ready(Err(_))));
            Poll::Pending
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_with_a_buffer_of_its_own_is_flushed_until_it_is_empty() {
        let (mut client, server) = duplex(8);
        let mut link = Link::new(BufStream::new(server), Vec::new());
        link.output().extend_from_slice(&[7; 100]);
        let mut received = [0; 100];
        tokio::select! {
            never = write_for_ever(&mut link) => match never {},
            read = tokio::time::timeout(Duration::from_secs(1), client.read_exact(&mut received)) => {
                read.expect("nothing stays behind").expect("read");
            }
        }
        assert_eq!(received, [7; 100]);
    }
}
