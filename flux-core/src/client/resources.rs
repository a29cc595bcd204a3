//! One method for each endpoint but those of events.

use reqwest::Method;

use super::{Client, ClientError};
use crate::api::paths;
use crate::api::{
    Alarm, AlarmQuery, BusCanary, BusInfo, BusRoute, Client as ConnectedClient, ClientQuery, ConfigKey, Disconnected,
    DurableInfo, EffectiveValue, Event, Health, List, Node, NodeList, Page, Ready, RedisInfo, Retained, RetainedQuery,
    RouteQuery, Session, SessionQuery, SessionSummary, SetBusCanary, StartTrace, SubscriptionInfo, SubscriptionQuery, Trace,
};

type Answer<T> = Result<T, ClientError>;

impl Client {
    pub async fn health(&self) -> Answer<Health> {
        self.get(paths::HEALTH).await
    }

    /// A node that is not ready is an answer, not an error.
    pub async fn ready(&self) -> Answer<Ready> {
        self.json_or(503, paths::READY).await
    }

    /// Prometheus text.
    pub async fn metrics(&self) -> Answer<String> {
        self.text(paths::METRICS).await
    }

    pub async fn openapi(&self) -> Answer<serde_json::Value> {
        self.get(paths::OPENAPI).await
    }

    pub async fn nodes(&self) -> Answer<NodeList> {
        self.get(paths::NODES).await
    }

    pub async fn node(&self, id: &str) -> Answer<Node> {
        self.get(&paths::with(paths::NODE, id)).await
    }

    pub async fn clients(&self, query: &ClientQuery) -> Answer<Page<ConnectedClient>> {
        self.query(paths::CLIENTS, query).await
    }

    pub async fn client(&self, client_id: &str) -> Answer<ConnectedClient> {
        self.get(&paths::with(paths::CLIENT, client_id)).await
    }

    pub async fn sessions(&self, query: &SessionQuery) -> Answer<Page<SessionSummary>> {
        self.query(paths::SESSIONS, query).await
    }

    pub async fn session(&self, client_id: &str) -> Answer<Session> {
        self.get(&paths::with(paths::SESSION, client_id)).await
    }

    pub async fn disconnect_session(&self, client_id: &str) -> Answer<Disconnected> {
        self.json(self.request(Method::POST, &paths::with(paths::SESSION_DISCONNECT, client_id))).await
    }

    /// Ends the session: subscriptions and waiting messages go with it.
    pub async fn delete_session(&self, client_id: &str) -> Answer<()> {
        self.done(self.request(Method::DELETE, &paths::with(paths::SESSION, client_id))).await
    }

    pub async fn subscriptions(&self, query: &SubscriptionQuery) -> Answer<Page<SubscriptionInfo>> {
        self.query(paths::SUBSCRIPTIONS, query).await
    }

    pub async fn retained(&self, query: &RetainedQuery) -> Answer<Page<Retained>> {
        self.query(paths::RETAINED, query).await
    }

    pub async fn retained_message(&self, topic: &str) -> Answer<Event> {
        self.get(&paths::with(paths::RETAINED_TOPIC, topic)).await
    }

    pub async fn delete_retained(&self, topic: &str) -> Answer<()> {
        self.done(self.request(Method::DELETE, &paths::with(paths::RETAINED_TOPIC, topic))).await
    }

    pub async fn bus(&self) -> Answer<BusInfo> {
        self.get(paths::BUS).await
    }

    pub async fn bus_routes(&self, query: &RouteQuery) -> Answer<Page<BusRoute>> {
        self.query(paths::BUS_ROUTES, query).await
    }

    /// Asks every server of Redis: takes some seconds if one does not answer.
    pub async fn redis(&self) -> Answer<RedisInfo> {
        self.get(paths::REDIS).await
    }

    pub async fn set_bus_canary(&self, wanted: &SetBusCanary) -> Answer<BusCanary> {
        self.json(self.request(Method::PUT, paths::BUS_CANARY).json(wanted)).await
    }

    /// The candidate becomes the bus of the whole cluster.
    pub async fn promote_bus_canary(&self) -> Answer<BusInfo> {
        self.json(self.request(Method::POST, paths::BUS_CANARY_PROMOTE)).await
    }

    /// Ends the canary.
    pub async fn abort_bus_canary(&self) -> Answer<()> {
        self.done(self.request(Method::DELETE, paths::BUS_CANARY)).await
    }

    pub async fn durable(&self) -> Answer<DurableInfo> {
        self.get(paths::DURABLE).await
    }

    pub async fn alarms(&self, query: &AlarmQuery) -> Answer<List<Alarm>> {
        self.query(paths::ALARMS, query).await
    }

    pub async fn config(&self) -> Answer<List<EffectiveValue>> {
        self.get(paths::CONFIG).await
    }

    pub async fn config_reference(&self) -> Answer<List<ConfigKey>> {
        self.get(paths::CONFIG_REFERENCE).await
    }

    pub async fn traces(&self) -> Answer<List<Trace>> {
        self.get(paths::TRACES).await
    }

    pub async fn start_trace(&self, trace: &StartTrace) -> Answer<Trace> {
        self.json(self.request(Method::POST, paths::TRACES).json(trace)).await
    }

    pub async fn stop_trace(&self, id: &str) -> Answer<()> {
        self.done(self.request(Method::DELETE, &paths::with(paths::TRACE, id))).await
    }
}
