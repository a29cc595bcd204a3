//! The port through which an operator sees and steers sessions. `http` calls it; the session manager implements it.

use crate::api::{Disconnected, Session, SessionSummary, SubscriptionInfo};
use crate::hook::HookFuture;
use crate::types::Refusal;

/// Which sessions are wanted. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionFilter {
    pub client_id_prefix: Option<String>,
    pub username: Option<String>,
    pub connected: Option<bool>,
    pub durable: Option<bool>,
}

/// Which subscriptions are wanted. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    pub client_id: Option<String>,
    /// What the topic filter (without `$share/GROUP/`) begins with.
    pub filter_prefix: Option<String>,
}

/// Sees and steers the sessions of this node.
pub trait SessionAdmin: Send + Sync + 'static {
    /// Up to `limit` sessions in the order of their client ids (bytewise), beginning behind `after`.
    fn sessions(&self, filter: &SessionFilter, after: Option<&str>, limit: usize) -> Vec<SessionSummary>;

    /// `None`: there is no such session.
    fn session<'a>(&'a self, client_id: &'a str) -> HookFuture<'a, Option<Session>>;

    /// Ends the connection of a client (MQTT 5: reason 0x98, administrative action); its session stays as its expiry says.
    /// `None`: there is no such session.
    fn disconnect<'a>(&'a self, client_id: &'a str) -> HookFuture<'a, Option<Disconnected>>;

    /// Ends the session and, if there is one, its connection. `true` once it is gone for good, also from the disk; `false`: there was none.
    fn delete<'a>(&'a self, client_id: &'a str) -> HookFuture<'a, Result<bool, Refusal>>;

    /// Up to `limit` subscriptions in the order of client ids, then of subscriptions as the client wrote them (`$share/…` included,
    /// bytewise), beginning behind `after` (client id, subscription).
    fn subscriptions(&self, filter: &SubscriptionFilter, after: Option<(&str, &str)>, limit: usize) -> Vec<SubscriptionInfo>;
}

impl SessionFilter {
    pub fn matches(&self, session: &SessionSummary) -> bool {
        self.client_id_prefix.as_ref().is_none_or(|prefix| session.client_id.starts_with(prefix.as_str()))
            && self.username.as_ref().is_none_or(|username| session.username.as_ref() == Some(username))
            && self.connected.is_none_or(|connected| session.connected == connected)
            && self.durable.is_none_or(|durable| session.durable == durable)
    }
}

impl SubscriptionFilter {
    pub fn matches(&self, subscription: &SubscriptionInfo) -> bool {
        self.client_id.as_ref().is_none_or(|client_id| subscription.client_id == *client_id)
            && self.filter_prefix.as_ref().is_none_or(|prefix| subscription.filter.starts_with(prefix.as_str()))
    }
}
