//! A server on a free port with everything real behind it but the store and the sessions.

use std::sync::Arc;
use std::time::Duration;

use flux_core::api::{Listener, NodeState};
use flux_core::bus::{EventBus, MemoryBus};
use flux_core::client::Client;
use flux_core::config::{Config, Sources};
use flux_core::hook::AllowAll;
use flux_core::http::{Dependencies, NodeFacts, Server, Settings};
use flux_core::ingress::{Ingress, Parts, RetainedLimits};
use flux_core::lifecycle::Tasks;
use flux_core::telemetry::{Alarms, Exposition, Metrics, Traces};
use flux_core::types::{AckLevel, NodeId, NodeTag, Timestamp};
use tokio::sync::watch;

use crate::fakes::{FakeSessions, FakeStore};

pub const TOKEN: &str = "0123456789abcdef";

pub struct World {
    pub url: String,
    pub client: Client,
    /// Makes requests that the client would not.
    pub raw: reqwest::Client,
    pub store: Arc<FakeStore>,
    pub sessions: Arc<FakeSessions>,
    pub metrics: Arc<Metrics>,
    pub alarms: Arc<Alarms>,
    pub traces: Arc<Traces>,
    pub bus: Arc<MemoryBus>,
    pub lifecycle: watch::Sender<NodeState>,
    pub tasks: Tasks,
}

impl World {
    pub async fn start() -> World {
        World::with(&[]).await
    }

    /// `keys` are of the configuration.
    pub async fn with(keys: &[(&str, &str)]) -> World {
        World::serving(keys, None).await
    }

    pub async fn serving(keys: &[(&str, &str)], tls: Option<Arc<rustls::ServerConfig>>) -> World {
        let sources = keys.iter().fold(Sources::default(), |sources, (key, value)| sources.with("--set", key, *value));
        let config = Arc::new(Config::load(&sources).unwrap());
        let (metrics, bus, store) = (Arc::new(Metrics::default()), Arc::new(MemoryBus::new()), Arc::new(FakeStore::default()));
        let (alarms, traces, sessions) =
            (Arc::new(Alarms::new(16)), Arc::new(Traces::new(16)), Arc::new(FakeSessions::default()));
        let parts = Parts {
            node: NodeTag(1),
            bus: bus.clone(),
            store: store.clone(),
            authorizer: Arc::new(AllowAll),
            metrics: metrics.clone(),
            retained: RetainedLimits { messages: 1_000, bytes: 1_000_000 },
            ack: AckLevel::Stored,
            member: None,
        };
        let ingress = Ingress::new(parts, &[]);
        let (lifecycle, watched) = watch::channel(NodeState::Ready);
        let tasks = Tasks::default();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let url = format!("{scheme}://{}", server.address());
        let facts = NodeFacts {
            id: NodeId::new("test"),
            roles: vec!["http".to_owned(), "mqtt".to_owned()],
            started_at: Timestamp::now(),
            listeners: vec![Listener { protocol: "http".to_owned(), address: server.address().to_string() }],
            bus_kind: "memory".to_owned(),
            cluster: "flux".to_owned(),
        };
        let with = Dependencies {
            config: config.clone(),
            ingress: Arc::new(ingress),
            bus: bus.clone(),
            member: None,
            redis: None,
            store: store.clone(),
            sessions: sessions.clone(),
            metrics: metrics.clone(),
            exposition: Arc::new(Exposition::new(metrics.clone(), alarms.clone(), "test", Vec::new)),
            alarms: alarms.clone(),
            traces: traces.clone(),
            lifecycle: watched,
            tasks: tasks.clone(),
        };
        let settings = Settings::from(&*config);
        tasks.spawn("http", server.serve(facts, settings, with, tls));
        let token = config.http.token.as_ref().map(|token| token.reveal().to_owned());
        let client = Client::new(&url, token, Duration::from_secs(10)).unwrap();
        let raw = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        World { url, client, raw, store, sessions, metrics, alarms, traces, bus, lifecycle, tasks }
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Posts events as they are.
    pub fn post(&self, content_type: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.raw.post(self.at("/api/v1/events")).header("content-type", content_type).body(body)
    }

    /// Asks the server to stop and waits until nothing of it runs.
    pub async fn stop(&self) {
        self.tasks.shutdown().request();
        self.tasks.join(Duration::from_secs(10)).await.unwrap();
    }

    /// Subscriptions on the bus.
    pub fn subscriptions(&self) -> u64 {
        self.bus.stats().subscriptions
    }
}

/// Waits until `condition` holds: what happens on a connection's other end cannot be awaited from here.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap_or_else(|_| panic!("{what}, within 10 seconds"));
}
