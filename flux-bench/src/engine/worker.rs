use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};

use crate::audit::ledger::Inbox;
use crate::audit::settle::Outbox;
use crate::clock::Clock;
use crate::load::pace::Pace;
use crate::plan::server::Server;
use crate::plan::settings::{Load, Scenario, Settings};
use crate::plan::wiring::Wiring;
use crate::wire::Protocol;
use crate::wire::template::PublishTemplate;

use super::connect::{ConnectError, Opened, Opening, open};
use super::connection::{Bench, Connection, Role, drive};
use super::live::{Live, add};
use super::publisher::{Outgoing, Publisher};
use super::schedule::release_on_time;
use super::subscriber::Subscriber;
use super::tally::{Tally, Window};

/// Handshakes under way at once, over all workers: below the smallest listen backlog in use (mosquitto's 100), because a
/// connection beyond it waits a second for its SYN to be repeated.
const CONNECTING_AT_ONCE: usize = 64;

/// Seconds between two PINGREQ of a connection, well within the keep-alive.
const PING_EVERY: usize = 45;

/// How long the connections may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);

/// How many reasons are kept of connections that failed or were lost.
const REASONS_KEPT: usize = 10;

/// What all workers are told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    Connect,
    /// Send from `start` until the window ends.
    Send {
        start: u64,
        window: Window,
    },
    /// Send nothing more.
    Halt,
    Close,
}

/// What a worker is given.
#[derive(Debug, Clone)]
pub struct Orders {
    /// Its number.
    pub worker: usize,
    pub settings: Arc<Settings>,
    pub wiring: Arc<Wiring>,
    pub run: u32,
    pub sources: Arc<[IpAddr]>,
    pub clock: Clock,
    /// When connecting began, ns.
    pub began: u64,
    pub live: Arc<Live>,
    pub command: watch::Receiver<Command>,
}

/// What a worker brings back.
#[derive(Debug, Default)]
pub struct Findings {
    pub tally: Tally,
    pub outboxes: Vec<(u32, Outbox)>,
    pub inboxes: Vec<Inbox>,
    pub failures: Vec<ConnectError>,
    pub losses: Vec<String>,
    /// When its last connection was open, ns.
    pub ready_at: u64,
}

#[derive(Debug, Clone, Copy)]
enum Client {
    Idle(usize),
    Publisher(usize),
    Subscriber(usize),
}

struct Worker {
    orders: Orders,
    bench: Rc<Bench>,
    connections: RefCell<Vec<Rc<RefCell<Connection>>>>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
    failures: RefCell<Vec<ConnectError>>,
}

/// Runs one worker on this thread until it is told to close.
pub fn work(orders: Orders) -> io::Result<Findings> {
    // A look at the sockets after every dozen tasks keeps timers and small flows punctual beside large ones.
    let runtime = Builder::new_current_thread().enable_all().event_interval(13).build_local(Default::default())?;
    runtime.block_on(async {
        let bench = Bench {
            clock: orders.clock,
            protocol: orders.settings.login.protocol,
            live: Arc::clone(&orders.live),
            tally: RefCell::default(),
            buffer: RefCell::new(vec![0; 262_144.max(2 * orders.settings.size)]),
        };
        let worker = Rc::new(Worker {
            orders,
            bench: Rc::new(bench),
            connections: RefCell::default(),
            tasks: RefCell::default(),
            failures: RefCell::default(),
        });
        worker.run().await
    })
}

impl Worker {
    async fn run(self: Rc<Self>) -> io::Result<Findings> {
        Rc::clone(&self).connect_all().await;
        let ready_at = self.bench.clock.now();
        self.bench.live.ready.store(true, Relaxed);
        let pinger = spawn_local(Rc::clone(&self).ping());
        let mut ticker: Option<JoinHandle<io::Result<()>>> = None;
        let mut command = self.orders.command.clone();
        loop {
            let now = *command.borrow_and_update();
            match now {
                Command::Connect => {}
                Command::Send { start, window } => ticker = self.begin(start, window),
                Command::Halt => {
                    if let Some(ticker) = ticker.take() {
                        ticker.abort();
                    }
                    self.each_publisher(|publisher| publisher.halt());
                }
                Command::Close => break,
            }
            // The other end gone means the run was given up.
            if command.changed().await.is_err() {
                break;
            }
        }
        pinger.abort();
        if let Some(ticker) = ticker.filter(|ticker| ticker.is_finished()) {
            ticker.await.map_err(io::Error::other)??;
        }
        self.say_goodbye().await;
        Ok(self.findings(ready_at))
    }

