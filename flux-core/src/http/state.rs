use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::guard::Guard;
use super::idempotency::Answers;
use super::rates::Rates;
use super::recent::Recent;
use super::settings::Settings;
use crate::api::{Listener, NodeState};
use crate::bus::EventBus;
use crate::bus::distributed::DistributedBus;
use crate::config::Config;
use crate::durable::DurableStore;
use crate::hook::Identity;
use crate::ingress::Ingress;
use crate::lifecycle::Tasks;
use crate::mqtt::admin::SessionAdmin;
use crate::redis::{Copies, Redis};
use crate::telemetry::{Alarms, Exposition, Metrics, Traces};
use crate::types::{ClientId, NodeId, Timestamp};

/// What a node knows about itself when it begins to serve.
#[derive(Debug, Clone)]
pub struct NodeFacts {
    pub id: NodeId,
    pub roles: Vec<String>,
    pub started_at: Timestamp,
    /// All that are bound, the one of HTTP included.
    pub listeners: Vec<Listener>,
    /// `memory`, `pubsub`, `streams`, `hybrid`, as configured: a cluster may have decided for another.
    pub bus_kind: String,
    /// The cluster's name.
    pub cluster: String,
}

/// All that the handlers use of the rest of the node.
#[derive(Clone)]
pub struct Dependencies {
    pub config: Arc<Config>,
    pub ingress: Arc<Ingress>,
    pub bus: Arc<dyn EventBus>,
    /// Where the bus crosses nodes.
    pub member: Option<Arc<DistributedBus>>,
    /// Where one is configured, with what acknowledgements wait for in it.
    pub redis: Option<(Redis, Copies)>,
    pub store: Arc<dyn DurableStore>,
    pub sessions: Arc<dyn SessionAdmin>,
    pub metrics: Arc<Metrics>,
    pub exposition: Arc<Exposition>,
    pub alarms: Arc<Alarms>,
    pub traces: Arc<Traces>,
    /// The node as a whole: `/ready` says no unless it is ready.
    pub lifecycle: watch::Receiver<NodeState>,
    /// Connections run in it; its shutdown ends them.
    pub tasks: Tasks,
}

/// What every handler can reach.
pub(super) struct State {
    pub(super) facts: NodeFacts,
    pub(super) settings: Settings,
    pub(super) with: Dependencies,
    pub(super) guard: Guard,
    pub(super) answers: Answers,
    pub(super) recent: Option<Arc<Recent>>,
    pub(super) rates: Rates,
    pub(super) tails: Arc<Semaphore>,
    /// Whom the API publishes as: whoever may call it may publish what the authorizer grants this user.
    pub(super) identity: Identity,
    pub(super) client_id: ClientId,
}

pub(super) type App = Arc<State>;

impl State {
    pub(super) fn new(facts: NodeFacts, settings: Settings, with: Dependencies) -> App {
        let recent =
            (settings.recent_events > 0).then(|| Recent::start(with.bus.as_ref(), settings.recent_events, settings.recent_bytes));
        Arc::new(State {
            guard: Guard::new(settings.token.as_ref().map(|token| token.reveal())),
            answers: Answers::default(),
            recent,
            rates: Rates::new(with.metrics.clone()),
            tails: Arc::new(Semaphore::new(settings.max_tails)),
            identity: Identity { username: Some("http".into()) },
            client_id: ClientId::new("$http"),
            facts,
            settings,
            with,
        })
    }

    /// Lets go of what it holds on the bus.
    pub(super) fn stop(&self) {
        if let Some(recent) = &self.recent {
            recent.stop(self.with.bus.as_ref());
        }
    }
}
