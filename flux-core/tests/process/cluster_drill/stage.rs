//! What publishers and subscribers know of the cluster, and how far they are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

pub const NODES: usize = 3;

/// Where the nodes are, and what is to be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stage {
    /// `None` while a node is dead.
    pub nodes: [Option<SocketAddr>; NODES],
    /// Grows with each kill. Whoever is fickle stays away in every other round.
    pub round: u32,
    /// Nothing new is published.
    pub ending: bool,
    /// Subscribers go.
    pub over: bool,
}

impl Stage {
    /// The first node that lives, from `home` on.
    pub fn living(&self, home: usize) -> Option<SocketAddr> {
        (0..NODES).find_map(|step| self.nodes[(home + step) % NODES])
    }
}

/// Waits until the stage is so.
pub async fn until(stage: &mut watch::Receiver<Stage>, is_so: impl FnMut(&Stage) -> bool) {
    stage.wait_for(is_so).await.expect("the drill goes on");
}

/// By publisher: what it has sent, and what of it was acknowledged.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// The messages below this were sent at least once.
    pub below: u32,
    /// In the order of acknowledgement.
    pub acknowledged: Vec<u32>,
    /// Sent again: without an answer, or refused.
    pub repeated: u32,
}

/// By subscriber and publisher: messages in the order they came, repetitions included.
pub type Received = BTreeMap<&'static str, BTreeMap<u32, Vec<u32>>>;

/// How far everybody is.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub sent: Arc<Mutex<BTreeMap<u32, Sent>>>,
    pub received: Arc<Mutex<Received>>,
}

impl Ledger {
    pub fn acknowledged(&self) -> BTreeMap<u32, usize> {
        self.sent.lock().iter().map(|(publisher, sent)| (*publisher, sent.acknowledged.len())).collect()
    }

    pub fn received_by(&self, subscriber: &str) -> usize {
        self.received.lock().get(subscriber).map_or(0, |by| by.values().map(Vec::len).sum())
    }
}
