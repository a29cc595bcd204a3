use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::supervisor::{Observer, Phase, Supervisor, run_number};
use crate::engine::tally::{Tally, Window};
use crate::engine::{Totals, timeline};
use crate::plan::limits::{self, LimitError};
use crate::watch::servers::WatchError;

use super::dial::{Dialler, TlsError};
use super::outcome::Outcome;
use super::requests::{RequestError, Requests};
use super::settings::Settings;
use super::worker::{Command, Findings, Orders, work};

/// Waiting for the last answers ends at the latest after so long; when the user waits, after much less.
const LONGEST_DRAIN: Duration = Duration::from_secs(60);
const SHORTEST_DRAIN: Duration = Duration::from_millis(500);

/// Why a run did not take place.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the requests cannot be made")]
    Request(#[from] RequestError),
    #[error("{failed} of {wanted} connections to {url} could not be opened")]
    Connect { failed: u64, wanted: usize, url: String, cause: String },
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error("stopped before the load began")]
    Interrupted,
    #[error("the generator failed")]
    Generator(#[from] io::Error),
}

struct Run<'a, I> {
    settings: Arc<Settings>,
    supervisor: Supervisor<'a, I>,
    command: watch::Sender<Command>,
    threads: Vec<JoinHandle<io::Result<Findings>>>,
}

/// Runs to its end, or until `interrupt` resolves.
pub async fn run<I: Future<Output = ()>>(
    settings: Settings,
    observer: &mut dyn Observer,
    interrupt: I,
) -> Result<Outcome, RunError> {
    limits::raise_descriptors(settings.connections, 1)?;
    let dialler = Dialler::new(&settings.address, settings.ca_file.as_ref())?;
    let number = run_number(settings.seed);
    let settings = Arc::new(settings);
    let (command, commands) = watch::channel(Command::Connect);
    let interrupt = pin!(interrupt);
    let supervisor = Supervisor::begin(settings.workers, &settings.watched, observer, interrupt).await?;
    let mut threads = vec![];
    for (worker, live) in supervisor.lives().enumerate() {
        let orders = Orders {
            worker,
            requests: Requests::new(&settings, worker, number)?,
            settings: Arc::clone(&settings),
            dialler: dialler.clone(),
            clock: supervisor.clock,
            live: Arc::clone(live),
            command: commands.clone(),
        };
        threads.push(std::thread::Builder::new().name(format!("worker-{worker}")).spawn(move || work(orders))?);
    }
    let mut run = Run { settings, supervisor, command, threads };
    let began = run.connect().await?;
    let memory = run.supervisor.memory().await;
    let mut outcome = run.send().await?;
    outcome.connecting = outcome.connecting.saturating_sub(began);
    outcome.unwatched = run.supervisor.unwatched();
    outcome.server_memory = memory;
    Ok(outcome)
}

impl<I: Future<Output = ()>> Run<'_, I> {
    /// Returns when it began, ns.
    async fn connect(&mut self) -> Result<u64, RunError> {
        let began = self.supervisor.clock.now();
        let ready = self.supervisor.all_ready(&self.threads).await;
        let failed = self.supervisor.totals().failed;
        if ready && failed == 0 {
            return Ok(began);
        }
        let findings = self.close()?;
        let cause = findings.into_iter().flat_map(|findings| findings.failures).next();
        let (wanted, url) = (self.settings.connections, self.settings.url.clone());
        Err(match cause.filter(|_| !self.supervisor.interrupted) {
            Some(cause) => RunError::Connect { failed, wanted, url, cause },
            None => RunError::Interrupted,
        })
    }

    async fn send(&mut self) -> Result<Outcome, RunError> {
        let ns = |duration: Duration| duration.as_nanos() as u64;
        // A moment ahead, so that no worker starts late.
        let start = self.supervisor.clock.now() + ns(Duration::from_millis(50));
        let from = start + ns(self.settings.warmup);
        let window = Window { from, to: from + ns(self.settings.duration) };
        self.command.send_replace(Command::Send { start, window });
        self.supervisor.record_from(start);

        let mut going = self.supervisor.watch(Phase::WarmingUp, Some(from), |_| false).await;
        let machine = self.supervisor.start_measuring();
        if going {
            going = self.supervisor.watch(Phase::Running, Some(window.to), |_| false).await;
        }
        let stopped = self.supervisor.clock.now().min(window.to);
        let mut outcome = Outcome { window: stopped.saturating_sub(from), ..Default::default() };
        (outcome.generator, outcome.machine) = self.supervisor.measured(&machine);
        if !going {
            self.command.send_replace(Command::Halt);
        }
        outcome.draining = self.drain().await;
        outcome.interrupted = self.supervisor.interrupted;
        let findings = self.close()?;
        outcome.totals = self.supervisor.totals();
        self.settle(&mut outcome.totals);
        let record = self.supervisor.end_of_record(&outcome.totals).await;
        (outcome.timeline, outcome.servers, outcome.unknown_servers) = (record.timeline, record.servers, record.unknown_servers);
        Ok(gather(outcome, findings))
    }

    /// Waits for the last answers; returns the ns from the end of sending to the last one.
    async fn drain(&mut self) -> u64 {
        let began = self.supervisor.clock.now();
        let until = began + LONGEST_DRAIN.as_nanos() as u64;
        let clock = self.supervisor.clock;
        let patience = if self.supervisor.interrupted { SHORTEST_DRAIN } else { self.settings.timeout + SHORTEST_DRAIN };
        let quiet = patience.as_nanos() as u64;
        let (mut last, mut moved) = (0, began);
        self.supervisor
            .watch(Phase::Draining, Some(until), |totals| {
                let (now, ended) = (clock.now(), totals.acknowledged + totals.unanswered);
                if ended != last {
                    (last, moved) = (ended, now);
                }
                let unpaced = totals.due == 0;
                (!totals.scheduling && ended == totals.sent && (unpaced || totals.sent + totals.shed >= totals.due))
                    || now - moved > quiet
            })
            .await;
        moved - began
    }

    /// What was never sent because no connection was free for it until the end was shed; unpaced, all that was sent was due.
    fn settle(&self, totals: &mut Totals) {
        if totals.due == 0 {
            totals.due = totals.sent;
        }
        if !self.supervisor.interrupted {
            totals.shed = totals.due.saturating_sub(totals.sent);
        }
    }

    fn close(&mut self) -> io::Result<Vec<Findings>> {
        self.command.send_replace(Command::Close);
        self.supervisor.join(std::mem::take(&mut self.threads))
    }
}

fn gather(mut outcome: Outcome, findings: Vec<Findings>) -> Outcome {
    timeline::fill(&mut outcome.timeline, findings.iter().map(|found| &found.tally.seconds));
    let mut tally = Tally::default();
    for found in findings {
        tally.merge(&found.tally);
        outcome.connecting = outcome.connecting.max(found.ready_at);
        outcome.answers.merge(found.answers);
        outcome.events_in_window += found.events_in_window;
        outcome.reopened += found.reopened;
        outcome.losses.extend(found.losses);
    }
    outcome.answered_in_window = tally.delivered_in_window;
    outcome.sent_in_window = tally.sent_in_window;
    outcome.response = tally.response;
    outcome.service = tally.service;
    outcome.lag = tally.lag;
    outcome.connect = tally.connect;
    outcome
}
