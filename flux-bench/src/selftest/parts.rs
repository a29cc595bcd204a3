use std::io;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Notify;

use crate::engine::outcome::Outcome;
use crate::engine::{self, Observer, Phase, RunError, Totals};
use crate::plan::mix::Mix;
use crate::plan::server::Server;
use crate::plan::settings::{Driver, Flaw, Load, Scenario, Settings};

use super::broker::{Books, Broker};
use super::faults::{Committed, Faults};

/// How long the server stands still in the last part.
const STALL: Duration = Duration::from_millis(500);

/// Different messages are counted, so a second copy of the last one may still be on its way: half a second of looks.
const LOOKS: u32 = 25;

/// How long nothing may move before what is missing counts as lost: only a mistake in flux-bench makes a run wait so long.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum SelftestError {
    #[error("the built-in server could not be started: {0}")]
    Server(#[from] io::Error),
    #[error("a run did not take place: {}", with_cause(.0))]
    Run(#[from] RunError),
}

fn with_cause(error: &RunError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// One planted figure and what was reported for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    pub name: &'static str,
    pub planted: u64,
    pub reported: u64,
    /// The reported figure may be more: a real machine adds to a stall.
    pub at_least: bool,
}

/// A run against the server with one set of faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Part {
    pub name: String,
    pub figures: Vec<Figure>,
}

impl Figure {
    fn exactly(name: &'static str, planted: u64, reported: u64) -> Self {
        Self { name, planted, reported, at_least: false }
    }

    pub fn holds(&self) -> bool {
        if self.at_least { self.reported >= self.planted } else { self.reported == self.planted }
    }

    pub fn relation(&self) -> &'static str {
        if self.at_least { "≥" } else { "=" }
    }
}

impl Part {
    pub fn holds(&self) -> bool {
        self.figures.iter().all(Figure::holds)
    }
}

/// Ends a run when the server has taken everything and all that it forwarded has arrived. How long that takes says nothing: on a busy
/// machine either side may not move for seconds.
struct Completion {
    books: Books,
    complete: Arc<Notify>,
    /// How often in a row everything was there.
    looks: u32,
}

impl Observer for Completion {
    fn observe(&mut self, phase: Phase, totals: &Totals, _: Option<Duration>) {
        let released = !totals.scheduling && totals.sent + totals.shed >= totals.due;
        let sent = released && totals.acknowledged >= totals.asked;
        let taken = phase == Phase::Draining && sent && self.books.taken() >= totals.sent;
        let committed = self.books.committed();
        let arrived = taken && totals.delivered + committed.duplicated >= committed.forwarded;
        self.looks = if arrived { self.looks + 1 } else { 0 };
        if self.looks == LOOKS {
            self.complete.notify_one();
        }
    }
}

/// Runs every part with about `messages` messages each. `flaw` is planted to see whether it is found.
pub async fn run(messages: usize, flaw: Option<Flaw>) -> Result<Vec<Part>, SelftestError> {
    let drops = Faults { drop_every: Some(997), ..Default::default() };
    let duplicates = Faults { duplicate_every: Some(101), ..Default::default() };
    let swaps = Faults { swap_every: Some(53), ..Default::default() };
    let all = Faults { drop_every: Some(31), duplicate_every: Some(47), swap_every: Some(17), stall: None };
    // Counting does not mind company; only the stall is timed, so it runs alone.
    let (none_0, none_1, none_2, drops, duplicates, swaps, all_0, foreign, all_2) = tokio::try_join!(
        audited("no faults, QoS 0", (Driver::Flux, 0), Faults::default(), messages),
        audited("no faults, QoS 1", (Driver::Flux, 1), Faults::default(), messages),
        audited("no faults, QoS 2", (Driver::Flux, 2), Faults::default(), messages),
        audited("drops 1 in 997, QoS 1", (Driver::Flux, 1), drops, messages),
        audited("duplicates 1 in 101, QoS 1", (Driver::Flux, 1), duplicates, messages),
        audited("swaps 1 in 53 with its successor, QoS 1", (Driver::Flux, 1), swaps, messages),
        audited("all three at once, QoS 0", (Driver::Flux, 0), all, messages),
        // The same faults found through another client: what is wrong in ours would have to be wrong there too.
        audited("all three at once, QoS 1, rumqttc", (Driver::Rumqttc, 1), all, messages),
        audited("all three at once, QoS 2", (Driver::Flux, 2), all, messages),
    )?;
    Ok(vec![none_0, none_1, none_2, drops, duplicates, swaps, all_0, foreign, all_2, stalled(flaw).await?])
}

