//! Starts the parts of a node in order and stops them in reverse.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::cluster;
use super::cluster::Membership;
use super::settings;
use super::storage;
use super::storage::{Connected, open_store};
use crate::api;
use crate::api::{NodeState, Severity};
use crate::config::Config;
use crate::durable::DurableStore;
use crate::durable::StoreError;
use crate::hook::AllowAll;
use crate::http;
use crate::ingress;
use crate::ingress::Ingress;
use crate::lifecycle::Tasks;
use crate::mqtt;
use crate::mqtt::Transport;
use crate::redis::Redis;
use crate::redis::RedisError;
use crate::security::Users;
use crate::security::authenticator;
use crate::telemetry::Alarms;
use crate::telemetry::Cause;
use crate::telemetry::Exposition;
use crate::telemetry::Figure;
use crate::telemetry::FigureKind;
use crate::telemetry::Figures;
use crate::telemetry::Limits;
use crate::telemetry::Metrics;
use crate::telemetry::ProcessFigures;
use crate::telemetry::Traces;
use crate::telemetry::Watch;
use crate::types::{AckLevel, NodeId, NodeTag, Timestamp};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address} for {protocol}: {source}\n  hint: {}", listen_hint(.source, .key))]
    Listen { protocol: &'static str, key: &'static str, address: SocketAddr, source: io::Error },
    #[error("cannot use {path} as data folder: {source}\n  hint: give a folder that this user may write to with --data-dir DIR")]
    DataFolder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the stored sessions cannot be read: {0}")]
    Recover(String),
    #[error("{0}")]
    Tls(String),
    #[error("{0}")]
    Security(String),
    #[error("this node cannot join its cluster: {0}")]
    Bus(String),
    #[error("redis.url: {0}")]
    RedisUrl(String),
    #[error("{servers}: {problem}\n  hint: start Redis there, or give its address with --redis-url")]
    Redis { servers: String, problem: RedisError },
    #[error("{0}")]
    Runtime(io::Error),
}

impl StartError {
    /// The Redis that the cluster meets in.
    pub(super) fn unreachable(servers: &str, problem: &RedisError) -> Self {
        let hint = "start Redis there, give its address with --redis-url, or run a single node with --bus memory";
        StartError::Bus(format!("{servers}: {problem}\n  hint: {hint}"))
    }
}

fn listen_hint(error: &io::Error, key: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another program has the port; give {key} another address, or port 0 for any free one")
        }
        io::ErrorKind::AddrNotAvailable => format!("this machine does not have that address; see {key}"),
        io::ErrorKind::PermissionDenied => format!("ports below 1024 need privileges; give {key} a higher one"),
        _ => format!("see {key}"),
    }
}

/// Where a node listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// `http`, `mqtt`, `mqtts`, `ws`, `wss`.
    pub protocol: &'static str,
    pub address: SocketAddr,
}

impl Listening {
    fn describe(&self) -> api::Listener {
        api::Listener { protocol: self.protocol.to_owned(), address: self.address.to_string() }
    }
}

/// A node that serves.
pub struct Node {
    pub(super) id: NodeId,
    pub(super) listening: Vec<Listening>,
    pub(super) tasks: Tasks,
    pub(super) server: Arc<mqtt::Server>,
    pub(super) store: Arc<dyn DurableStore>,
    connected: Option<Connected>,
    users: Arc<Users>,
    membership: Membership,
    state: watch::Sender<NodeState>,
    deadline: Duration,
}

