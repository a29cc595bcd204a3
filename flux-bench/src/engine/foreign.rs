//! The same load made by the rumqttc client: an independent check of ours. It sends by the same schedule, stamps the same
//! payloads and keeps the same books; what differs is who speaks MQTT.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, NetworkOptions, Outgoing, QoS, SubscribeReasonCode};
use rumqttc::{SubscribeFilter, TlsConfiguration, Transport as Carrier};
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_local};

use crate::plan::server::{Server, Transport};

use super::connect::{ConnectError, ConnectFailure};
use super::connection::Bench;
use super::live::add;
use super::orders::{Command, Findings, Orders, REASONS_KEPT};
use super::peer::Peer;
use super::roster::{Client, Roster};
use super::schedule::{Scheduled, release_on_time};
use super::tally::Window;

/// Messages between a publisher and its client's loop: what waits there is on its way, and should not be long.
const REQUESTS: usize = 8;

/// The largest MQTT packet.
const PACKET_BYTES: usize = 268_435_455;

const PATIENCE: Duration = Duration::from_secs(30);
const FAREWELL: Duration = Duration::from_secs(3);

/// A client with its connection.
struct Member {
    client: Client,
    handle: AsyncClient,
    peer: Rc<RefCell<Peer>>,
    /// There may be something to send.
    wake: Rc<Notify>,
    events: JoinHandle<()>,
    sender: Option<JoinHandle<()>>,
}

/// What the schedule releases.
struct Turn {
    peer: Rc<RefCell<Peer>>,
    wake: Rc<Notify>,
}

impl Scheduled for Turn {
    fn next_due(&self) -> Option<u64> {
        self.peer.borrow().dues.next_due()
    }

    fn release(&self) -> u64 {
        self.wake.notify_one();
        self.peer.borrow_mut().dues.release()
    }
}

struct Worker {
    roster: Roster,
    bench: Rc<Bench>,
    members: Vec<Member>,
    failures: Vec<ConnectError>,
}

/// Runs one worker on this thread until it is told to close.
pub fn work(orders: Orders) -> io::Result<Findings> {
    let runtime = Builder::new_current_thread().enable_all().event_interval(13).build_local(Default::default())?;
    runtime.block_on(async {
        let Orders { worker, settings, wiring, run, sources, clock, live, mut command, .. } = orders;
        let bench = Bench {
            clock,
            protocol: settings.login.protocol,
            live,
            tally: RefCell::default(),
            // Its clients have buffers of their own.
            buffer: RefCell::default(),
        };
        bench.tally.borrow_mut().flaw = settings.flaw;
        let roster = Roster::new(worker, settings, wiring, run, sources);
        let mut worker = Worker { roster, bench: Rc::new(bench), members: vec![], failures: vec![] };
        for client in worker.roster.first() {
            if *command.borrow() != Command::Connect || !Box::pin(worker.join(client)).await {
                break;
            }
        }
        let ready_at = worker.bench.clock.now();
        worker.bench.live.ready.store(true, Relaxed);
        let mut ticker: Option<JoinHandle<io::Result<()>>> = None;
        loop {
            let now = *command.borrow_and_update();
            match now {
                Command::Send { start, window } => {
                    ticker = worker.begin(start, window);
                    worker.bench.live.begin(usize::from(ticker.is_some()));
                }
                Command::Halt => {
                    ticker.take().iter().for_each(JoinHandle::abort);
                    worker.members.iter().for_each(|member| member.peer.borrow_mut().dues.halt());
                    worker.bench.live.begin(0);
                }
                Command::Close => break,
                // The scenarios it runs have nothing else.
                Command::Connect | Command::Fill | Command::Scatter | Command::Gather { .. } => {}
            }
            add(&worker.bench.live.obeyed, 1);
            if command.changed().await.is_err() {
                break;
            }
        }
        if let Some(ticker) = ticker.filter(JoinHandle::is_finished) {
            ticker.await.map_err(io::Error::other)??;
        }
        Ok(worker.close(ready_at).await)
    })
}

impl Worker {
    /// False when it could not be opened: in what it runs every client is needed.
    async fn join(&mut self, client: Client) -> bool {
        let started = self.bench.clock.now();
        let (handle, mut events) = AsyncClient::new(self.options(client), REQUESTS);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        let opened = tokio::time::timeout(PATIENCE, self.open(client, &handle, &mut events, started)).await;
        if let Err(failure) = opened.unwrap_or(Err(ConnectFailure::Silent("connecting"))) {
            add(&self.bench.live.failed, 1);
            self.failures.push(ConnectError { client_id: self.roster.id(client), failure });
            return false;
        }
        add(&self.bench.live.connected, 1);
        let (peer, wake) = (Rc::new(RefCell::new(Peer::new(&self.roster, client))), Rc::new(Notify::new()));
        let events = spawn_local(listen(events, Rc::clone(&peer), Rc::clone(&self.bench)));
        let publishes = self.roster.sender(client).is_some();
        let send = || send(handle.clone(), Rc::clone(&peer), Rc::clone(&wake), Rc::clone(&self.bench));
        let sender = publishes.then(|| spawn_local(send()));
        self.members.push(Member { client, handle, peer, wake, events, sender });
        true
    }

    fn options(&self, client: Client) -> MqttOptions {
        let settings = &self.roster.settings;
        let server = self.roster.server(client);
        let (host, carrier) = carrier(server);
        let mut options = MqttOptions::new(self.roster.id(client), host, server.address.port());
        options.set_transport(carrier).set_clean_session(true).set_inflight(settings.inflight);
        options.set_keep_alive(Duration::from_secs(settings.login.keep_alive.into()));
        options.set_max_packet_size(PACKET_BYTES, PACKET_BYTES);
        if let Some(username) = &settings.login.username {
            options.set_credentials(username, settings.login.password.clone().unwrap_or_default());
        }
        options
    }