async fn audited(name: &str, (driver, qos): (Driver, u8), faults: Faults, messages: usize) -> Result<Part, SelftestError> {
    let settings = Settings { driver, mix: Mix::only(qos), load: Load::Paced(messages as f64), ..settings() };
    let (outcome, committed, held) = measure(settings, faults).await?;
    let audit = outcome.audit.unwrap_or_default();
    let figures = vec![
        Figure::exactly("sent", messages as u64, audit.sent),
        // What the server still holds back when everything ends never arrived either.
        Figure::exactly("lost", committed.dropped + held, audit.lost),
        Figure::exactly("duplicated", committed.duplicated, audit.duplicated),
        Figure::exactly("reordered", committed.swapped, audit.reordered),
        Figure::exactly("deliveries", committed.forwarded, audit.delivered + audit.duplicated),
        Figure::exactly("unexpected", 0, audit.unexpected),
    ];
    Ok(Part { name: name.to_owned(), figures })
}

/// One message may be unacknowledged, so the stall holds the generator up: the case in which most tools report nothing.
async fn stalled(flaw: Option<Flaw>) -> Result<Part, SelftestError> {
    let rate = 2_000.0;
    let faults = Faults { stall: Some((500, STALL)), ..Default::default() };
    let settings =
        Settings { flaw, publishers: 1, subscribers: 1, topics: 1, inflight: 1, load: Load::Paced(rate), ..settings() };
    let (outcome, committed, _) = measure(settings, faults).await?;
    let (response, service) = (outcome.response.percentiles(), outcome.service.percentiles());
    let stall = committed.stalled.as_millis() as u64;
    // A quarter of the messages was due before it stood still; of the rest the first 200, a tenth of all, waited all of it but 100 ms.
    // The longer it stood still, or the later it was reached, the longer they waited.
    let figures = vec![
        Figure { name: "response max (ms)", planted: stall, reported: response.max.ceil() as u64, at_least: true },
        Figure { name: "response p90 (ms)", planted: stall / 2, reported: response.p90.ceil() as u64, at_least: true },
        Figure { name: "service max (ms)", planted: stall, reported: service.max.ceil() as u64, at_least: true },
        Figure::exactly("latencies", rate as u64, response.count),
    ];
    Ok(Part { name: format!("stands still for {} ms, window 1", STALL.as_millis()), figures })
}

/// The outcome, what the server did, and how many messages it held back for ever.
async fn measure(settings: Settings, faults: Faults) -> Result<(Outcome, Committed, u64), SelftestError> {
    let broker = Broker::bind(faults).await?;
    let settings = Settings { servers: vec![Server::tcp(broker.address()?)], ..settings };
    let books = broker.books();
    let complete = Arc::new(Notify::new());
    let mut observer = Completion { books: books.clone(), complete: Arc::clone(&complete), looks: 0 };
    let server = tokio::spawn(broker.serve());
    let outcome = Box::pin(engine::run(settings, &mut observer, complete.notified())).await;
    server.abort();
    let (committed, held) = (books.committed(), books.held());
    Ok((outcome?, committed, held))
}

fn settings() -> Settings {
    let plain = Settings::plain(Scenario::Pair, vec![]);
    Settings { publishers: 4, subscribers: 4, topics: 4, inflight: 16, workers: 2, drain_quiet: PATIENCE, ..plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_planted_fault_is_reported_exactly() {
        for part in run(2_000, None).await.unwrap() {
            for figure in &part.figures {
                assert!(figure.holds(), "{}: {figure:?}", part.name);
            }
        }
    }

    /// The proof of the proof: with the mistake that most tools make, the stall is not found and the selftest says so.
    #[tokio::test]
    async fn measuring_from_the_actual_send_makes_it_fail() {
        let part = stalled(Some(Flaw::FromActualSend)).await.unwrap();
        assert!(!part.holds(), "{part:?}");
        let wrong: Vec<_> = part.figures.iter().filter(|figure| !figure.holds()).map(|figure| figure.name).collect();
        assert!(wrong.contains(&"response p90 (ms)"), "{wrong:?}");
    }
}
