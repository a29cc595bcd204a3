use serde::{Deserialize, Serialize};

/// The bus: what carries events from publishers to subscribers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct BusInfo {
    /// `memory`.
    pub kind: String,
    /// Nothing of QoS 1 and 2 is lost between publisher and mailbox once it is acknowledged.
    pub at_least_once: bool,
    /// It reaches subscribers on other nodes.
    pub crosses_nodes: bool,
    /// Since the start.
    pub published: u64,
    pub delivered: u64,
    pub dropped: u64,
    /// Now.
    pub subscriptions: u64,
    pub subscribers: u64,
    pub shared_groups: u64,
}
