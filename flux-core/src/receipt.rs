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
}

/// The other end of a pending [`Receipt`].
pub type ReceiptSender = oneshot::Sender<Result<(), Refusal>>;

impl Receipt {
    pub const SAFE: Receipt = Receipt::Ready(Ok(()));

    pub fn pending() -> (ReceiptSender, Receipt) {
        let (sender, receiver) = oneshot::channel();
        (sender, Receipt::Pending(receiver))
    }

    pub fn refused(refusal: Refusal) -> Receipt {
        Receipt::Ready(Err(refusal))
    }
}

impl Future for Receipt {
    type Output = Result<(), Refusal>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Receipt::Ready(outcome) => Poll::Ready(*outcome),
            Receipt::Pending(receiver) => {
                Pin::new(receiver).poll(context).map(|answer| answer.unwrap_or(Err(Refusal::ShuttingDown)))
            }
        }
    }
}
