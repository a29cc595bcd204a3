use std::sync::Arc;

use tokio::sync::watch;

/// The request to stop: made once, heard by all clones, never taken back.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown(Arc::new(watch::Sender::new(false)))
    }
}

impl Shutdown {
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once stopping is requested, at once if it was. Cancel safe.
    pub async fn requested(&self) {
        // The sender is ours, so it cannot be gone: an error could only mean that stopping is the thing to do.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_clones_hear_the_request_before_and_after_it_is_made() {
        let shutdown = Shutdown::default();
        let (early, waiting) = (shutdown.clone(), shutdown.clone());
        let (_, ()) = tokio::join!(early.requested(), async { waiting.request() });
        assert!(shutdown.is_requested());
        shutdown.requested().await;
    }
}
