use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::{Observer, Phase, Totals};

use super::number::grouped;

/// One line on standard error that says what the run is doing; nothing when that is not a terminal.
#[derive(Debug)]
pub struct Progress {
    line: ProgressBar,
    wanted: u64,
    /// What becomes of what is sent: `delivered`, `answered`.
    word: &'static str,
    last: (std::time::Instant, u64),
    rate: f64,
}

impl Progress {
    /// `connections` that will be opened.
    pub fn new(connections: usize) -> Self {
        let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        line.set_style(ProgressStyle::with_template("{spinner} {wide_msg}").expect("the template is constant"));
        Self { line, wanted: connections as u64, word: "delivered", last: (std::time::Instant::now(), 0), rate: 0.0 }
    }

    /// Says that what is sent is `word`.
    #[must_use]
    pub fn moving(mut self, word: &'static str) -> Self {
        self.word = word;
        self
    }

    pub fn finish(&self) {
        self.line.finish_and_clear();
    }

    fn rate(&mut self, delivered: u64) -> f64 {
        let (since, before) = self.last;
        let elapsed = since.elapsed();
        if elapsed >= Duration::from_millis(500) {
            self.rate = (delivered - before) as f64 / elapsed.as_secs_f64();
            self.last = (std::time::Instant::now(), delivered);
        }
        self.rate
    }
}

impl Observer for Progress {
    fn observe(&mut self, phase: Phase, totals: &Totals, left: Option<Duration>) {
        if self.line.is_hidden() {
            return;
        }
        let rate = self.rate(totals.delivered);
        let left = left.map(|left| format!(", {} s left", left.as_secs() + 1)).unwrap_or_default();
        let moving = || format!("{}/s {}, {} in all", grouped(rate as u64), self.word, grouped(totals.delivered));
        self.line.set_message(match phase {
            Phase::Connecting => format!("connecting: {} of {}", grouped(totals.connected), grouped(self.wanted)),
            Phase::Holding => format!("holding {} connections{left}", grouped(totals.connected - totals.lost)),
            Phase::WarmingUp => format!("warming up: {}{left}", moving()),
            Phase::Running => format!("running: {}{left}", moving()),
            Phase::Filling => {
                format!("storing: {} messages sent, {} acknowledged", grouped(totals.sent), grouped(totals.acknowledged))
            }
            Phase::Recovering => format!(
                "recovering: {} clients back, {} of {} deliveries ({}/s)",
                grouped(totals.returned),
                grouped(totals.delivered),
                grouped(totals.owed),
                grouped(rate as u64)
            ),
            Phase::Draining => format!(
                "draining: {} not {} yet ({})",
                grouped(totals.owed.saturating_sub(totals.delivered)),
                self.word,
                moving()
            ),
            Phase::Closing => "closing".to_owned(),
        });
        self.line.tick();
    }
}
