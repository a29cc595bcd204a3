//! An answer that may come later: whether an event is as safe as its quality of service asks.
//!
//! Ready receipts cost nothing; pending ones are one oneshot channel. A sender that is dropped without an answer means that the
//! component behind it is gone, so nothing is acknowledged.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;

use crate::types::Refusal;

/// Resolves to `Ok` once what was handed over is safe.
#[derive(Debug)]
#[must_use = "what is not awaited must not be acknowledged"]
pub enum Receipt {
    Ready(Result<(), Refusal>),
    Pending(oneshot::Receiver<Result<(), Refusal>>),
    Both(Box<(Receipt, Receipt)>),
    /// Three or more, and they may be as many as there are sessions: side by side, so that each wakes only itself and none is polled, or
    /// dropped, through all the others.
    Many(Box<FuturesUnordered<Receipt>>),
}

/// The other end of a pending [`Receipt`].
pub type ReceiptSender = oneshot::Sender<Result<(), Refusal>>;

impl Receipt {
    pub const SAFE: Receipt = Receipt::Ready(Ok(()));

    pub fn pending() -> (ReceiptSender, Receipt) {
        let (sender, receiver) = oneshot::channel();
        (sender, Receipt::Pending(receiver))
    }

    /// Safe once both are; refused as soon as one is.
    pub fn and(self, other: Receipt) -> Receipt {
        match (self, other) {
            (Receipt::Ready(Ok(())), other) | (other, Receipt::Ready(Ok(()))) => other,
            (Receipt::Ready(Err(refusal)), _) | (_, Receipt::Ready(Err(refusal))) => Receipt::refused(refusal),
            (one @ Receipt::Pending(_), other @ Receipt::Pending(_)) => Receipt::Both(Box::new((one, other))),
            (one, other) => {
                let mut many = Box::default();
                one.join(&mut many);
                other.join(&mut many);
                Receipt::Many(many)
            }
        }
    }

    fn join(self, many: &mut Box<FuturesUnordered<Receipt>>) {
        match self {
            Receipt::Both(both) => many.extend([both.0, both.1]),
            Receipt::Many(mut more) if more.len() > many.len() => {
                more.extend(std::mem::take(&mut **many));
                *many = more;
            }
            Receipt::Many(more) => many.extend(*more),
            one => many.push(one),
        }
    }

    /// Waits for all of them, also when one is refused; answers the last refusal.
    pub async fn all(receipts: Vec<Receipt>) -> Result<(), Refusal> {
        let mut outcome = Ok(());
        for receipt in receipts {
            if let Err(refusal) = receipt.await {
                outcome = Err(refusal);
            }
        }
        outcome
    }

    pub fn refused(refusal: Refusal) -> Receipt {
        Receipt::Ready(Err(refusal))
    }
}

impl Future for Receipt {
    type Output = Result<(), Refusal>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let receipt = self.get_mut();
        match receipt {
            Receipt::Ready(outcome) => Poll::Ready(*outcome),
            Receipt::Pending(receiver) => {
                let answer = Pin::new(&mut *receiver).poll(context).map(|answer| answer.unwrap_or(Err(Refusal::ShuttingDown)));
                // Polled again by `Both`, or awaited again by who keeps it: the answer stays.
                if let Poll::Ready(outcome) = answer {
                    *receipt = Receipt::Ready(outcome);
                }
                answer
            }
            Receipt::Both(both) => {
                let (one, other) = &mut **both;
                let (one, other) = (Pin::new(one).poll(context), Pin::new(other).poll(context));
                match (one, other) {
                    (Poll::Ready(Ok(())), other) => other,
                    (Poll::Ready(Err(refusal)), _) | (_, Poll::Ready(Err(refusal))) => Poll::Ready(Err(refusal)),
                    (Poll::Pending, _) => Poll::Pending,
                }
            }
            Receipt::Many(many) => {
                let outcome = loop {
                    match ready!(many.poll_next_unpin(context)) {
                        Some(Ok(())) => {}
                        Some(refused) => break refused,
                        None => break Ok(()),
                    }
                };
                *receipt = Receipt::Ready(outcome);
                Poll::Ready(outcome)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn as_many_as_there_are_sessions_are_waited_for_together() {
        let (senders, receipts): (Vec<_>, Vec<_>) = (0..100_000).map(|_| Receipt::pending()).unzip();
        let mut all = receipts.into_iter().fold(Receipt::SAFE, Receipt::and);
        for sender in senders {
            assert_eq!((&mut all).now_or_never(), None);
            sender.send(Ok(())).expect("it is waited for");
        }
        assert_eq!((&mut all).now_or_never(), Some(Ok(())));
        assert_eq!(all.now_or_never(), Some(Ok(())), "the answer stays");
    }

    #[test]
    fn one_refusal_is_enough() {
        let (mut senders, receipts): (Vec<_>, Vec<_>) = (0..5).map(|_| Receipt::pending()).unzip();
        let [first, second, third, fourth, fifth] = <[Receipt; 5]>::try_from(receipts).expect("five");
        let all = first.and(second).and(third).and(fourth.and(fifth));
        senders.remove(3).send(Err(Refusal::QueueFull)).expect("it is waited for");
        assert_eq!(all.now_or_never(), Some(Err(Refusal::QueueFull)));
    }
}
