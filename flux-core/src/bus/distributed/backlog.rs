use tokio::sync::oneshot;

use super::answers;
use super::membership::Version;
use crate::redis::{Command, Redis};

/// What waited in one lane of this node's inbox when it began to read.
pub struct Backlog(Option<(Version, oneshot::Sender<()>)>);

impl Backlog {
    pub async fn of(redis: &Redis, inbox: &str, caught_up: oneshot::Sender<()>) -> Self {
        let look = Command::new("XREVRANGE").key(inbox).arg("+").arg("-").arg("COUNT").arg(1).repeatable();
        let last = redis.call(look).await.and_then(answers::entries).ok().and_then(|entries| entries.first()?.id.parse().ok());
        let mut backlog = Backlog(Some((last.unwrap_or_default(), caught_up)));
        if last.is_none() {
            backlog.end();
        }
        backlog
    }

    /// Everything up to this entry has been delivered.
    pub fn delivered(&mut self, id: &str) {
        let Some((last, _)) = &self.0 else { return };
        if id.parse::<Version>().is_ok_and(|id| id >= *last) {
            self.end();
        }
    }

    /// Nothing of it is left.
    pub fn end(&mut self) {
        if let Some((_, caught_up)) = self.0.take() {
            // Who has waited long enough does not listen any more.
            _ = caught_up.send(());
        }
    }
}
