use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_local};

use crate::plan::settings::Scenario;

use super::connect::{ConnectError, ConnectFailure, Opened, Opening, open};
use super::connection::{Connection, drive};
use super::live::add;
use super::orders::{Command, REASONS_KEPT};
use super::roster::Client;
use super::worker::Worker;

/// Handshakes under way at once, over all workers: below the smallest listen backlog in use (mosquitto's 100), because a
/// connection beyond it waits a second for its SYN to be repeated.
const CONNECTING_AT_ONCE: usize = 64;

/// In a storm as many at once as most servers' backlogs of 1,024 hold without dropping any.
const STORMING_AT_ONCE: usize = 512;

/// A client that cannot come back tries again after a while, as devices do, so often.
const AGAIN: Duration = Duration::from_millis(200);
const ATTEMPTS: usize = 100;

/// A client and its connection, which may be cut and opened again.
#[derive(Debug)]
pub struct Member {
    pub client: Client,
    pub connection: Rc<RefCell<Connection>>,
    pub task: RefCell<Option<JoinHandle<()>>>,
}

/// Someone who connects.
#[derive(Debug, Clone)]
enum Joiner {
    New(Client),
    Back(Rc<Member>),
}

impl Worker {
    /// Connects everyone who is there from the beginning.
    pub async fn connect_all(self: &Rc<Self>) {
        let joiners = self.roster.first().into_iter().map(Joiner::New).collect();
        self.join_all(joiners, CONNECTING_AT_ONCE, self.began).await;
    }

    /// Cuts every subscriber's connection, as a network that fails would.
    pub fn scatter(&self) {
        for member in self.members.borrow().iter().filter(|member| matches!(member.client, Client::Subscriber(_))) {
            if let Some(task) = member.task.take() {
                task.abort();
            }
            member.connection.borrow_mut().suspend();
        }
    }

    /// All subscribers come, or come back, at once.
    pub async fn gather(self: &Rc<Self>, at: u64) {
        let back: Vec<Joiner> = (self.members.borrow().iter())
            .filter(|member| matches!(member.client, Client::Subscriber(_)))
            .map(|member| Joiner::Back(Rc::clone(member)))
            .collect();
        let joiners = if back.is_empty() { self.roster.subscribers().into_iter().map(Joiner::New).collect() } else { back };
        self.join_all(joiners, STORMING_AT_ONCE, at).await;
    }

