use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::Clock;
use crate::watch::machine::{Machine, MachineUse};
use crate::watch::process::{Process, ProcessUse, Watched};
use crate::watch::servers::{Servers, Subject, WatchError};

use super::live::{Live, Totals};
use super::recorder::Recorder;
use super::timeline::{self, Second};

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long an idle server may take to come to rest before its memory is read.
pub const REST: Duration = Duration::from_millis(500);

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

/// Looks on while workers work, whatever they speak: tells the observer, hears the user's interrupt, watches the processes.
pub struct Supervisor<'a, I> {
    pub clock: Clock,
    pub interrupted: bool,
    lives: Vec<Arc<Live>>,
    observer: &'a mut dyn Observer,
    interrupt: Pin<&'a mut I>,
    servers: Servers,
    /// Before the first connection, bytes.
    memory_before: Option<u64>,
    generator: Watched,
    /// From when sending or holding begins.
    recorder: Option<Recorder>,
}

/// What was seen of a run second by second, and what the server's processes used over its window.
pub struct Record {
    pub timeline: Vec<Second>,
    pub servers: Vec<ProcessUse>,
    /// Those of which it is not known what they used, and why.
    pub unknown_servers: Vec<String>,
}

impl<'a, I: Future<Output = ()>> Supervisor<'a, I> {
    /// Before the workers begin.
    pub async fn begin(
        workers: usize,
        watched: &[Subject],
        observer: &'a mut dyn Observer,
        interrupt: Pin<&'a mut I>,
    ) -> Result<Self, WatchError> {
        let servers = Servers::begin(watched).await?;
        Ok(Self {
            clock: Clock::start(),
            interrupted: false,
            lives: (0..workers).map(|_| Arc::default()).collect(),
            observer,
            interrupt,
            memory_before: servers.resident().await,
            servers,
            generator: Watched::new(Process::of(std::process::id())),
            recorder: None,
        })
    }

    /// What the workers count, one for each.
    pub fn lives(&self) -> impl Iterator<Item = &Arc<Live>> {
        self.lives.iter()
    }

    pub fn totals(&self) -> Totals {
        Totals::of(self.lives.iter().map(|live| &**live))
    }

    /// Waits until `done` or the time `until` (ns), telling the observer; false when interrupted.
    pub async fn watch(&mut self, phase: Phase, until: Option<u64>, mut done: impl FnMut(&Totals) -> bool) -> bool {
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

    /// Waits until every worker has tried all of its connections; false when interrupted, or when a worker has ended.
    pub async fn all_ready<T>(&mut self, threads: &[JoinHandle<T>]) -> bool {
        let (workers, mut gone) = (self.lives.len(), false);
        let heard = self.watch(Phase::Connecting, None, |totals| {
            gone = threads.iter().any(JoinHandle::is_finished);
            gone || totals.workers_ready == workers
        });
        heard.await && !gone
    }

    /// The server's memory before the first connection and now, after a rest: with all connections open and idle, bytes.
    pub async fn memory(&mut self) -> Option<(u64, u64)> {
        if !self.servers.is_empty() {
            let rested = self.clock.now() + REST.as_nanos() as u64;
            self.watch(Phase::Holding, Some(rested), |_| false).await;
        }
        self.memory_before.zip(self.servers.resident().await)
    }

    /// From `start` (ns) on each second is kept.
    pub fn record_from(&mut self, start: u64) {
        let totals = self.totals();
        self.recorder = Some(Recorder::new(start, totals, &mut self.generator, &mut self.servers));
    }

    /// The window begins.
    pub fn start_measuring(&mut self) -> Machine {
        self.generator.start();
        self.servers.start();
        Machine::look()
    }

    /// The window ends: what the generator and the machine used in it.
    pub fn measured(&mut self, machine: &Machine) -> (ProcessUse, MachineUse) {
        let generator = self.generator.used().unwrap_or_default();
        let servers = self.servers.end();
        let machine = machine.used(generator.cores + servers);
        (generator, machine)
    }

    /// The last second ends, with these totals.
    pub async fn end_of_record(&mut self, totals: &Totals) -> Record {
        let recorder = self.recorder.take();
        let finish = |recorder: Recorder| recorder.finish(totals, &mut self.generator, &mut self.servers);
        let mut timeline = recorder.map(finish).unwrap_or_default();
        let used = self.servers.used().await;
        let (servers, unknown_servers) = timeline::known(&mut timeline, used);
        Record { timeline, servers, unknown_servers }
    }

    /// Nodes of the watched ones' clusters that were not watched.
    pub fn unwatched(&self) -> Vec<String> {
        self.servers.unwatched()
    }

    /// Waits for workers that have been told to close.
    pub fn join<T>(&mut self, threads: Vec<JoinHandle<io::Result<T>>>) -> io::Result<Vec<T>> {
        let totals = self.totals();
        self.observer.observe(Phase::Closing, &totals, None);
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    }
}

/// Differs from run to run, also with the same seed: what an earlier run left on the server must not be taken for ours.
pub fn run_number(seed: u64) -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mixed =
        (since.as_nanos() as u64 ^ seed.rotate_left(32) ^ u64::from(std::process::id())).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}
