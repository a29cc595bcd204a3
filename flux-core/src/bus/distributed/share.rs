use std::sync::Arc;

use parking_lot::Mutex;

use super::super::port::Answer;
use crate::receipt::{Receipt, ReceiptSender};
use crate::types::Refusal;

/// One publisher's receipt, on which several nodes have a share: safe once all have said so, refused as soon as one refuses.
#[derive(Clone)]
pub struct Share(Arc<Mutex<State>>);

struct State {
    open: u32,
    asker: Option<Asker>,
}

enum Asker {
    Receipt(ReceiptSender),
    Call(Answer),
}

impl Share {
    pub fn among(nodes: u32) -> (Share, Receipt) {
        let (sender, receipt) = Receipt::pending();
        (Share::answering(sender, nodes), receipt)
    }

    /// For a receipt that was given out before.
    pub fn answering(sender: ReceiptSender, nodes: u32) -> Share {
        Share(Arc::new(Mutex::new(State { open: nodes, asker: Some(Asker::Receipt(sender)) })))
    }

    /// Of one node alone.
    pub fn calling(answer: Answer) -> Share {
        Share(Arc::new(Mutex::new(State { open: 1, asker: Some(Asker::Call(answer)) })))
    }

    pub fn answer(&self, answer: Result<(), Refusal>) {
        let mut state = self.0.lock();
        state.open = state.open.saturating_sub(1);
        if (answer.is_err() || state.open == 0)
            && let Some(asker) = state.asker.take()
        {
            drop(state);
            match asker {
                // Whoever does not wait any more needs no answer.
                Asker::Receipt(sender) => _ = sender.send(answer),
                Asker::Call(call) => call(answer),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_must_agree_and_one_may_refuse() {
        let (share, receipt) = Share::among(2);
        share.answer(Ok(()));
        share.clone().answer(Ok(()));
        assert_eq!(receipt.await, Ok(()));

        let (share, receipt) = Share::among(3);
        share.answer(Ok(()));
        share.answer(Err(Refusal::QuotaExceeded));
        share.answer(Ok(()));
        assert_eq!(receipt.await, Err(Refusal::QuotaExceeded));
    }
}
