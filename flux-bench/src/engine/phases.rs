use std::future::Future;
use std::time::Duration;

use crate::audit::settle::{Audit, Outbox, Stream, settle};
use crate::plan::settings::Scenario;
use crate::plan::wiring::Wiring;
use crate::watch::machine::Machine;

use super::live::Totals;
use super::orders::{Command, Findings};
use super::outcome::{Outcome, Recovery};
use super::run::{Run, RunError};
use super::supervisor::{Phase, REST};
use super::tally::{Tally, Window};
use super::timeline;

/// Draining ends at the latest after so long.
const LONGEST_DRAIN: Duration = Duration::from_secs(60);

/// Storing, and fetching what was stored, end at the latest after so long.
const LONGEST_RECOVERY: Duration = Duration::from_secs(600);

/// Somewhat longer than a connection is waited for: nothing moves while all of them time out.
const CONNECTING_QUIET: Duration = Duration::from_secs(35);

fn ns(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

impl<I: Future<Output = ()>> Run<'_, I> {
    /// Nothing is sent but pings.
    pub(super) async fn hold(&mut self) -> Result<Outcome, RunError> {
        let from = self.supervisor.clock.now();
        let to = from + ns(self.settings.duration);
        self.supervisor.record_from(from);
        let machine = self.supervisor.start_measuring();
        self.supervisor.watch(Phase::Holding, Some(to), |_| false).await;
        let mut outcome = self.measured(&machine, self.supervisor.clock.now() - from);
        self.end_of_record(&mut outcome).await;
        let findings = self.close()?;
        Ok(merged(outcome, findings).0)
    }

    /// Publishers send by their schedule or as fast as they can, for a while.
    pub(super) async fn send(&mut self, wiring: &Wiring) -> Result<Outcome, RunError> {
        // A moment ahead, so that no worker starts late.
        let start = self.supervisor.clock.now() + ns(Duration::from_millis(50));
        let from = start + ns(self.settings.warmup);
        let window = Window { from, to: from + ns(self.settings.duration) };
        self.tell(Command::Send { start, window });

        self.supervisor.record_from(start);
        let mut going = self.supervisor.watch(Phase::WarmingUp, Some(from), |_| false).await;
        let machine = self.supervisor.start_measuring();
        if going {
            going = self.supervisor.watch(Phase::Running, Some(window.to), |_| false).await;
        }
        let stopped = self.supervisor.clock.now().min(window.to);
        let mut outcome = self.measured(&machine, stopped.saturating_sub(from));
        if !going {
            self.tell(Command::Halt);
        }
        if self.settings.scenario.publishes() {
            outcome.draining = self.drain().await;
        }
        self.end_of_record(&mut outcome).await;
        let sending = (stopped.saturating_sub(start) / timeline::SECOND) as usize;
        outcome.seconds = outcome.timeline.iter().take(sending).map(|second| second.delivered).collect();

        let findings = self.close()?;
        let (mut outcome, findings) = merged(outcome, findings);
        if self.settings.scenario.delivers() {
            outcome.audit = Some(audit(wiring, findings));
        }
        Ok(outcome)
    }

    /// Messages are stored while their subscribers are away; then all subscribers come at once.
    pub(super) async fn recover(&mut self, wiring: &Wiring) -> Result<Outcome, RunError> {
        let storm = self.settings.scenario == Scenario::Storm;
        let recorded = self.supervisor.clock.now();
        self.supervisor.record_from(recorded);
        let mut going = true;
        if storm {
            going = self.tell_and_wait(Command::Scatter, Phase::Filling).await;
            // Until the server has noticed that they are gone.
            let rested = self.supervisor.clock.now() + ns(REST);
            going = going && self.supervisor.watch(Phase::Filling, Some(rested), |_| false).await;
        }
        let each = if storm { self.settings.queued } else { 1 };
        let wanted: u64 = wiring.publishers.iter().map(|publisher| publisher.topics.len() as u64 * each).sum();
        let filling = self.supervisor.clock.now();
        if going {
            self.tell(Command::Fill);
            let quiet = ns(self.settings.drain_quiet.max(CONNECTING_QUIET));
            let done = move |totals: &Totals| totals.sent >= wanted && totals.acknowledged >= totals.asked;
            going = self.until_done_or_quiet(Phase::Filling, |_| quiet, done).await;
        }
        let filled = self.supervisor.clock.now() - filling;

        let machine = self.supervisor.start_measuring();
        let at = self.supervisor.clock.now();
        let clients = self.settings.subscribers as u64;
        if going {
            self.tell(Command::Gather { at, recorded });
            let drained = ns(self.settings.drain_quiet);
            let all_there = move |totals: &Totals| totals.returned + totals.failed >= clients;
            let quiet = move |totals: &Totals| if all_there(totals) { drained } else { ns(CONNECTING_QUIET) };
            let done = move |totals: &Totals| all_there(totals) && totals.delivered >= totals.owed;
            self.until_done_or_quiet(Phase::Recovering, quiet, done).await;
        }
        let mut outcome = self.measured(&machine, 0);
        self.end_of_record(&mut outcome).await;
        let findings = self.close()?;
        let (mut outcome, findings) = merged(outcome, findings);
        let since = |when: u64| (when > at).then(|| when - at);
        let totals = outcome.totals;
        outcome.window = since(outcome.last_delivery).unwrap_or(0);
        outcome.recovery = Some(Recovery {
            clients,
            returned: totals.returned,
            sessions_lost: totals.sessions_lost,
            stored: totals.sent,
            filling: filled,
            connected: since(outcome.last_return).filter(|_| totals.returned >= clients),
            delivered: since(outcome.last_delivery).filter(|_| totals.delivered >= totals.owed),
        });
        outcome.audit = Some(audit(wiring, findings));
        Ok(outcome)
    }

    /// Watches until `done`, or until nothing has moved for as long as `quiet` says; false when interrupted.
    async fn until_done_or_quiet(
        &mut self,
        phase: Phase,
        quiet: impl Fn(&Totals) -> u64,
        done: impl Fn(&Totals) -> bool,
    ) -> bool {
        let clock = self.supervisor.clock;
        let (mut last, mut moved) = (Totals::default(), clock.now());
        let until = moved + ns(LONGEST_RECOVERY);
        self.supervisor
            .watch(phase, Some(until), |totals| {
                let now = clock.now();
                if *totals != last {
                    (last, moved) = (*totals, now);
                }
                done(totals) || now - moved > quiet(totals)
            })
            .await
    }

    /// Waits for what is owed; returns the ns from the end of sending to the last arrival.
    async fn drain(&mut self) -> u64 {
        let began = self.supervisor.clock.now();
        let until = began + ns(LONGEST_DRAIN);
        let clock = self.supervisor.clock;
        let (mut last, mut moved) = (Totals::default(), began);
        // An interrupted run drains briefly: the user waits.
        let quiet = ns(self.settings.drain_quiet.min(if self.supervisor.interrupted { REST } else { LONGEST_DRAIN }));
        self.supervisor
            .watch(Phase::Draining, Some(until), |totals| {
                let now = clock.now();
                if (totals.delivered, totals.acknowledged) != (last.delivered, last.acknowledged) {
                    (last, moved) = (*totals, now);
                }
                totals.settled() || now - moved > quiet
            })
            .await;
        moved - began
    }

    async fn end_of_record(&mut self, outcome: &mut Outcome) {
        outcome.totals = self.supervisor.totals();
        let record = self.supervisor.end_of_record(&outcome.totals).await;
        (outcome.timeline, outcome.servers, outcome.unknown_servers) = (record.timeline, record.servers, record.unknown_servers);
    }

    fn measured(&mut self, machine: &Machine, window: u64) -> Outcome {
        let mut outcome = Outcome::empty(self.supervisor.interrupted, window);
        (outcome.generator, outcome.machine) = self.supervisor.measured(machine);
        outcome
    }
}