impl Node {
    /// Starts everything that `config` asks for. Nothing is served unless all of it can be.
    pub async fn start(config: &Config) -> Result<Node, StartError> {
        let alarms = Arc::new(Alarms::new(config.telemetry.alarm_history));
        let metrics = Arc::new(Metrics::default());
        let tasks = counted_tasks(&alarms);
        let id = node_id(config)?;

        let users = Arc::new(users(config)?);
        let listeners = bind(config)?;
        let address = config.http.listen;
        let http = http::Server::bind(address).await.map_err(|source| StartError::Listen {
            protocol: "http",
            key: "http.listen",
            address,
            source,
        })?;
        let https = https(config)?;
        let connected = Connected::open(config, &id, &alarms).await?;
        let store = open_store(config, &id, connected.as_ref(), metrics.clone()).await?;

        let scheme = if https.is_some() { "https" } else { "http" };
        let membership = Membership::begin(config, &id, format!("{scheme}://{}", http.address()), counted_tasks(&alarms)).await?;
        // A member first: another process of the same name that runs must not lose its sessions to one that cannot start.
        let recovered = store.recover().await?;
        if recovered.lost_commits > 0 {
            let detail = format!("{} commits had not reached the disk when the machine went down", recovered.lost_commits);
            alarms.raise(Cause::LostCommits, Severity::Critical, detail);
        }
        let bus = membership.bus.clone();
        let authorizer = Arc::new(AllowAll);
        let parts = ingress::Parts {
            node: NodeTag(xxhash_rust::xxh3::xxh3_64(id.as_str().as_bytes()) as u32),
            bus: bus.clone(),
            store: store.clone(),
            authorizer: authorizer.clone(),
            metrics: metrics.clone(),
            retained: settings::retained(config),
            ack: config.durability.ack.level().unwrap_or(AckLevel::Stored),
            member: membership.member.clone(),
        };
        // In a cluster they come from where all nodes have them.
        let own_retained = recovered.retained.clone();
        let ingress = Arc::new(Ingress::new(parts, if membership.member.is_some() { &[] } else { &own_retained }));
        let traces = Arc::new(Traces::new(config.telemetry.trace_records));
        let server = mqtt::Server::new(mqtt::Parts {
            settings: settings::mqtt(config, id.clone()),
            ingress: ingress.clone(),
            bus: bus.clone(),
            store: store.clone(),
            traces: traces.clone(),
            member: membership.member.clone(),
            authenticator: authenticator(config, users.clone(), &tasks),
            authorizer,
            metrics: metrics.clone(),
            tasks: tasks.clone(),
        });
        server.recover(recovered).await.map_err(|error| StartError::Recover(error.to_string()))?;

        if let Some(member) = &membership.member {
            let told = Arc::downgrade(&server);
            member.on_taken(move |client, up_to| {
                if let Some(server) = told.upgrade() {
                    server.taken_elsewhere(client, up_to);
                }
            });
            member.host_sessions(mqtt::Host::new(&server), store.is_shared()).await?;
            // Its durable sessions have subscribed again: what waits in the inbox is for them.
            member.receive(ingress.clone(), &own_retained).await?;
        }

        let mut listening = Vec::new();
        for Bound { transport, protocol, listener } in listeners {
            let address = listener.local_addr().map_err(StartError::Runtime)?;
            listening.push(Listening { protocol, address });
            tasks.spawn("listener", mqtt::accept(server.clone(), listener, transport, tasks.clone()));
        }
        listening.push(Listening { protocol: scheme, address: http.address() });
        let facts = http::NodeFacts {
            id: id.clone(),
            roles: vec!["http".to_owned(), "mqtt".to_owned()],
            started_at: Timestamp::now(),
            listeners: listening.iter().map(Listening::describe).collect(),
            bus_kind: config.bus.kind.as_str().to_owned(),
            cluster: config.cluster.name.clone(),
        };
        let (state, lifecycle) = watch::channel(NodeState::Ready);
        let redis = connected.as_ref().map(|connected| connected.redis.clone());
        let dependencies = http::Dependencies {
            config: Arc::new(config.clone()),
            ingress,
            bus,
            member: membership.member.clone(),
            redis: redis.clone().map(|redis| (redis, settings::copies(config))),
            store: store.clone(),
            sessions: server.clone(),
            metrics: metrics.clone(),
            exposition: Arc::new(exposition(&id, metrics.clone(), alarms.clone(), (store.clone(), redis), server.clone())),
            alarms: alarms.clone(),
            traces,
            lifecycle,
            tasks: tasks.clone(),
        };
        tasks.spawn("http", http.serve(facts, http::Settings::from(config), dependencies, https));
        spawn_until_shutdown(&tasks, "deadlines", mqtt::run_deadlines(server.clone()));
        if membership.member.is_some() {
            spawn_until_shutdown(&tasks, "full queues", mqtt::run_rooms(server.clone()));
        }
        if let Some(interval) = config.mqtt.sys_interval {
            spawn_until_shutdown(&tasks, "$SYS", mqtt::run_sys(server.clone(), interval));
        }
        let watch = Watch::new(limits(config));
        spawn_until_shutdown(&tasks, "alarms", look_out(watch, metrics, store.clone(), alarms.clone()));
        Ok(Node { id, listening, tasks, server, store, connected, users, membership, state, deadline: config.shutdown.deadline })
    }

