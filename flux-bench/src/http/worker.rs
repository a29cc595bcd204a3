use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};

use crate::clock::Clock;
use crate::engine::alarm::Alarm;
use crate::engine::live::{Live, add};
use crate::engine::tally::{Tally, Window};

use super::answers::Answers;
use super::connection::{Bench, Open, drive, open};
use super::dial::Dialler;
use super::queue::Queue;
use super::requests::Requests;
use super::settings::Settings;

/// Connections that a worker opens at the same time.
const OPENING_AT_ONCE: usize = 64;

/// The shortest time between two looks at the schedule. Shorter would make the generator's wake-ups the load.
const TICK: Duration = Duration::from_micros(200);

/// Reasons of failed connections that are kept.
const REASONS_KEPT: usize = 5;

/// What a worker is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Connect,
    /// `start` is when the first request is due.
    Send {
        start: u64,
        window: Window,
    },
    /// No more new requests.
    Halt,
    Close,
}

pub struct Orders {
    pub worker: usize,
    pub settings: Arc<Settings>,
    pub dialler: Dialler,
    pub requests: Requests,
    pub clock: Clock,
    pub live: Arc<Live>,
    pub command: watch::Receiver<Command>,
}

/// What a worker has to tell when it is over.
#[derive(Debug, Default)]
pub struct Findings {
    pub tally: Tally,
    pub answers: Answers,
    pub events_in_window: u64,
    pub reopened: u64,
    pub failures: Vec<String>,
    pub losses: Vec<String>,
    /// When its last connection was open.
    pub ready_at: u64,
}

/// Runs one worker on this thread until it is told to close.
pub fn work(orders: Orders) -> io::Result<Findings> {
    // A look at the sockets after every dozen tasks keeps timers and small flows punctual beside large ones.
    let runtime = Builder::new_current_thread().enable_all().event_interval(13).build_local(Default::default())?;
    runtime.block_on(run(orders))
}

async fn run(orders: Orders) -> io::Result<Findings> {
    let Orders { worker, settings, dialler, requests, clock, live, mut command } = orders;
    let own = (settings.connections + settings.workers - 1 - worker) / settings.workers;
    let bench = Rc::new(Bench {
        clock,
        dialler,
        timeout: settings.timeout,
        live,
        tally: RefCell::default(),
        queue: RefCell::new(Queue::new(worker, settings.workers, own)),
        requests: RefCell::new(requests),
        answers: RefCell::default(),
        events_in_window: Cell::default(),
        reopened: Cell::default(),
        losses: RefCell::default(),
    });
    let (opened, failures) = connect_all(own, &bench).await;
    let ready_at = clock.now();
    let tasks: Vec<_> =
        opened.into_iter().enumerate().map(|(number, open)| spawn_local(drive(number, open, Rc::clone(&bench)))).collect();
    bench.live.ready.store(true, Relaxed);

    let mut schedule: Option<JoinHandle<io::Result<()>>> = None;
    loop {
        let now = *command.borrow_and_update();
        match now {
            Command::Connect => {}
            Command::Send { start, window } => {
                schedule = begin(&settings, start, window, &bench);
                bench.live.begin(usize::from(schedule.is_some()));
            }
            Command::Halt => {
                if let Some(schedule) = schedule.take() {
                    schedule.abort();
                }
                bench.queue.borrow_mut().halt();
                bench.live.begin(0);
            }
            Command::Close => break,
        }
        // The other end gone means the run was given up.
        if command.changed().await.is_err() {
            break;
        }
    }
    tasks.iter().for_each(JoinHandle::abort);
    if let Some(schedule) = schedule.filter(JoinHandle::is_finished) {
        schedule.await.map_err(io::Error::other)??;
    }
    bench.tally.borrow_mut().close();
    Ok(Findings {
        tally: bench.tally.take(),
        answers: bench.answers.take(),
        events_in_window: bench.events_in_window.get(),
        reopened: bench.reopened.get(),
        failures,
        losses: bench.losses.take(),
        ready_at,
    })
}

/// Opens `wanted` connections, some at a time; gives up at the first that fails.
async fn connect_all(wanted: usize, bench: &Rc<Bench>) -> (Vec<Open>, Vec<String>) {
    let started = Rc::new(Cell::new(0));
    let failures = Rc::new(RefCell::new(vec![]));
    let lane = || {
        let (bench, started, failures) = (Rc::clone(bench), Rc::clone(&started), Rc::clone(&failures));
        spawn_local(async move {
            let mut opened = vec![];
            while started.get() < wanted && failures.borrow().is_empty() {
                started.set(started.get() + 1);
                match open(&bench).await {
                    Ok(open) => opened.push(open),
                    Err(reason) => {
                        add(&bench.live.failed, 1);
                        if failures.borrow().len() < REASONS_KEPT {
                            failures.borrow_mut().push(reason);
                        }
                    }
                }
            }
            opened
        })
    };
    let lanes: Vec<_> = (0..OPENING_AT_ONCE.min(wanted)).map(|_| lane()).collect();
    let mut opened = vec![];
    for lane in lanes {
        opened.extend(lane.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
    }
    let failures = failures.take();
    (opened, failures)
}

fn begin(settings: &Settings, start: u64, window: Window, bench: &Rc<Bench>) -> Option<JoinHandle<io::Result<()>>> {
    bench.tally.borrow_mut().begin(start, window, settings.load.is_paced());
    match settings.load.pace(start, window.to) {
        None => {
            bench.queue.borrow_mut().flood(window.to);
            None
        }
        Some(pace) => {
            bench.queue.borrow_mut().follow(pace, pace.peak());
            Some(spawn_local(release_on_time(Rc::clone(bench))))
        }
    }
}

/// Releases each request when it is due.
async fn release_on_time(bench: Rc<Bench>) -> io::Result<()> {
    let alarm = Alarm::new()?;
    loop {
        let now = bench.clock.now();
        let (mut due, mut shed) = (0, 0);
        let next = {
            let (mut queue, mut tally) = (bench.queue.borrow_mut(), bench.tally.borrow_mut());
            loop {
                match queue.next_due() {
                    Some(at) if at <= now => {
                        shed += queue.release();
                        due += 1;
                        if tally.window.contains(at) {
                            tally.lag.record(now - at);
                        }
                    }
                    next => break next,
                }
            }
        };
        add(&bench.live.due, due);
        add(&bench.live.shed, shed);
        match next {
            Some(at) => alarm.sleep(Duration::from_nanos(at - now).max(TICK)).await?,
            None => {
                bench.queue.borrow_mut().last();
                bench.live.schedule_ended();
                return Ok(());
            }
        }
    }
}