    async fn join_all(self: &Rc<Self>, joiners: Vec<Joiner>, at_once: usize, began: u64) {
        let lanes = (at_once / self.roster.settings.workers).clamp(1, joiners.len().max(1));
        let joiners = Rc::new(joiners);
        let next = Rc::new(Cell::new(0));
        let lane = |_| {
            let (worker, joiners, next) = (Rc::clone(self), Rc::clone(&joiners), Rc::clone(&next));
            spawn_local(async move { worker.join_some(&joiners, &next, began).await })
        };
        let lanes: Vec<_> = (0..lanes).map(lane).collect();
        for lane in lanes {
            if let Err(error) = lane.await {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    async fn join_some(&self, joiners: &[Joiner], next: &Cell<usize>, began: u64) {
        let settings = &self.roster.settings;
        loop {
            let index = next.get();
            let Some(joiner) = joiners.get(index) else { return };
            let hopeless = matches!(joiner, Joiner::New(_)) && self.hopeless();
            if hopeless || self.ends() {
                return;
            }
            next.set(index + 1);
            let due = match settings.connect_rate {
                Some(rate) => began + ((index * settings.workers + self.roster.worker) as f64 * 1e9 / rate) as u64,
                None => began,
            };
            let wait = self.bench.clock.until(due);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            match joiner {
                Joiner::New(client) => self.join(*client, index, began).await,
                Joiner::Back(member) => self.come_back(member, index, Some(began)).await,
            }
        }
    }

    fn ends(&self) -> bool {
        *self.command.borrow() == Command::Close
    }

    /// Connecting goes on when some of many fail, but not when none succeeds, nor where every client is needed.
    fn hopeless(&self) -> bool {
        let failed = self.bench.live.failed.load(Relaxed);
        let needed = self.roster.settings.scenario != Scenario::Conns;
        failed > 0 && (needed || (self.bench.live.connected.load(Relaxed) == 0 && failed >= CONNECTING_AT_ONCE as u64))
    }

    async fn join(&self, client: Client, index: usize, began: u64) {
        let filters = self.roster.receiver(client).map_or(&[][..], |receiver| &receiver.filters);
        let opened = match self.open(client, index, filters).await {
            Ok(opened) => opened,
            Err(failure) => return self.failed(client, failure),
        };
        let mut role = self.roster.role(client, opened.granted.receive_maximum);
        // Who reads what was stored before waits from its own SUBSCRIBE on.
        let late = self.roster.settings.scenario == Scenario::Retained && matches!(client, Client::Subscriber(_));
        if late {
            if let Some(subscriber) = role.subscriber() {
                subscriber.fetch_since(opened.subscribed_at.unwrap_or(began));
            }
            self.count_return();
        }
        add(&self.bench.live.connected, 1);
        let connection = Rc::new(RefCell::new(Connection::new(role, &opened.leftover, &self.bench)));
        let task = spawn_local(drive(Rc::clone(&connection), opened.stream, Rc::clone(&self.bench)));
        self.members.borrow_mut().push(Rc::new(Member { client, connection, task: RefCell::new(Some(task)) }));
    }

    /// Connects again, if need be in several attempts, and goes on. In a storm, what waited for it counts from `storm`, ns.
    async fn come_back(&self, member: &Member, index: usize, storm: Option<u64>) {
        let mut attempts = 1;
        let opened = loop {
            match self.open(member.client, index, &[]).await {
                Ok(opened) => break opened,
                Err(failure) if attempts == ATTEMPTS || self.ends() => return self.failed(member.client, failure),
                Err(_) => {
                    attempts += 1;
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        self.count_return();
        if self.roster.is_persistent(member.client) && !opened.granted.session_present {
            add(&self.bench.live.sessions_lost, 1);
        }
        let mut connection = member.connection.borrow_mut();
        if let (Some(storm), Some(subscriber)) = (storm, connection.role.subscriber()) {
            subscriber.fetch_since(storm);
        }
        connection.resume(&opened.leftover, &self.bench);
        drop(connection);
        let task = spawn_local(drive(Rc::clone(&member.connection), opened.stream, Rc::clone(&self.bench)));
        *member.task.borrow_mut() = Some(task);
    }

    fn count_return(&self) {
        add(&self.bench.live.returned, 1);
        self.bench.tally.borrow_mut().last_return = self.bench.clock.now();
    }

    async fn open(&self, client: Client, index: usize, filters: &[String]) -> Result<Opened, ConnectFailure> {
        let roster = &self.roster;
        let client_id = roster.id(client);
        let mut login = roster.settings.login.clone();
        login.persistent = roster.is_persistent(client);
        let publishes = roster.sender(client).is_some();
        let qos = match (roster.sender(client), roster.receiver(client)) {
            (None, None) => 0,
            (None, Some(receiver)) => receiver.qos,
            (Some(sender), receiver) => sender.mix.highest().max(receiver.map_or(0, |receiver| receiver.qos)),
        };
        let opening = Opening {
            server: roster.server(client),
            source: (!roster.sources.is_empty()).then(|| roster.sources[index % roster.sources.len()]),
            login: &login,
            client_id: &client_id,
            filters,
            qos,
            subscribe_qos: roster.receiver(client).map_or(0, |receiver| receiver.qos),
            retain: publishes && roster.settings.retain,
            largest: if publishes { roster.settings.size() + 64 } else { 0 },
        };
        let opened = Box::pin(open(opening, self.bench.clock)).await?;
        self.bench.tally.borrow_mut().connect.record(opened.took);
        Ok(opened)
    }

    fn failed(&self, client: Client, failure: ConnectFailure) {
        add(&self.bench.live.failed, 1);
        let mut failures = self.failures.borrow_mut();
        if failures.len() < REASONS_KEPT {
            failures.push(ConnectError { client_id: self.roster.id(client), failure });
        }
    }

    /// Lets clients leave and come back, `rate` of them a second, until `until` (ns).
    pub async fn churn(self: Rc<Self>, start: u64, until: u64, rate: f64) {
        let leaving: Vec<_> =
            self.members.borrow().iter().filter(|member| self.roster.may_leave(member.client)).cloned().collect();
        if leaving.is_empty() {
            return;
        }
        for turn in 0.. {
            let due = start + (turn as f64 * 1e9 / rate) as u64;
            if due >= until {
                return;
            }
            tokio::time::sleep(self.bench.clock.until(due)).await;
            let member = Rc::clone(&leaving[turn % leaving.len()]);
            // One that is still on its way has its turn the next time round; so as many are on their way as there are.
            let task = member.task.take();
            if let Some(task) = task {
                let worker = Rc::clone(&self);
                self.leaving.borrow_mut().spawn_local(async move { worker.leave_and_return(&member, turn, task).await });
            }
            while self.leaving.borrow_mut().try_join_next().is_some() {}
        }
    }

    async fn leave_and_return(&self, member: &Member, index: usize, task: JoinHandle<()>) {
        member.connection.borrow_mut().close(&self.goodbye(false));
        let aborter = task.abort_handle();
        if tokio::time::timeout(Duration::from_secs(3), task).await.is_err() {
            aborter.abort();
        }
        member.connection.borrow_mut().suspend();
        self.come_back(member, index, None).await;
    }
}
