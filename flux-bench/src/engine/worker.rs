use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet, spawn_local};

use crate::plan::settings::Scenario;
use crate::wire::Protocol;
use crate::wire::control;

use super::connect::{ConnectError, Opening, open};
use super::connection::{Bench, Connection, Role};
use super::joining::Member;
use super::live::add;
use super::orders::{Command, Findings, Orders, REASONS_KEPT};
use super::publisher::Publisher;
use super::roster::{Client, Roster};
use super::schedule::release_on_time;
use super::tally::Window;

/// Seconds between two PINGREQ of a connection, well within the keep-alive.
const PING_EVERY: usize = 45;

/// How long the connections may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);

/// One thread's part of a run.
pub struct Worker {
    pub roster: Roster,
    pub bench: Rc<Bench>,
    pub command: watch::Receiver<Command>,
    /// When connecting began, ns.
    pub began: u64,
    pub members: RefCell<Vec<Rc<Member>>>,
    pub failures: RefCell<Vec<ConnectError>>,
    /// Clients that are away for a moment.
    pub leaving: RefCell<JoinSet<()>>,
}

/// What is under way while messages are sent.
#[derive(Default)]
struct Sending {
    tickers: Vec<JoinHandle<io::Result<()>>>,
    churn: Option<JoinHandle<()>>,
}

/// Runs one worker on this thread until it is told to close.
pub fn work(orders: Orders) -> io::Result<Findings> {
    // A look at the sockets after every dozen tasks keeps timers and small flows punctual beside large ones.
    let runtime = Builder::new_current_thread().enable_all().event_interval(13).build_local(Default::default())?;
    runtime.block_on(async {
        let Orders { worker, settings, wiring, run, sources, clock, began, live, command } = orders;
        let bench = Bench {
            clock,
            protocol: settings.login.protocol,
            live,
            tally: RefCell::default(),
            buffer: RefCell::new(vec![0; 262_144.max(2 * settings.size())]),
        };
        bench.tally.borrow_mut().flaw = settings.flaw;
        let worker = Rc::new(Worker {
            roster: Roster::new(worker, settings, wiring, run, sources),
            bench: Rc::new(bench),
            command,
            began,
            members: RefCell::default(),
            failures: RefCell::default(),
            leaving: RefCell::default(),
        });
        worker.run().await
    })
}

impl Worker {
    async fn run(self: Rc<Self>) -> io::Result<Findings> {
        self.connect_all().await;
        let ready_at = self.bench.clock.now();
        self.bench.live.ready.store(true, Relaxed);
        let pinger = spawn_local(Rc::clone(&self).ping());
        let mut gathering: Option<JoinHandle<()>> = None;
        let mut sending = Sending::default();
        let mut command = self.command.clone();
        loop {
            let now = *command.borrow_and_update();
            match now {
                Command::Connect => {}
                Command::Fill => self.fill(),
                Command::Scatter => self.scatter(),
                Command::Gather { at, recorded } => {
                    {
                        let mut tally = self.bench.tally.borrow_mut();
                        tally.begin(recorded, Window { from: at, to: u64::MAX }, true);
                        // What counts is how they come back.
                        tally.connect.clear();
                    }
                    let worker = Rc::clone(&self);
                    gathering = Some(spawn_local(async move { worker.gather(at).await }));
                }
                Command::Send { start, window } => {
                    sending = self.begin(start, window);
                    self.bench.live.begin(sending.tickers.len());
                }
                Command::Halt => {
                    sending.tickers.drain(..).for_each(|ticker| ticker.abort());
                    self.each_publisher(|_, publisher| publisher.dues.halt());
                    self.bench.live.begin(0);
                }
                Command::Close => break,
            }
            add(&self.bench.live.obeyed, 1);
            // The other end gone means the run was given up.
            if command.changed().await.is_err() {
                break;
            }
        }
        pinger.abort();
        for task in sending.churn.into_iter().chain(gathering) {
            task.abort();
        }
        self.leaving.borrow_mut().abort_all();
        for ticker in sending.tickers.into_iter().filter(JoinHandle::is_finished) {
            ticker.await.map_err(io::Error::other)??;
        }
        self.say_goodbye().await;
        Ok(self.findings(ready_at))
    }

    fn each_publisher(&self, mut act: impl FnMut(Client, &mut Publisher)) {
        for member in self.members.borrow().iter() {
            if let Some(publisher) = member.connection.borrow_mut().role.publisher() {
                act(member.client, publisher);
            }
        }
    }

    fn wake_all(&self) {
        self.members.borrow().iter().for_each(|member| member.connection.borrow().wake());
    }

