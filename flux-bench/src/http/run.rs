use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::engine::live::{Live, Totals};
use crate::engine::recorder::Recorder;
use crate::engine::tally::{Tally, Window};
use crate::engine::{Observer, Phase, timeline};
use crate::plan::limits::{self, LimitError};
use crate::watch::machine::Machine;
use crate::watch::process::{Process, Watched};
use crate::watch::servers::{Servers, WatchError};

use super::dial::{Dialler, TlsError};
use super::outcome::Outcome;
use super::requests::{RequestError, Requests};
use super::settings::Settings;
use super::worker::{Command, Findings, Orders, work};

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Waiting for the last answers ends at the latest after so long; when the user waits, after much less.
const LONGEST_DRAIN: Duration = Duration::from_secs(60);
const SHORTEST_DRAIN: Duration = Duration::from_millis(500);

/// How long an idle server may take to come to rest before its memory is read.
const REST: Duration = Duration::from_millis(500);

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
    clock: Clock,
    lives: Vec<Arc<Live>>,
    command: watch::Sender<Command>,
    threads: Vec<JoinHandle<io::Result<Findings>>>,
    observer: &'a mut dyn Observer,
    interrupt: Pin<&'a mut I>,
    interrupted: bool,
    servers: Servers,
    generator: Watched,
    /// From when sending begins.
    recorder: Option<Recorder>,
}

/// Runs to its end, or until `interrupt` resolves.
pub async fn run<I: Future<Output = ()>>(
    settings: Settings,
    observer: &mut dyn Observer,
    interrupt: I,
) -> Result<Outcome, RunError> {
    limits::raise_descriptors(settings.connections, 1)?;
    let dialler = Dialler::new(&settings.address, settings.ca_file.as_ref())?;
    let clock = Clock::start();
    let number = run_number(settings.seed);
    let settings = Arc::new(settings);
    let (command, commands) = watch::channel(Command::Connect);
    let lives: Vec<Arc<Live>> = (0..settings.workers).map(|_| Arc::default()).collect();
    let servers = Servers::begin(&settings.watched).await?;
    let memory_before = servers.resident().await;
    let mut threads = vec![];
    for (worker, live) in lives.iter().enumerate() {
        let orders = Orders {
            worker,
            requests: Requests::new(&settings, worker, number)?,
            settings: Arc::clone(&settings),
            dialler: dialler.clone(),
            clock,
            live: Arc::clone(live),
            command: commands.clone(),
        };
        threads.push(std::thread::Builder::new().name(format!("worker-{worker}")).spawn(move || work(orders))?);
    }
    let interrupt = pin!(interrupt);
    let generator = Watched::new(Process::of(std::process::id()));
    let mut run = Run {
        settings,
        clock,
        lives,
        command,
        threads,
        observer,
        interrupt,
        interrupted: false,
        servers,
        generator,
        recorder: None,
    };
    let began = run.connect().await?;
    let memory_after = run.servers.resident().await;
    let mut outcome = run.send().await?;
    outcome.connecting = outcome.connecting.saturating_sub(began);
    outcome.unwatched = run.servers.unwatched();
    outcome.server_memory = memory_before.zip(memory_after);
    Ok(outcome)
}

/// Differs from run to run, also with the same seed: topics of an earlier run must not be ours.
fn run_number(seed: u64) -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mixed =
        (since.as_nanos() as u64 ^ seed.rotate_left(32) ^ u64::from(std::process::id())).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

