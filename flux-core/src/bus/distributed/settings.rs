use std::time::Duration;

use super::kind::DistributedKind;
use crate::redis::Copies;
use crate::types::NodeId;

/// How this node takes part in its cluster.
#[derive(Debug, Clone)]
pub struct DistributedSettings {
    /// What the first node of a new cluster decides for. All others follow what is decided.
    pub kind: DistributedKind,
    /// Likewise: a canary and its share of the topics in percent.
    pub canary: Option<(DistributedKind, u8)>,
    pub node: NodeId,
    /// Where others reach this node's HTTP API; empty when they cannot.
    pub http: String,
    /// How long a node that is silent stays a member.
    pub lease: Duration,
    /// How often it says that it is there.
    pub heartbeat: Duration,
    /// Streams that share the events for one node. All nodes of a cluster must agree.
    pub lanes: usize,
    /// How long what needs Redis is kept waiting before it is refused.
    pub patience: Duration,
    /// Replicas of Redis that have to confirm an event before its publisher is told that it is safe.
    pub copies: Copies,
    /// How long other nodes' events wait for a subscriber that reads slowly.
    pub grace: Duration,
}

impl DistributedSettings {
    pub fn new(kind: DistributedKind, node: NodeId) -> Self {
        DistributedSettings {
            kind,
            canary: None,
            node,
            http: String::new(),
            lease: Duration::from_secs(2),
            heartbeat: Duration::from_millis(500),
            lanes: 4,
            patience: Duration::from_secs(5),
            copies: Copies::None,
            grace: Duration::from_secs(1),
        }
    }
}