    async fn open(
        &self,
        client: Client,
        handle: &AsyncClient,
        events: &mut EventLoop,
        started: u64,
    ) -> Result<(), ConnectFailure> {
        let failed = |error: &dyn std::fmt::Display| ConnectFailure::Socket(error.to_string());
        // A refusal is an error of the loop.
        while !matches!(events.poll().await.map_err(|error| failed(&error))?, Event::Incoming(Incoming::ConnAck(_))) {}
        self.bench.tally.borrow_mut().connect.record(self.bench.clock.now() - started);
        let Some(receiver) = self.roster.receiver(client) else { return Ok(()) };
        let filters = receiver.filters.iter().map(|filter| SubscribeFilter::new(filter.clone(), level(receiver.qos)));
        handle.subscribe_many(filters).await.map_err(|error| failed(&error))?;
        loop {
            if let Event::Incoming(Incoming::SubAck(ack)) = events.poll().await.map_err(|error| failed(&error))? {
                let granted = |code: &SubscribeReasonCode| *code == SubscribeReasonCode::Success(level(receiver.qos));
                return match ack.return_codes.iter().all(granted) {
                    true => Ok(()),
                    false => Err(failed(&"the server refused a subscription, or granted a lower QoS")),
                };
            }
        }
    }

    fn begin(&self, start: u64, window: Window) -> Option<JoinHandle<io::Result<()>>> {
        let settings = &self.roster.settings;
        self.bench.tally.borrow_mut().begin(start, window, settings.load.is_paced());
        let Some(pace) = settings.load.pace(start, window.to) else {
            for member in &self.members {
                member.peer.borrow_mut().dues.flood(window.to);
                member.wake.notify_one();
            }
            return None;
        };
        let mut turns = vec![];
        for member in &self.members {
            if let Some((pace, arrivals, share)) = self.roster.schedule(member.client, pace) {
                member.peer.borrow_mut().dues.follow(pace, arrivals, share);
                turns.push(Turn { peer: Rc::clone(&member.peer), wake: Rc::clone(&member.wake) });
            }
        }
        Some(spawn_local(release_on_time(turns, settings.arrival, Rc::clone(&self.bench))))
    }

    async fn close(mut self, ready_at: u64) -> Findings {
        let mut ends = vec![];
        for member in &mut self.members {
            member.sender.take().iter().for_each(JoinHandle::abort);
            member.peer.borrow_mut().closing = true;
            let _ = member.handle.try_disconnect();
            ends.push(&mut member.events);
        }
        let all = async {
            for end in ends {
                // A task that panicked has told its story on stderr.
                let _ = end.await;
            }
        };
        // Who has not left by now is cut off with the runtime.
        let _: Result<(), _> = tokio::time::timeout(FAREWELL, all).await;
        self.bench.tally.borrow_mut().close();
        let mut findings = Findings { tally: self.bench.tally.take(), failures: self.failures, ready_at, ..Default::default() };
        for member in self.members {
            let mut peer = member.peer.borrow_mut();
            findings.outboxes.extend(peer.outboxes());
            findings.inboxes.extend(peer.take_inbox());
            findings.losses.extend(peer.lost.take().filter(|_| findings.losses.len() < REASONS_KEPT));
        }
        findings
    }
}

/// Takes what arrives until the connection ends.
async fn listen(mut events: EventLoop, peer: Rc<RefCell<Peer>>, bench: Rc<Bench>) {
    loop {
        let event = events.poll().await;
        let mut peer = peer.borrow_mut();
        match event {
            Ok(Event::Incoming(Incoming::Publish(publish))) => peer.receive(&publish.topic, &publish.payload, &bench),
            Ok(Event::Incoming(Incoming::PubAck(ack))) => peer.acknowledge(ack.pkid, &bench),
            Ok(Event::Incoming(Incoming::PubRec(ack))) => peer.acknowledge(ack.pkid, &bench),
            Ok(Event::Outgoing(Outgoing::Publish(packet_id))) => peer.left(packet_id),
            Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
            Ok(_) => {}
            Err(error) => {
                if !peer.closing {
                    peer.lost = Some(error.to_string());
                    add(&bench.live.lost, 1);
                }
                return;
            }
        }
    }
}

/// Hands over what is due, in order.
async fn send(handle: AsyncClient, peer: Rc<RefCell<Peer>>, wake: Rc<Notify>, bench: Rc<Bench>) {
    loop {
        let next = peer.borrow_mut().next(&bench);
        match next {
            None => wake.notified().await,
            Some(message) => {
                let sent = handle.publish(message.topic, level(message.qos), message.retain, message.payload).await;
                if sent.is_err() {
                    return;
                }
            }
        }
    }
}

fn carrier(server: &Server) -> (String, Carrier) {
    let config = |tls: &crate::plan::server::Tls| TlsConfiguration::Rustls(tls.config.clone());
    match &server.transport {
        Transport::Tcp => (server.address.ip().to_string(), Carrier::tcp()),
        Transport::Tls(tls) => (tls.name.to_str().into_owned(), Carrier::tls_with_config(config(tls))),
        Transport::WebSocket(url) => (url.clone(), Carrier::ws()),
        Transport::SecureWebSocket(tls, url) => (url.clone(), Carrier::wss_with_config(config(tls))),
    }
}

fn level(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}
