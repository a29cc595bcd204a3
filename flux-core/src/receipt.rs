//! An answer that may come later: whether an event is as safe as its quality of service asks.
//!
//! Ready receipts cost nothing; pending ones are one oneshot channel. A sender that is dropped without an answer means that the
//! component behind it is gone, so nothing is acknowledged.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::types::Refusal;

/// Resolves to `Ok` once what was handed over is safe.
#[derive(Debug)]
#[must_use = "what is not awaited must not be acknowledged"]
pub enum Receipt {
    Ready(Result<(), Refusal>),
    Pending(oneshot::Receiver<Result<(), Refusal>>),
    Both(Box<(Receipt, Receipt)>),
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
            (one, other) => Receipt::Both(Box::new((one, other))),
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
        }
    }
}