    /// Everything that is stored before it is fetched: so many messages on every topic.
    fn fill(&self) {
        let settings = &self.roster.settings;
        let each = if settings.scenario == Scenario::Storm { settings.queued } else { 1 };
        self.each_publisher(|_, publisher| publisher.dues.fill(each * publisher.topics() as u64));
        self.wake_all();
    }

    fn begin(self: &Rc<Self>, start: u64, window: Window) -> Sending {
        let settings = &self.roster.settings;
        self.bench.tally.borrow_mut().begin(start, window, settings.load.is_paced());
        let mut sending = Sending::default();
        match settings.load.pace(start, window.to) {
            None => {
                self.each_publisher(|_, publisher| publisher.dues.flood(window.to));
                self.wake_all();
            }
            Some(pace) => {
                self.each_publisher(|client, publisher| {
                    if let Some((pace, arrivals, share)) = self.roster.schedule(client, pace) {
                        publisher.dues.follow(pace, arrivals, share);
                    }
                });
                // Commands to devices have a schedule of their own.
                for commands in [false, true] {
                    let senders: Vec<Rc<RefCell<Connection>>> = (self.members.borrow().iter())
                        .filter(|member| self.roster.sender(member.client).is_some_and(|sender| sender.commands == commands))
                        .map(|member| Rc::clone(&member.connection))
                        .collect();
                    if !senders.is_empty() {
                        sending.tickers.push(spawn_local(release_on_time(senders, settings.arrival, Rc::clone(&self.bench))));
                    }
                }
            }
        }
        if let Some(rate) = settings.churn {
            let rate = rate / settings.workers as f64;
            sending.churn = Some(spawn_local(Rc::clone(self).churn(start, window.to, rate)));
        }
        sending
    }

    async fn ping(self: Rc<Self>) {
        let mut interval = tokio::time::interval(Duration::from_secs(1));
        for turn in 0.. {
            interval.tick().await;
            for member in self.members.borrow().iter().skip(turn % PING_EVERY).step_by(PING_EVERY) {
                member.connection.borrow_mut().ping();
            }
        }
    }

    /// A DISCONNECT; `forget` ends a persistent session too.
    pub fn goodbye(&self, forget: bool) -> Vec<u8> {
        control::disconnect(self.bench.protocol, forget).to_vec()
    }

    async fn say_goodbye(&self) {
        let mut tasks = vec![];
        for member in self.members.borrow().iter() {
            member.connection.borrow_mut().close(&self.roster.farewell(member.client));
            tasks.extend(member.task.take());
        }
        let all = async {
            for task in tasks {
                // A task that panicked has told its story on stderr.
                let _ = task.await;
            }
        };
        // Who has not left by now is cut off with the runtime.
        let _: Result<(), _> = tokio::time::timeout(FAREWELL, all).await;
        let login = &self.roster.settings.login;
        if login.persistent && login.protocol == Protocol::V4 {
            self.forget_sessions().await;
        }
    }

    /// In version 3 only a clean session ends a persistent one.
    async fn forget_sessions(&self) {
        let mut login = self.roster.settings.login.clone();
        login.persistent = false;
        for client in self.roster.subscribers() {
            let client_id = self.roster.id(client);
            let opening = Opening {
                server: self.roster.server(client),
                source: None,
                login: &login,
                client_id: &client_id,
                filters: &[],
                qos: 0,
                subscribe_qos: 0,
                retain: false,
                largest: 0,
            };
            if Box::pin(open(opening, self.bench.clock)).await.is_err() {
                return;
            }
        }
    }

    fn findings(&self, ready_at: u64) -> Findings {
        self.bench.tally.borrow_mut().close();
        let mut findings =
            Findings { tally: self.bench.tally.take(), failures: self.failures.take(), ready_at, ..Default::default() };
        for member in self.members.borrow().iter() {
            let mut connection = member.connection.borrow_mut();
            if let Some(reason) = connection.lost.take()
                && findings.losses.len() < REASONS_KEPT
            {
                findings.losses.push(reason);
            }
            let (publisher, subscriber) = match std::mem::replace(&mut connection.role, Role::Idle) {
                Role::Idle => (None, None),
                Role::Publisher(publisher) => (Some(publisher), None),
                Role::Subscriber(subscriber) => (None, Some(subscriber)),
                Role::Device(both) => (Some(both.0), Some(both.1)),
            };
            findings.outboxes.extend(publisher.iter().flat_map(Publisher::outboxes));
            findings.inboxes.extend(subscriber.and_then(|subscriber| subscriber.into_inbox()));
        }
        findings.inboxes.extend(self.roster.take_groups());
        findings
    }
}
