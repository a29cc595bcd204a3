use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::settle::{Outbox, Stream, settle};
use crate::clock::Clock;
use crate::plan::limits::{self, LimitError};
use crate::plan::settings::{Scenario, Settings};
use crate::plan::wiring::Wiring;
use crate::watch::machine::Machine;
use crate::watch::process::{Process, Watched};

use super::connect::ConnectError;
use super::live::{Live, Totals};
use super::outcome::Outcome;
use super::recorder::Recorder;
use super::tally::{Tally, Window};
use super::timeline;
use super::worker::{Command, Findings, Orders, work};

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Draining ends at the latest after so long.
const LONGEST_DRAIN: Duration = Duration::from_secs(60);

/// How long an idle server may take to come to rest before its memory is read.
const REST: Duration = Duration::from_millis(500);

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Connecting,
    Holding,
    WarmingUp,
    Running,
    Draining,
    Closing,
}

/// Is told how a run goes, about fifty times a second.
pub trait Observer {
    /// `left` is the time until the phase ends, where that is known.
    fn observe(&mut self, phase: Phase, totals: &Totals, left: Option<Duration>);
}

/// Why a run did not take place.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error("{failed} of {wanted} connections to {url} could not be opened")]
    Connect { failed: u64, wanted: usize, url: String, source: Box<ConnectError> },
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
    interrupt: std::pin::Pin<&'a mut I>,
    interrupted: bool,
    server: Option<Watched>,
    generator: Watched,
    /// From when sending or holding begins.
    recorder: Option<Recorder>,
}

