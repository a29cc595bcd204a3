use serde::{Deserialize, Serialize};

use super::{BusCanary, NodeState, RedisHealth};

/// The bus: what carries events from publishers to subscribers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct BusInfo {
    /// `memory`, `pubsub`, `streams`, `hybrid`.
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
    /// Where it crosses nodes: the cluster as this node sees it.
    #[serde(default)]
    pub cluster: Option<BusCluster>,
}

/// What a bus between nodes is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct BusCluster {
    pub name: String,
    /// The node that answers.
    pub node: String,
    /// It reaches Redis, and the others know that it lives.
    pub connected: bool,
    pub peers: Vec<BusPeer>,
    pub inboxes: Vec<Inbox>,
    /// Routes of all nodes.
    pub routes: u64,
    /// Messages whose publishers wait for this node to be connected again.
    pub held: u64,
    /// Since the start. A message is one event for one node.
    pub messages_out: u64,
    pub batches_out: u64,
    pub messages_in: u64,
    pub batches_in: u64,
    /// Came twice and were delivered once, copies of a canary included.
    pub doubles: u64,
    /// QoS 0 that had no room or no connection on its way out.
    pub dropped_out: u64,
    /// A candidate that carries a share of the topics beside, while there is one.
    #[serde(default)]
    pub canary: Option<BusCanary>,
    /// Lanes to other nodes that wait for what went by the former bus of the cluster.
    #[serde(default)]
    pub changing: u64,
    pub redis: RedisHealth,
}

/// Another node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct BusPeer {
    pub id: String,
    pub state: NodeState,
    pub version: String,
    /// Its HTTP API, as it listens.
    pub http: String,
    /// It follows what the cluster decides of its bus. One of an older version goes on with its own.
    #[serde(default)]
    pub follows: bool,
}

/// Where events wait for a node: a stream in Redis for each lane of publishers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Inbox {
    pub node: String,
    /// The node is a member now. What waits for one that is not is for its durable sessions.
    pub member: bool,
    /// Batches that wait, in all lanes.
    pub waiting: u64,
    pub lanes: Vec<u64>,
}

/// What the subscribers of one node ask of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct BusRoute {
    pub node: String,
    /// A filter, or `$share/GROUP/FILTER`.
    pub subscription: String,
    /// The highest that any of its subscribers asked for.
    pub qos: u8,
    /// It has a durable subscriber and outlives the node.
    pub durable: bool,
    pub subscribers: u32,
    /// How many of them have a durable queue that is full: who publishes for them is refused.
    #[serde(default)]
    pub full: u32,
}

/// Which routes to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct RouteQuery {
    /// Only of this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page: 100 unless told otherwise, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}