fn audit(wiring: &Wiring, mut findings: Vec<Findings>) -> Audit {
    let mut outboxes = vec![Outbox::default(); wiring.streams.len()];
    for (stream, outbox) in findings.iter_mut().flat_map(|findings| findings.outboxes.drain(..)) {
        outboxes[stream as usize] = outbox;
    }
    let streams: Vec<_> = (wiring.streams.iter().zip(outboxes))
        .map(|(stream, outbox)| Stream { topic: &wiring.topics[stream.topic as usize], qos: stream.qos, outbox })
        .collect();
    settle(&streams, findings.iter().flat_map(|findings| &findings.inboxes))
}

fn merged(mut outcome: Outcome, findings: Vec<Findings>) -> (Outcome, Vec<Findings>) {
    let mut tally = Tally::default();
    for found in &findings {
        tally.merge(&found.tally);
        outcome.connecting = outcome.connecting.max(found.ready_at);
        outcome.failures.extend(found.failures.iter().cloned());
        outcome.losses.extend(found.losses.iter().cloned());
    }
    timeline::fill(&mut outcome.timeline, findings.iter().map(|found| &found.tally.seconds));
    outcome.delivered_in_window = tally.delivered_in_window;
    outcome.sent_in_window = tally.sent_in_window;
    outcome.response = tally.response;
    outcome.service = tally.service;
    outcome.acknowledgement = tally.acknowledgement;
    outcome.lag = tally.lag;
    outcome.connect = tally.connect;
    (outcome.last_delivery, outcome.last_return) = (tally.last_delivery, tally.last_return);
    (outcome, findings)
}
