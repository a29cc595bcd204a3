use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::plan::limits::{self, LimitError};
use crate::plan::settings::{Driver, Scenario, Settings};
use crate::plan::wiring::Wiring;
use crate::watch::servers::WatchError;

use super::connect::ConnectError;
use super::foreign;
use super::orders::{Command, Findings, Orders};
use super::outcome::Outcome;
use super::supervisor::{Observer, Phase, Supervisor, run_number};
use super::worker::work;

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
    pub(super) supervisor: Supervisor<'a, I>,
    command: watch::Sender<Command>,
    /// Commands given so far.
    given: u64,
    threads: Vec<JoinHandle<io::Result<Findings>>>,
}

/// Runs a plan to its end, or until `interrupt` resolves.
pub async fn run<I: Future<Output = ()>>(
    settings: Settings,
    observer: &mut dyn Observer,
    interrupt: I,
) -> Result<Outcome, RunError> {
    limits::raise_descriptors(settings.connections(), 1)?;
    let sources: Arc<[IpAddr]> = limits::source_addresses(&settings.bind, &settings.servers, settings.connections())?.into();
    let run = run_number(settings.seed);
    let settings = Arc::new(settings);
    let wiring = Arc::new(Wiring::new(&settings, run));
    let (command, commands) = watch::channel(Command::Connect);
    let interrupt = pin!(interrupt);
    let supervisor = Supervisor::begin(settings.workers, &settings.watched, observer, interrupt).await?;
    let clock = supervisor.clock;
    let began = clock.now();

    let work = match settings.driver {
        Driver::Flux => work,
        Driver::Rumqttc => foreign::work,
    };
    let mut threads = vec![];
    for (worker, live) in supervisor.lives().enumerate() {
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
    Run { settings, supervisor, command, given: 1, threads }.connect(&wiring, began).await
}

impl<I: Future<Output = ()>> Run<'_, I> {
    /// Tells all workers. A command that follows before they have heard takes its place.
    pub(super) fn tell(&mut self, command: Command) {
        self.command.send_replace(command);
        self.given += 1;
    }

    /// Tells all workers and waits until they have done it.
    pub(super) async fn tell_and_wait(&mut self, command: Command, phase: Phase) -> bool {
        self.tell(command);
        let given = self.given;
        self.supervisor.watch(phase, None, |totals| totals.obeyed >= given).await
    }

    async fn connect(&mut self, wiring: &Wiring, began: u64) -> Result<Outcome, RunError> {
        let ready = self.supervisor.all_ready(&self.threads).await;
        let totals = self.supervisor.totals();
        let needed = self.settings.scenario != Scenario::Conns || totals.connected == 0;
        if !ready || (totals.failed > 0 && needed) {
            let findings = self.close()?;
            let failure = findings.into_iter().flat_map(|findings| findings.failures).next();
            return Err(match failure {
                Some(source) if !self.supervisor.interrupted => RunError::Connect {
                    failed: totals.failed,
                    wanted: self.settings.connections(),
                    url: self.settings.url(),
                    source: Box::new(source),
                },
                _ => RunError::Interrupted,
            });
        }

        let memory = self.supervisor.memory().await;
        let mut outcome = match self.settings.scenario {
            Scenario::Conns => self.hold().await?,
            scenario if scenario.recovers() => self.recover(wiring).await?,
            _ => self.send(wiring).await?,
        };
        outcome.interrupted = self.supervisor.interrupted;
        outcome.connecting = outcome.connecting.saturating_sub(began);
        outcome.unwatched = self.supervisor.unwatched();
        outcome.server_memory = memory;
        Ok(outcome)
    }

    pub(super) fn close(&mut self) -> io::Result<Vec<Findings>> {
        self.tell(Command::Close);
        self.supervisor.join(std::mem::take(&mut self.threads))
    }
}