    pub fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// Reads the password file again. What does not read leaves everything as it was.
    pub fn reload(&self) {
        match self.users.reload() {
            Ok(users) => tracing::info!(users, "users read again"),
            Err(problems) => {
                for problem in problems {
                    tracing::error!(%problem, "the password file was not taken over");
                }
            }
        }
    }

    /// Stops accepting, tells clients, flushes, and ends. What does not end before the deadline is cut off and named in the log.
    #[allow(clippy::disallowed_methods, reason = "awaited right here, when all tasks have ended")]
    pub async fn stop(self) {
        self.state.send_replace(NodeState::Draining);
        self.tasks.shutdown().request();
        self.server.disconnect_all();
        if let Err(stuck) = self.tasks.join(self.deadline).await {
            tracing::warn!(%stuck, "not everything stopped in time");
        }
        self.membership.end(self.deadline).await;
        let store = self.store;
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        if closed.is_err() {
            tracing::error!("closing the durable store failed");
        }
        if let Some(connected) = self.connected {
            connected.close(self.deadline).await;
        }
    }
}

fn counted_tasks(alarms: &Arc<Alarms>) -> Tasks {
    let alarms = alarms.clone();
    Tasks::new(move |panic| alarms.raise(Cause::TaskPanicked, Severity::Critical, format!("{}: {}", panic.task, panic.message)))
}

fn users(config: &Config) -> Result<Users, StartError> {
    let users = Users::read(config.security.users.clone(), config.security.password_file.clone());
    users.map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        StartError::Security(lines.join("\n"))
    })
}

fn limits(config: &Config) -> Limits {
    Limits {
        connections: config.mqtt.max_connections as u64,
        retained_messages: config.mqtt.max_retained_messages as u64,
        retained_bytes: config.mqtt.max_retained_bytes.0,
        percent: config.telemetry.limit_alarm,
    }
}

/// What `/metrics` tells, with what the store counts.
fn exposition(
    id: &NodeId,
    metrics: Arc<Metrics>,
    alarms: Arc<Alarms>,
    (store, redis): (Arc<dyn DurableStore>, Option<Redis>),
    server: Arc<mqtt::Server>,
) -> Exposition {
    let ledger = metrics.clone();
    Exposition::new(metrics, alarms, id.as_str(), move || {
        ledger.pending.set(server.pending());
        let stats = store.stats();
        let figure = |name, help, kind, value| Figure { name, help, kind, value };
        let mut figures = vec![
            figure("store_transactions", "Transactions stored", FigureKind::Counter, stats.transactions),
            figure("store_commits", "Group commits", FigureKind::Counter, stats.commits),
            figure("store_failures", "Group commits that could not be written", FigureKind::Counter, stats.failures),
            figure("store_waiting_bytes", "Bytes waiting to be stored", FigureKind::Gauge, stats.waiting_bytes),
            figure("store_disk_bytes", "Bytes of the store on disk", FigureKind::Gauge, stats.disk_bytes),
            figure("store_queued_entries", "Entries in durable queues", FigureKind::Gauge, stats.queued_entries),
        ];
        figures.extend(redis.iter().flat_map(storage::figures));
        figures.extend(server.member.iter().flat_map(|member| cluster::figures(member)));
        figures
    })
}