/// Runs a plan to its end, or until `interrupt` resolves.
pub async fn run<I: Future<Output = ()>>(
    settings: Settings,
    observer: &mut dyn Observer,
    interrupt: I,
) -> Result<Outcome, RunError> {
    limits::raise_descriptors(settings.connections(), 1)?;
    let sources: Arc<[IpAddr]> = limits::source_addresses(&settings.bind, &settings.servers, settings.connections())?.into();
    let clock = Clock::start();
    let run = run_number(settings.seed);
    let settings = Arc::new(settings);
    let wiring = Arc::new(Wiring::new(&settings, run));
    let (command, commands) = watch::channel(Command::Connect);
    let lives: Vec<Arc<Live>> = (0..settings.workers).map(|_| Arc::default()).collect();
    let server = settings.pid.map(|pid| Watched::new(Process::of(pid)));
    let memory_before = server.as_ref().and_then(Watched::resident);
    let began = clock.now();

    let mut threads = vec![];
    for (worker, live) in lives.iter().enumerate() {
        let orders = Orders {
            worker,
            settings: Arc::clone(&settings),
            wiring: Arc::clone(&wiring),
            run,
            sources: Arc::clone(&sources),
            clock,
            began,
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
        server,
        generator,
        recorder: None,
    };
    run.connect(&wiring, began, memory_before).await
}

/// Differs from run to run, also with the same seed: what an earlier run left on the server must not be taken for ours.
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
            if let Some(server) = &mut self.server {
                server.look();
            }
            if let Some(recorder) = &mut self.recorder {
                recorder.look(self.clock.now(), &totals, &mut self.generator, &mut self.server);
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

    async fn connect(&mut self, wiring: &Wiring, began: u64, memory_before: Option<u64>) -> Result<Outcome, RunError> {
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
        let totals = self.totals();
        let needed = self.settings.scenario != Scenario::Conns || totals.connected == 0;
        if !connected || gone || (totals.failed > 0 && needed) {
            let findings = self.close()?;
            let failure = findings.into_iter().flat_map(|findings| findings.failures).next();
            return Err(match failure {
                Some(source) if connected => RunError::Connect {
                    failed: totals.failed,
                    wanted: self.settings.connections(),
                    url: self.settings.url(),
                    source: Box::new(source),
                },
                _ => RunError::Interrupted,
            });
        }

        if self.server.is_some() {
            let rested = self.clock.now() + REST.as_nanos() as u64;
            self.watch(Phase::Holding, Some(rested), |_| false).await;
        }
        let memory_after = self.server.as_ref().and_then(Watched::resident);
        let mut outcome = match self.settings.scenario {
            Scenario::Conns => self.hold().await?,
            _ => self.send(wiring).await?,
        };
        outcome.interrupted = self.interrupted;
        outcome.connecting = outcome.connecting.saturating_sub(began);
        outcome.server_memory = memory_before.zip(memory_after);
        Ok(outcome)
    }

    /// Nothing is sent but pings.
    async fn hold(&mut self) -> Result<Outcome, RunError> {
        let from = self.clock.now();
        let to = from + self.settings.duration.as_nanos() as u64;
        self.record_from(from);
        let machine = self.start_measuring();
        self.watch(Phase::Holding, Some(to), |_| false).await;
        let mut outcome = self.measured(machine, self.clock.now() - from);
        self.end_of_record(&mut outcome);
        let findings = self.close()?;
        Ok(gather(outcome, findings).0)
    }

    async fn send(&mut self, wiring: &Wiring) -> Result<Outcome, RunError> {
        let ns = |duration: Duration| duration.as_nanos() as u64;
        // A moment ahead, so that no worker starts late.
        let start = self.clock.now() + ns(Duration::from_millis(50));
        let from = start + ns(self.settings.warmup);
        let window = Window { from, to: from + ns(self.settings.duration) };
        self.command.send_replace(Command::Send { start, window });

        self.record_from(start);
        let mut going = self.watch(Phase::WarmingUp, Some(from), |_| false).await;
        let machine = self.start_measuring();
        if going {
            going = self.watch(Phase::Running, Some(window.to), |_| false).await;
        }
        let stopped = self.clock.now().min(window.to);
        let mut outcome = self.measured(machine, stopped.saturating_sub(from));
        if !going {
            self.command.send_replace(Command::Halt);
        }
        outcome.draining = self.drain().await;
        self.end_of_record(&mut outcome);
        let sending = (stopped.saturating_sub(start) / timeline::SECOND) as usize;
        outcome.seconds = outcome.timeline.iter().take(sending).map(|second| second.delivered).collect();

        let findings = self.close()?;
        let (mut outcome, mut findings) = gather(outcome, findings);
        let mut outboxes = vec![Outbox::default(); wiring.streams.len()];
        for (stream, outbox) in findings.iter_mut().flat_map(|findings| findings.outboxes.drain(..)) {
            outboxes[stream as usize] = outbox;
        }
        let topic = |stream: usize| wiring.topics[wiring.streams[stream] as usize].as_str();
        let numbered = outboxes.into_iter().enumerate();
        let streams: Vec<_> =
            numbered.map(|(number, outbox)| Stream { topic: topic(number), qos: self.settings.qos, outbox }).collect();
        outcome.audit = Some(settle(&streams, findings.iter().flat_map(|findings| &findings.inboxes)));
        Ok(outcome)
    }

    /// Waits for what is owed; returns the ns from the end of sending to the last arrival.
    async fn drain(&mut self) -> u64 {
        let began = self.clock.now();
        let qos = self.settings.qos;
        let until = began + LONGEST_DRAIN.as_nanos() as u64;
        let clock = self.clock;
        let (mut last, mut moved) = (Totals::default(), began);
        // An interrupted run drains briefly: the user waits.
        let quiet = self.settings.drain_quiet.min(if self.interrupted { REST } else { LONGEST_DRAIN }).as_nanos() as u64;
        self.watch(Phase::Draining, Some(until), |totals| {
            let now = clock.now();
            if (totals.delivered, totals.acknowledged) != (last.delivered, last.acknowledged) {
                (last, moved) = (*totals, now);
            }
            totals.settled(qos) || now - moved > quiet
        })
        .await;
        moved - began
    }

    fn record_from(&mut self, start: u64) {
        let totals = self.totals();
        self.recorder = Some(Recorder::new(start, totals, &mut self.generator, &mut self.server));
    }

    fn end_of_record(&mut self, outcome: &mut Outcome) {
        outcome.totals = self.totals();
        if let Some(recorder) = self.recorder.take() {
            outcome.timeline = recorder.finish(&outcome.totals, &mut self.generator, &mut self.server);
        }
    }

    fn start_measuring(&mut self) -> Machine {
        self.generator.start();
        if let Some(server) = &mut self.server {
            server.start();
        }
        Machine::look()
    }

    fn measured(&mut self, machine: Machine, window: u64) -> Outcome {
        let mut outcome = Outcome::empty(self.interrupted, window);
        outcome.generator = self.generator.used().unwrap_or_default();
        outcome.server = self.server.as_mut().and_then(Watched::used);
        let server = outcome.server.as_ref().map_or(0.0, |server| server.cores);
        outcome.machine = machine.used(outcome.generator.cores + server);
        outcome
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

fn gather(mut outcome: Outcome, findings: Vec<Findings>) -> (Outcome, Vec<Findings>) {
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
    (outcome, findings)
}