impl<I: Future<Output = ()>> Run<'_, I> {
    fn totals(&self) -> Totals {
        Totals::of(self.lives.iter().map(|live| &**live))
    }

    /// Waits until `done` or the time `until` (ns), telling the observer; false when interrupted.
    async fn watch(&mut self, phase: Phase, until: Option<u64>, mut done: impl FnMut(&Totals) -> bool) -> bool {
        loop {
            let totals = self.totals();
            let left = until.map(|until| self.clock.until(until));
            self.observer.observe(phase, &totals, left);
            self.servers.look();
            if let Some(recorder) = &mut self.recorder {
                recorder.look(self.clock.now(), &totals, &mut self.generator, &mut self.servers);
            }
            if done(&totals) || left.is_some_and(|left| left.is_zero()) {
                return true;
            }
            let pause = left.map_or(LOOK, |left| left.min(LOOK));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.interrupt.as_mut(), if !self.interrupted => {
                    self.interrupted = true;
                    return false;
                }
            }
        }
    }

    /// Returns when it began, ns.
    async fn connect(&mut self) -> Result<u64, RunError> {
        let began = self.clock.now();
        let workers = self.settings.workers;
        let mut gone = false;
        let threads = std::mem::take(&mut self.threads);
        let connected = self
            .watch(Phase::Connecting, None, |totals| {
                gone = threads.iter().any(JoinHandle::is_finished);
                gone || totals.workers_ready == workers
            })
            .await;
        self.threads = threads;
        let failed = self.totals().failed;
        if !connected || gone || failed > 0 {
            let findings = self.close()?;
            let cause = findings.into_iter().flat_map(|findings| findings.failures).next();
            let (wanted, url) = (self.settings.connections, self.settings.url.clone());
            return Err(match cause.filter(|_| connected) {
                Some(cause) => RunError::Connect { failed, wanted, url, cause },
                None => RunError::Interrupted,
            });
        }
        if !self.servers.is_empty() {
            let rested = self.clock.now() + REST.as_nanos() as u64;
            self.watch(Phase::Holding, Some(rested), |_| false).await;
        }
        Ok(began)
    }

    async fn send(&mut self) -> Result<Outcome, RunError> {
        let ns = |duration: Duration| duration.as_nanos() as u64;
        // A moment ahead, so that no worker starts late.
        let start = self.clock.now() + ns(Duration::from_millis(50));
        let from = start + ns(self.settings.warmup);
        let window = Window { from, to: from + ns(self.settings.duration) };
        self.command.send_replace(Command::Send { start, window });
        let totals = self.totals();
        self.recorder = Some(Recorder::new(start, totals, &mut self.generator, &mut self.servers));

        let mut going = self.watch(Phase::WarmingUp, Some(from), |_| false).await;
        self.generator.start();
        self.servers.start();
        let machine = Machine::look();
        if going {
            going = self.watch(Phase::Running, Some(window.to), |_| false).await;
        }
        let stopped = self.clock.now().min(window.to);
        let mut outcome = Outcome { window: stopped.saturating_sub(from), ..Default::default() };
        self.measure(&mut outcome, &machine);
        if !going {
            self.command.send_replace(Command::Halt);
        }
        outcome.draining = self.drain().await;
        outcome.interrupted = self.interrupted;
        let findings = self.close()?;
        outcome.totals = self.totals();
        self.settle(&mut outcome.totals);
        if let Some(recorder) = self.recorder.take() {
            outcome.timeline = recorder.finish(&outcome.totals, &mut self.generator, &mut self.servers);
        }
        let used = self.servers.used().await;
        (outcome.servers, outcome.unknown_servers) = timeline::known(&mut outcome.timeline, used);
        Ok(gather(outcome, findings))
    }

    fn measure(&mut self, outcome: &mut Outcome, machine: &Machine) {
        outcome.generator = self.generator.used().unwrap_or_default();
        let servers = self.servers.end();
        outcome.machine = machine.used(outcome.generator.cores + servers);
    }

    /// Waits for the last answers; returns the ns from the end of sending to the last one.
    async fn drain(&mut self) -> u64 {
        let began = self.clock.now();
        let until = began + LONGEST_DRAIN.as_nanos() as u64;
        let clock = self.clock;
        let patience = if self.interrupted { SHORTEST_DRAIN } else { self.settings.timeout + SHORTEST_DRAIN };
        let quiet = patience.as_nanos() as u64;
        let (mut last, mut moved) = (0, began);
        self.watch(Phase::Draining, Some(until), |totals| {
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
        if !self.interrupted {
            totals.shed = totals.due.saturating_sub(totals.sent);
        }
    }

    fn close(&mut self) -> Result<Vec<Findings>, RunError> {
        let totals = self.totals();
        self.observer.observe(Phase::Closing, &totals, None);
        self.command.send_replace(Command::Close);
        let mut findings = vec![];
        for thread in self.threads.drain(..) {
            findings.push(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(findings)
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
