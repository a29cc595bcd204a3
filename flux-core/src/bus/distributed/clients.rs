//! Which node a client is connected to: a client id has one connection in the whole cluster (MQTT 5 §3.1.4).

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::core::Core;
use crate::redis::{Command, RedisError, Reply, Value};
use crate::types::{ClientId, NodeId, limits};

/// First word of a message on the control channel.
pub const TAKEN: &str = "taken ";

impl Core {
    /// The client has connected here: the node that had it before is told. Nobody waits for that: the other may be dead.
    ///
    /// Returns the number of this connect, which grows, and when the client may hear of it. Redis knows by then: else it might connect
    /// elsewhere and be taken for the earlier one. And what it has published on the former node is delivered here, so that nothing it
    /// publishes now overtakes that. Both are waited for only so long.
    pub fn client_connected(self: &Arc<Self>, client: &ClientId) -> (u64, impl Future<Output = ()> + use<>) {
        let (core, told) = (self.clone(), client.clone());
        let expiry = limits::CLIENT_PLACE_LIFE.as_secs();
        let command = Command::new("SET").key(self.keys.client(client.as_str())).arg(self.settings.node.as_str());
        let mut connects = self.connects.lock();
        *connects += 1;
        let (sender, known) = oneshot::channel();
        let tell = move |answer| {
            let moved = core.tell_former(&told, answer);
            // Whoever does not wait any more needs no answer.
            _ = sender.send(moved);
        };
        // Under the lock: what is asked after a number was given is answered after what was said with it.
        self.redis.send(command.arg("EX").arg(expiry).arg("GET"), Reply::call(tell));
        let (core, lane) = (self.clone(), self.links.lane_of(client));
        let settled = async move {
            // While Redis is away the nodes serve whom they have.
            let is_reachable = core.redis.state().borrow().is_connected();
            if is_reachable && timeout(limits::CLIENT_PLACE_PATIENCE, known).await == Ok(Ok(true)) {
                _ = timeout(limits::CLIENT_MOVE_PATIENCE, core.caught_up(lane)).await;
            }
        };
        (*connects, settled)
    }

    /// `true`: the client comes from another node.
    fn tell_former(&self, client: &ClientId, answer: Result<Value, RedisError>) -> bool {
        match answer {
            Ok(Value::BulkString(former)) => {
                let former = NodeId::new(String::from_utf8_lossy(&former));
                let moved = former != self.settings.node;
                if moved {
                    let text = format!("{TAKEN}{client}");
                    self.redis.send(self.redis.publish(&self.keys.control(&former), text.as_bytes()), Reply::Ignored);
                }
                moved
            }
            Ok(_) => false,
            Err(problem) => {
                tracing::debug!(%problem, %client, "other nodes do not hear that a client is here");
                false
            }
        }
    }

    /// Another node says that it has a client of this one. It may be back here since: Redis knows who was last, and who connects here
    /// while Redis is asked is not meant.
    pub fn hear_taken(self: &Arc<Self>, client: &str) {
        let (core, told) = (self.clone(), client.to_owned());
        let look = Command::new("GET").key(self.keys.client(client)).repeatable();
        let connects = self.connects.lock();
        let up_to = *connects;
        self.redis.send(
            look,
            Reply::call(move |answer| {
                let elsewhere =
                    matches!(&answer, Ok(Value::BulkString(node)) if **node != *core.settings.node.as_str().as_bytes());
                if let Some(taken) = core.taken.get().filter(|_| elsewhere) {
                    taken(&told, up_to);
                }
            }),
        );
    }
}