    async fn connect_all(self: Rc<Self>) {
        let settings = &self.orders.settings;
        let own = |count: usize| (0..count).skip(self.orders.worker).step_by(settings.workers);
        // Subscribers first: they are the ones who must not miss anything.
        let clients: Vec<Client> = (own(settings.subscribers).map(Client::Subscriber))
            .chain(own(settings.publishers).map(Client::Publisher))
            .chain(own(settings.idle).map(Client::Idle))
            .collect();
        let clients = Rc::new(clients);
        let next = Rc::new(Cell::new(0));
        let lanes = (CONNECTING_AT_ONCE / settings.workers).clamp(1, clients.len().max(1));
        let lanes: Vec<_> =
            (0..lanes).map(|_| spawn_local(Rc::clone(&self).connect_some(Rc::clone(&clients), Rc::clone(&next)))).collect();
        for lane in lanes {
            if let Err(error) = lane.await {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    async fn connect_some(self: Rc<Self>, clients: Rc<Vec<Client>>, next: Rc<Cell<usize>>) {
        let settings = &self.orders.settings;
        loop {
            let index = next.get();
            if index >= clients.len() || self.hopeless() || *self.orders.command.borrow() == Command::Close {
                return;
            }
            next.set(index + 1);
            if let Some(rate) = settings.connect_rate {
                let place = index * settings.workers + self.orders.worker;
                let due = self.orders.began + (place as f64 * 1e9 / rate) as u64;
                tokio::time::sleep(self.bench.clock.until(due)).await;
            }
            self.connect_one(clients[index], index).await;
        }
    }

    /// Connecting goes on when some of many fail, but not when none succeeds, nor where every client is needed.
    fn hopeless(&self) -> bool {
        let failed = self.bench.live.failed.load(Relaxed);
        let needed = self.orders.settings.scenario != Scenario::Conns;
        failed > 0 && (needed || (self.bench.live.connected.load(Relaxed) == 0 && failed >= CONNECTING_AT_ONCE as u64))
    }

    async fn connect_one(&self, client: Client, index: usize) {
        let (settings, wiring) = (&self.orders.settings, &self.orders.wiring);
        let run = self.orders.run;
        let (client_id, filters): (String, &[String]) = match client {
            Client::Idle(number) => (format!("fb{run:08x}i{number}"), &[]),
            Client::Publisher(number) => (format!("fb{run:08x}p{number}"), &[]),
            Client::Subscriber(number) => (format!("fb{run:08x}s{number}"), &wiring.subscribers[number].filters),
        };
        let mut login = settings.login.clone();
        login.persistent &= matches!(client, Client::Subscriber(_));
        let source = match self.orders.sources.len() {
            0 => None,
            count => Some(self.orders.sources[index % count]),
        };
        let largest = match client {
            Client::Publisher(_) => settings.size + 64,
            _ => 0,
        };
        let opening = Opening {
            server: self.server(client),
            source,
            login: &login,
            client_id: &client_id,
            filters,
            qos: if matches!(client, Client::Idle(_)) { 0 } else { settings.qos },
            largest,
        };
        match open(opening, self.bench.clock).await {
            Ok(opened) => self.keep(client, opened),
            Err(failure) => {
                add(&self.bench.live.failed, 1);
                let mut failures = self.failures.borrow_mut();
                if failures.len() < REASONS_KEPT {
                    failures.push(ConnectError { client_id, failure });
                }
            }
        }
    }

    /// Dealt out by number, so that a publisher and the subscriber of its pair share a server, or with --cross-node do not.
    fn server(&self, client: Client) -> &Server {
        let settings = &self.orders.settings;
        let place = match client {
            Client::Idle(number) | Client::Publisher(number) => number,
            Client::Subscriber(number) => number + usize::from(settings.cross_node),
        };
        &settings.servers[place % settings.servers.len()]
    }

    fn keep(&self, client: Client, opened: Opened) {
        add(&self.bench.live.connected, 1);
        self.bench.tally.borrow_mut().connect.record(opened.took);
        let role = match client {
            Client::Idle(_) => Role::Idle,
            Client::Publisher(number) => Role::Publisher(self.publisher(number, opened.granted.receive_maximum)),
            Client::Subscriber(number) => {
                let inbox = Inbox::new(format!("s{number}"), self.orders.wiring.subscribers[number].streams.clone());
                Role::Subscriber(Subscriber::new(self.orders.run, self.orders.settings.size, inbox))
            }
        };
        let connection = Rc::new(RefCell::new(Connection::new(role, &opened.leftover, &self.bench)));
        self.connections.borrow_mut().push(Rc::clone(&connection));
        self.tasks.borrow_mut().push(spawn_local(drive(connection, opened.stream, Rc::clone(&self.bench))));
    }

    fn publisher(&self, number: usize, receive_maximum: u16) -> Publisher {
        let (settings, wiring) = (&self.orders.settings, &self.orders.wiring);
        let topics = wiring.publishers[number].iter().map(|stream| {
            let topic = &wiring.topics[wiring.streams[*stream as usize] as usize];
            let seed = settings.seed.wrapping_add(u64::from(*stream)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let template = PublishTemplate::new(settings.login.protocol, topic, settings.qos, settings.size, seed);
            Outgoing { template, stream: *stream, owed: wiring.owed[*stream as usize], next: 0 }
        });
        let window = settings.inflight.min(receive_maximum);
        let share = (number as u64, settings.publishers as u64);
        Publisher::new(self.orders.run, share, topics.collect(), settings.qos, window)
    }

    fn each_publisher(&self, mut act: impl FnMut(&mut Publisher)) {
        for connection in self.connections.borrow().iter() {
            if let Role::Publisher(publisher) = &mut connection.borrow_mut().role {
                act(publisher);
            }
        }
    }

    fn begin(&self, start: u64, window: Window) -> Option<JoinHandle<io::Result<()>>> {
        {
            let paced = matches!(self.orders.settings.load, Load::Paced(_));
            self.bench.tally.borrow_mut().begin(start, window, paced);
        }
        match self.orders.settings.load {
            Load::Unpaced => {
                self.each_publisher(|publisher| publisher.flood(window.to));
                self.connections.borrow().iter().for_each(|connection| connection.borrow().wake());
                None
            }
            Load::Paced(rate) => {
                self.each_publisher(|publisher| publisher.follow(Pace::new(start, window.to, rate), rate));
                let is_publisher = |connection: &&Rc<RefCell<Connection>>| matches!(connection.borrow().role, Role::Publisher(_));
                let mut publishers: Vec<_> = self.connections.borrow().iter().filter(is_publisher).cloned().collect();
                publishers.sort_by_key(|connection| match &connection.borrow().role {
                    Role::Publisher(publisher) => publisher.next_due(),
                    _ => None,
                });
                Some(spawn_local(release_on_time(publishers, Rc::clone(&self.bench))))
            }
        }
    }

    async fn ping(self: Rc<Self>) {
        let mut interval = tokio::time::interval(Duration::from_secs(1));
        for turn in 0.. {
            interval.tick().await;
            for connection in self.connections.borrow().iter().skip(turn % PING_EVERY).step_by(PING_EVERY) {
                connection.borrow_mut().ping();
            }
        }
    }

    async fn say_goodbye(&self) {
        for connection in self.connections.borrow().iter() {
            connection.borrow_mut().close(self.bench.protocol);
        }
        let tasks = self.tasks.take();
        let all = async {
            for task in tasks {
                // A task that panicked has told its story on stderr.
                let _ = task.await;
            }
        };
        // Who has not left by now is cut off with the runtime.
        let _: Result<(), _> = tokio::time::timeout(FAREWELL, all).await;
        let settings = &self.orders.settings;
        if settings.login.persistent && settings.login.protocol == Protocol::V4 {
            self.forget_sessions().await;
        }
    }

    /// In version 3 only a clean session ends a persistent one.
    async fn forget_sessions(&self) {
        let settings = &self.orders.settings;
        let mut login = settings.login.clone();
        login.persistent = false;
        for number in (0..settings.subscribers).skip(self.orders.worker).step_by(settings.workers) {
            let client_id = format!("fb{:08x}s{number}", self.orders.run);
            let opening = Opening {
                server: self.server(Client::Subscriber(number)),
                source: None,
                login: &login,
                client_id: &client_id,
                filters: &[],
                qos: 0,
                largest: 0,
            };
            if open(opening, self.bench.clock).await.is_err() {
                return;
            }
        }
    }

    fn findings(&self, ready_at: u64) -> Findings {
        self.bench.tally.borrow_mut().close();
        let mut findings =
            Findings { tally: self.bench.tally.take(), failures: self.failures.take(), ready_at, ..Default::default() };
        for connection in self.connections.borrow().iter() {
            let mut connection = connection.borrow_mut();
            if let Some(reason) = connection.lost.take()
                && findings.losses.len() < REASONS_KEPT
            {
                findings.losses.push(reason);
            }
            match std::mem::replace(&mut connection.role, Role::Idle) {
                Role::Idle => {}
                Role::Publisher(publisher) => findings.outboxes.extend(publisher.outboxes()),
                Role::Subscriber(subscriber) => findings.inboxes.push(subscriber.into_inbox()),
            }
        }
        findings
    }
}