fn https(config: &Config) -> Result<Option<Arc<rustls::ServerConfig>>, StartError> {
    let (Some(certificate), Some(key)) = (&config.http.tls.cert, &config.http.tls.key) else { return Ok(None) };
    let server = mqtt::tls::server_config(certificate, key, None);
    server.map(|server| Some(Arc::new(server))).map_err(|error| StartError::Tls(error.to_string()))
}

/// How often figures are compared with their limits.
const LOOK_EVERY: Duration = Duration::from_secs(1);

async fn look_out(mut watch: Watch, metrics: Arc<Metrics>, store: Arc<dyn DurableStore>, alarms: Arc<Alarms>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let process = ProcessFigures::read();
        let figures = Figures {
            store_failed: store.stats().failed,
            descriptors: process.open_descriptors,
            descriptor_limit: process.descriptor_limit,
        };
        watch.look(Timestamp::now(), &metrics, figures, &alarms);
    }
}

/// For work that has no end of its own and nothing to finish.
fn spawn_until_shutdown(tasks: &Tasks, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
    let shutdown = tasks.shutdown().clone();
    tasks.spawn(name, async move {
        tokio::select! {
            () = work => {}
            () = shutdown.requested() => {}
        }
    });
}

/// The configured name, or the one that was made up at the first start.
fn node_id(config: &Config) -> Result<NodeId, StartError> {
    if let Some(id) = &config.node.id {
        return Ok(id.clone());
    }
    let folder = &config.node.data_dir;
    let failed = |source| StartError::DataFolder { path: folder.clone(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let path = folder.join("node-id");
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Ok(NodeId::new(text.trim())),
        Ok(_) => new_node_id(&path).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => new_node_id(&path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

fn new_node_id(path: &Path) -> io::Result<NodeId> {
    let id = format!("node-{:08x}", rand::random::<u32>());
    std::fs::write(path, format!("{id}\n"))?;
    Ok(NodeId::new(id))
}

/// Where in the data folder the durable store is.
pub fn store_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("durable")
}

struct Bound {
    transport: Transport,
    protocol: &'static str,
    listener: TcpListener,
}

fn bind(config: &Config) -> Result<Vec<Bound>, StartError> {
    let mqtt = &config.mqtt;
    let mut bound = Vec::new();
    let mut listen = |address: Option<SocketAddr>, transport, protocol, key| -> Result<(), StartError> {
        let Some(address) = address else { return Ok(()) };
        let listener = mqtt::bind(address).map_err(|source| StartError::Listen { protocol, key, address, source })?;
        bound.push(Bound { transport, protocol, listener });
        Ok(())
    };
    listen(mqtt.listen, Transport::Tcp, "mqtt", "mqtt.listen")?;
    listen(mqtt.ws_listen, Transport::WebSocket, "ws", "mqtt.ws_listen")?;
    if mqtt.tls_listen.is_some() || mqtt.wss_listen.is_some() {
        let tls = tls_acceptor(config)?;
        listen(mqtt.tls_listen, Transport::Tls(tls.clone()), "mqtts", "mqtt.tls_listen")?;
        listen(mqtt.wss_listen, Transport::SecureWebSocket(tls), "wss", "mqtt.wss_listen")?;
    }
    Ok(bound)
}

fn tls_acceptor(config: &Config) -> Result<TlsAcceptor, StartError> {
    let tls = &config.mqtt.tls;
    // The configuration has been checked: a TLS listener has both files.
    let (Some(certificate), Some(key)) = (&tls.cert, &tls.key) else {
        return Err(StartError::Tls("a TLS listener needs mqtt.tls.cert and mqtt.tls.key".to_owned()));
    };
    let server = mqtt::tls::server_config(certificate, key, tls.client_ca.as_deref());
    server.map(|server| TlsAcceptor::from(Arc::new(server))).map_err(|error| StartError::Tls(error.to_string()))
}
