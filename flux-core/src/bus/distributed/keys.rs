use crate::redis::Keys;
use crate::types::NodeId;

/// Where things are in Redis. All that is about the cluster shares a slot, so that one script may touch it; the inboxes are spread.
#[derive(Debug, Clone)]
pub struct BusKeys(Keys);

const CLUSTER: &str = "bus";

/// Enough for the primaries of a large Redis Cluster.
pub const RETAINED_PARTS: u64 = 64;

impl BusKeys {
    pub fn new(keys: &Keys) -> Self {
        BusKeys(keys.clone())
    }

    /// Sorted set: until when each node's lease runs, by Redis' clock.
    pub fn leases(&self) -> String {
        self.0.key(CLUSTER, "leases")
    }

    /// Stream: what has changed, for all to read.
    pub fn feed(&self) -> String {
        self.0.key(CLUSTER, "feed")
    }

    /// Set: every node that has or may have routes.
    pub fn nodes(&self) -> String {
        self.0.key(CLUSTER, "nodes")
    }

    /// Set: the generations in which a node has told routes that are not void yet.
    pub fn lives(&self, node: &str) -> String {
        self.0.key(CLUSTER, &format!("nodes:{node}"))
    }

    /// Hash: subscription → terms.
    pub fn routes(&self, node: &str, generation: u64, durable: bool) -> String {
        let kept = if durable { "durable" } else { "live" };
        self.0.key(CLUSTER, &format!("nodes:{node}:{generation}:{kept}"))
    }

    /// Set: nodes whose sessions others can take over.
    pub fn shared(&self) -> String {
        format!("{}-shared", self.nodes())
    }

    /// What the script gets that drains one lane of a dead node's inbox.
    pub fn for_draining(&self, node: &NodeId, lane: usize) -> [String; 3] {
        [self.inbox(node, lane), self.0.key(&format!("{node}/{lane}"), "drainer"), self.reader(node, lane)]
    }

    /// String: the life of the node that reads this lane of its inbox.
    pub fn reader(&self, node: &NodeId, lane: usize) -> String {
        self.0.key(&format!("{node}/{lane}"), "generation")
    }

    /// What the scripts get, in their order.
    pub fn for_scripts(&self) -> [String; 6] {
        let members = self.0.key(CLUSTER, "members");
        let generations = self.0.key(CLUSTER, "generations");
        [self.leases(), members, generations, self.feed(), self.nodes(), self.0.key(CLUSTER, "decision")]
    }

    /// Stream: what one lane of other nodes' publishers has for this node.
    pub fn inbox(&self, node: &NodeId, lane: usize) -> String {
        self.0.key(&format!("{node}/{lane}"), "inbox")
    }

    /// Hash: topic → retained message. They are spread over several, each in a slot of its own.
    pub fn retained(&self, part: u64) -> String {
        self.0.key(&format!("retained/{part}"), "messages")
    }

    pub fn retained_for(&self, topic: &str) -> String {
        self.retained(xxhash_rust::xxh3::xxh3_64(topic.as_bytes()) % RETAINED_PARTS)
    }

    /// There once the retained messages of the cluster are in Redis, be they none.
    pub fn retained_begun(&self) -> String {
        self.0.key(CLUSTER, "retained-begun")
    }

    /// String: the node that a client has connected to last.
    pub fn client(&self, client: &str) -> String {
        self.0.key(client, "node")
    }

    /// Channel: what may be lost.
    pub fn events(&self, node: &NodeId) -> String {
        self.0.key(node.as_str(), "events")
    }

    /// Channel: what nodes tell each other about themselves.
    pub fn control(&self, node: &NodeId) -> String {
        self.0.key(node.as_str(), "control")
    }
}
