//! How far this node has read its inbox: who comes here from another node must not overtake what it has published there.

use tokio::sync::watch;
use tokio::time::timeout;

use super::answers;
use super::core::Core;
use super::membership::Version;
use crate::redis::{RedisError, Value};
use crate::types::limits;

/// Up to which entry one lane has been delivered.
pub struct Delivered(watch::Sender<Version>);

impl Default for Delivered {
    fn default() -> Self {
        Delivered(watch::Sender::new(Version::default()))
    }
}

impl Delivered {
    /// What is read once more after Redis was away is not new.
    pub fn up_to(&self, entry: &str) {
        let Ok(entry) = entry.parse::<Version>() else { return };
        self.0.send_if_modified(|known| {
            let is_new = entry > *known;
            *known = entry.max(*known);
            is_new
        });
    }
}

impl Core {
    /// Returns once what this lane of the inbox holds now has been delivered. Also where Redis does not say what that is.
    pub async fn caught_up(&self, lane: usize) {
        let Ok(Some(newest)) = self.newest(lane).await else { return };
        let mut delivered = self.delivered[lane].0.subscribe();
        // Whoever drained the inbox while this node was dead may have had it: then it is not there any more.
        while timeout(limits::READ_BLOCK, delivered.wait_for(|delivered| *delivered >= newest)).await.is_err() {
            if !matches!(self.newest(lane).await, Ok(Some(still)) if still >= newest) {
                return;
            }
        }
    }

    async fn newest(&self, lane: usize) -> Result<Option<Version>, RedisError> {
        let inbox = self.keys.inbox(&self.settings.node, lane);
        match self.redis.call(self.scripts.newest(&inbox)).await? {
            Value::Nil => Ok(None),
            id => Ok(answers::text(&id)?.parse().ok()),
        }
    }
}
