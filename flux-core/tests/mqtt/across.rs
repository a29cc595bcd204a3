//! Several nodes of one cluster, with a Redis of their own, as one server.

use std::sync::atomic::{AtomicUsize, Ordering};

use flux_core::testing::TestNode;
use flux_core::testing::redis::TestRedis;

pub struct Nodes {
    nodes: Vec<TestNode>,
    next: AtomicUsize,
    _redis: TestRedis,
}

impl Nodes {
    pub async fn start(count: usize, settings: &[(&str, &str)]) -> Nodes {
        let redis = TestRedis::start();
        let url = redis.url();
        let mut nodes = Vec::new();
        for number in 1..=count {
            let id = format!("n{number}");
            let own = [("node.id", id.as_str()), ("cluster.name", "test"), ("bus.kind", "hybrid"), ("redis.url", url.as_str())];
            nodes.push(TestNode::with(&[&own, settings].concat()).await);
        }
        Nodes { nodes, next: AtomicUsize::new(0), _redis: redis }
    }

    /// In turns: what is published by one client is mostly heard by another elsewhere, and who comes back comes back elsewhere.
    pub fn next(&self) -> &TestNode {
        &self.nodes[self.next.fetch_add(1, Ordering::Relaxed) % self.nodes.len()]
    }

    pub fn all(&self) -> &[TestNode] {
        &self.nodes
    }

    pub async fn stop(&mut self) {
        for node in &mut self.nodes {
            node.stop().await;
        }
    }

    pub async fn restart(&mut self) {
        self.stop().await;
        for node in &mut self.nodes {
            node.restart().await;
        }
    }
}
