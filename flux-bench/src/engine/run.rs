use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::plan::limits::{self, LimitError};
use crate::plan::settings::{Driver, Scenario, Settings};
use crate::plan::wiring::Wiring;
use crate::watch::process::{Process, Watched};
use crate::watch::servers::{Servers, WatchError};

use super::connect::ConnectError;
use super::foreign;
use super::live::{Live, Totals};
use super::orders::{Command, Findings, Orders};
use super::outcome::Outcome;
use super::recorder::Recorder;
use super::worker::work;

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long an idle server may take to come to rest before its memory is read.
pub(super) const REST: Duration = Duration::from_millis(500);

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Connecting,
    Holding,
    WarmingUp,
    Running,
    /// What will be fetched is being stored.
    Filling,
    /// Clients come (back) and fetch what waits for them.
    Recovering,
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
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error("stopped before the load began")]
    Interrupted,
    #[error("the generator failed")]
    Generator(#[from] io::Error),
}

pub(super) struct Run<'a, I> {
    pub(super) settings: Arc<Settings>,
    pub(super) clock: Clock,
    lives: Vec<Arc<Live>>,
    command: watch::Sender<Command>,
    /// Commands given so far.
    given: u64,
    threads: Vec<JoinHandle<io::Result<Findings>>>,
    pub(super) observer: &'a mut dyn Observer,
    interrupt: std::pin::Pin<&'a mut I>,
    pub(super) interrupted: bool,
    pub(super) servers: Servers,
    pub(super) generator: Watched,
    /// From when sending or holding begins.
    pub(super) recorder: Option<Recorder>,
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
    let servers = Servers::begin(&settings.watched).await?;
    let memory_before = servers.resident().await;
    let began = clock.now();

    let work = match settings.driver {
        Driver::Flux => work,
        Driver::Rumqttc => foreign::work,
    };
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
        given: 1,
        threads,
        observer,
        interrupt,
        interrupted: false,
        servers,
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
    pub(super) fn totals(&self) -> Totals {
        Totals::of(self.lives.iter().map(|live| &**live))
    }

    /// Waits until `done` or the time `until` (ns), telling the observer; false when interrupted.
    pub(super) async fn watch(&mut self, phase: Phase, until: Option<u64>, mut done: impl FnMut(&Totals) -> bool) -> bool {
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

    /// Tells all workers. A command that follows before they have heard takes its place.
    pub(super) fn tell(&mut self, command: Command) {
        self.command.send_replace(command);
        self.given += 1;
    }

    /// Tells all workers and waits until they have done it.
    pub(super) async fn tell_and_wait(&mut self, command: Command, phase: Phase) -> bool {
        self.tell(command);
        let given = self.given;
        self.watch(phase, None, |totals| totals.obeyed >= given).await
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

        if !self.servers.is_empty() {
            let rested = self.clock.now() + REST.as_nanos() as u64;
            self.watch(Phase::Holding, Some(rested), |_| false).await;
        }
        let memory_after = self.servers.resident().await;
        let mut outcome = match self.settings.scenario {
            Scenario::Conns => self.hold().await?,
            scenario if scenario.recovers() => self.recover(wiring).await?,
            _ => self.send(wiring).await?,
        };
        outcome.interrupted = self.interrupted;
        outcome.connecting = outcome.connecting.saturating_sub(began);
        outcome.unwatched = self.servers.unwatched();
        outcome.server_memory = memory_before.zip(memory_after);
        Ok(outcome)
    }

    pub(super) fn close(&mut self) -> Result<Vec<Findings>, RunError> {
        let totals = self.totals();
        self.observer.observe(Phase::Closing, &totals, None);
        self.tell(Command::Close);
        let mut findings = vec![];
        for thread in self.threads.drain(..) {
            findings.push(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(findings)
    }
}
