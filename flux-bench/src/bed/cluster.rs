use std::path::PathBuf;

use super::child::StartError;
use super::node::Node;
use super::redis::Redis;

/// What is to be started.
#[derive(Debug, Clone)]
pub struct Plan {
    pub core: PathBuf,
    /// `memory`, `pubsub`, `streams` or `hybrid`; with memory there is no Redis.
    pub bus: &'static str,
    pub nodes: usize,
    /// Redis that runs already; otherwise one is started.
    pub redis_url: Option<String>,
    /// Unlike that of any other that uses the same Redis.
    pub cluster: String,
}

/// One or several nodes that are one service. All of it ends with this.
#[derive(Debug)]
pub struct Bed {
    pub nodes: Vec<Node>,
    pub redis: Option<Redis>,
    pub cluster: String,
}

impl Bed {
    pub fn start(plan: &Plan) -> Result<Self, StartError> {
        let redis = match (plan.bus, &plan.redis_url) {
            ("memory", _) => None,
            (_, Some(url)) => Some(Redis::there(url)),
            (_, None) => Some(Redis::start()?),
        };
        let mut arguments = vec!["--bus".to_owned(), plan.bus.to_owned()];
        if let Some(redis) = &redis {
            arguments.extend(["--redis-url", &redis.url, "--cluster-name", &plan.cluster].map(str::to_owned));
        }
        let nodes = (1..=plan.nodes).map(|number| Node::start(&plan.core, &format!("n{number}"), &arguments));
        let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { nodes, redis, cluster: plan.cluster.clone() })
    }

    /// The processes that do the work, with their names: nodes first.
    pub fn processes(&self) -> Vec<(String, u32)> {
        let nodes = self.nodes.iter().map(|node| (node.name.clone(), node.pid()));
        let redis = self.redis.as_ref().and_then(|redis| redis.pid).map(|pid| ("redis".to_owned(), pid));
        nodes.chain(redis).collect()
    }
}
