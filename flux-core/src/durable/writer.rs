//! The thread that writes: whatever has gathered while the last group commit was under way becomes the next one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::cleaner::Cleaner;
use super::frame::Frame;
use super::inbox::{Taken, Waiting};
use super::log::Log;
use super::shared::Shared;
use super::stage::Stage;
use crate::telemetry::Metrics;
use crate::types::Refusal;
use crate::types::limits;

/// What is moved between two group commits beside twice what was written: enough to keep up, little enough to go unnoticed.
const MOVE_BYTES: usize = 256 * 1024;

pub(super) struct Writer {
    shared: Arc<Shared>,
    log: Log,
    cleaner: Cleaner,
    frame: Frame,
    stage: Stage,
    metrics: Arc<Metrics>,
}

/// Whatever ends the thread, nobody waits for it afterwards.
struct Abandon(Arc<Shared>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.inbox.abandon();
    }
}

impl Writer {
    pub(super) fn new(log: Log, cleaner: Cleaner, metrics: Arc<Metrics>) -> Self {
        let frame = Frame::new(log.acknowledged.salt);
        Writer { shared: Arc::clone(&log.shared), log, cleaner, frame, stage: Stage::default(), metrics }
    }

    pub(super) fn run(mut self) {
        let _abandon = Abandon(Arc::clone(&self.shared));
        let mut batch = Vec::with_capacity(limits::COMMIT_BATCH);
        // A start may find much that is dead.
        let mut untidy = true;
        loop {
            match self.shared.inbox.take(&mut batch, untidy.then_some(limits::STORE_IDLE)) {
                Taken::Batch => {
                    let written = self.commit(&mut batch);
                    self.clean(MOVE_BYTES + 2 * written, false);
                    untidy = true;
                }
                Taken::Nothing => {
                    while self.clean(MOVE_BYTES, true) && self.shared.inbox.bytes() == 0 {}
                    untidy = false;
                }
                Taken::Closed => break,
            }
        }
        self.finish();
    }

    /// One group commit; returns the bytes written.
    fn commit(&mut self, batch: &mut Vec<Waiting>) -> usize {
        let began = Instant::now();
        self.frame.clear();
        self.stage.clear();
        let mut bytes = 0;
        let mut answers = Vec::with_capacity(batch.len());
        let state = self.shared.state.lock();
        for waiting in batch.drain(..) {
            bytes += waiting.bytes;
            answers.push(waiting.answer);
            self.stage.add(waiting.transaction, &state.index, &mut self.frame);
        }
        drop(state);
        let written = if self.frame.is_empty() { Ok(()) } else { self.log.append(&mut self.frame).map(|()| self.recovered()) };
        let outcome = match written {
            Ok(()) => {
                self.shared.transactions.fetch_add(answers.len() as u64, Ordering::Relaxed);
                self.shared.commits.fetch_add(1, Ordering::Relaxed);
                self.metrics.commit.observe(began.elapsed());
                for displacement in self.stage.displacements.drain(..) {
                    displacement.announce();
                }
                for announcement in self.stage.announcements.drain(..) {
                    announcement.announce();
                }
                Ok(())
            }
            Err(error) => {
                self.failed(&error);
                for announcement in self.stage.announcements.drain(..) {
                    announcement.retract();
                }
                self.shared.failures.fetch_add(1, Ordering::Relaxed);
                Err(Refusal::StoreFailed)
            }
        };
        for answer in answers {
            // Who does not wait for the answer does not need it.
            let _ = answer.send(outcome);
        }
        self.shared.inbox.done(bytes);
        if outcome.is_ok() { self.frame.len() } else { 0 }
    }

    fn failed(&self, error: &std::io::Error) {
        if !self.shared.failed.swap(true, Ordering::Relaxed) {
            let path = self.log.volume.directory.display();
            tracing::error!(%path, %error, "the durable store cannot write: nothing is acknowledged until it can");
        }
    }

    fn recovered(&self) {
        if self.shared.failed.swap(false, Ordering::Relaxed) {
            tracing::info!(path = %self.log.volume.directory.display(), "the durable store can write again");
        }
    }

    /// Whether there is more to do.
    fn clean(&mut self, budget: usize, idle: bool) -> bool {
        match self.cleaner.clean(&mut self.log, budget, idle) {
            Ok(more) => more,
            Err(error) => {
                self.failed(&error);
                for announcement in self.stage.announcements.drain(..) {
                    announcement.retract();
                }
                false
            }
        }
    }

    fn finish(mut self) {
        if self.shared.broken.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.cleaner.finish(&mut self.log) {
            self.failed(&error);
        }
    }
}
