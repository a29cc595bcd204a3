//! Reads the change feed into the mirror, and tells the others how far it has read.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::answers::{self, FeedEntry, StreamEntry};
use super::clients::TAKEN;
use super::core::Core;
use super::fences::PASSED;
use super::membership::{Generation, Version};
use super::mirror::{Mirror, RouteChange};
use crate::redis::{Command, RedisError, Reply};
use crate::types::{NodeId, Subscription, TopicName, limits};

/// Where a reader of the feed stands.
pub struct Place {
    pub version: Version,
    /// Of the last entry. `None` before the first: where the feed has been joined, any number may come next.
    pub number: Option<u64>,
}

/// What reading some entries leaves to do.
#[derive(Default)]
struct Applied {
    /// Nodes that wait to hear that they were read.
    authors: BTreeSet<NodeId>,
    retained: BTreeSet<TopicName>,
}

impl Core {
    /// All routes as Redis has them. What changes while this reads is told again by the feed from `version` on.
    pub async fn read_routes(&self) -> Result<Mirror, RedisError> {
        let mut mirror = Mirror::default();
        let nodes = self.redis.call(Command::new("SMEMBERS").key(self.keys.nodes()).repeatable()).await?;
        for node in answers::list(nodes)? {
            let node = answers::text(&node)?;
            if node == self.settings.node.as_str() {
                continue;
            }
            let lives = self.redis.call(Command::new("SMEMBERS").key(self.keys.lives(&node)).repeatable()).await?;
            let mut lives: Vec<u64> =
                answers::list(lives)?.iter().filter_map(|life| answers::text(life).ok()?.parse().ok()).collect();
            // The same subscription may have been told in several lives: the last one counts.
            lives.sort_unstable();
            for generation in lives {
                for durable in [true, false] {
                    self.read_node(&mut mirror, &node, generation, durable).await?;
                }
            }
        }
        Ok(mirror)
    }

    async fn read_node(&self, mirror: &mut Mirror, node: &str, generation: u64, durable: bool) -> Result<(), RedisError> {
        let key = self.keys.routes(node, generation, durable);
        let fields = self.redis.call(Command::new("HGETALL").key(key).repeatable()).await?;
        let id = NodeId::new(node);
        for pair in answers::list(fields)?.chunks_exact(2) {
            let (Ok(subscription), Ok(terms)) =
                (Subscription::parse(&answers::text(&pair[0])?), answers::text(&pair[1])?.parse())
            else {
                continue;
            };
            let (node, generation) = (id.clone(), Generation(generation));
            mirror.apply(RouteChange::Set { node, generation, subscription: Arc::new(subscription), terms });
        }
        Ok(())
    }

    /// All routes once more, and where the feed goes on from there.
    async fn read_anew(&self) -> Result<Place, RedisError> {
        let last = Command::new("XREVRANGE").key(self.keys.feed()).arg("+").arg("-").arg("COUNT").arg(1).repeatable();
        let last = answers::entries(self.redis.call(last).await?)?;
        let version = last.first().and_then(|entry| entry.id.parse().ok()).unwrap_or_default();
        let mirror = self.read_routes().await?;
        *self.mirror.write() = mirror;
        self.mirror_changed();
        self.agree().await?;
        self.load_retained(&[]).await?;
        self.tell_applied(version, std::iter::empty());
        Ok(Place { version, number: None })
    }

    /// Applies entries. `None`: one is missing, everything must be read anew.
    fn apply(&self, place: &mut Place, entries: &[StreamEntry]) -> Option<Applied> {
        let (mut applied, mut decisions) = (Applied::default(), Vec::new());
        let mut mirror = self.mirror.write();
        for entry in entries {
            let FeedEntry { number, routes, retained, decision, author } = answers::changes(entry);
            if let (Some(last), Some(number)) = (place.number, number)
                && number != last + 1
            {
                return None;
            }
            place.number = number.or(place.number);
            applied.authors.extend(author.filter(|author| *author != self.settings.node));
            applied.retained.extend(retained);
            decisions.extend(decision);
            for change in routes {
                match &change {
                    RouteChange::Set { node, .. } | RouteChange::Remove { node, .. } if *node == self.settings.node => {}
                    _ => mirror.apply(change),
                }
            }
            place.version = entry.id.parse().unwrap_or(place.version);
        }
        drop(mirror);
        self.mirror_changed();
        decisions.iter().for_each(|decision| self.follow(decision));
        Some(applied)
    }

    /// Tells `nodes` that their routes are known here up to `version`. What gets lost is made up for by the next heartbeat.
    pub fn tell_applied(&self, version: Version, nodes: impl IntoIterator<Item = NodeId>) {
        let life = {
            let mut life = self.life.lock();
            life.applied = version;
            *life
        };
        let text = format!("applied {} {} {version}", life.generation.0, self.settings.node);
        for node in nodes {
            let command = self.redis.publish(&self.keys.control(&node), text.as_bytes());
            self.redis.send(command, Reply::Ignored);
        }
    }

    /// What another node says on this node's control channel. Unknown words are those of a later version.
    pub fn hear_control(self: &Arc<Self>, payload: &[u8]) {
        let Ok(text) = std::str::from_utf8(payload) else { return };
        if let Some(client) = text.strip_prefix(TAKEN) {
            return self.hear_taken(client);
        }
        if let Some(number) = text.strip_prefix(PASSED) {
            return number.parse().map_or((), |number| self.fences.passed(number));
        }
        // The node's name may have spaces, so it stands between words that have none.
        let Some((generation, rest)) = text.strip_prefix("applied ").and_then(|rest| rest.split_once(' ')) else { return };
        let Some((node, version)) = rest.rsplit_once(' ') else { return };
        let (Ok(generation), Ok(version)) = (generation.parse(), version.parse()) else { return };
        if self.membership.lock().applied(&NodeId::new(node), Generation(generation), version) {
            self.progress.notify_waiters();
        }
    }
}

/// Until it succeeds: nobody is told that this node has what it could not read.
async fn reread(core: &Core) {
    while let Err(problem) = core.load_retained(&[]).await {
        tracing::debug!(%problem, "retained messages cannot be read at the moment");
        tokio::select! {
            () = tokio::time::sleep(core.settings.heartbeat) => {}
            () = core.closing.requested() => return,
        }
    }
}

/// Reads for as long as this life lasts.
pub async fn follow(core: Arc<Core>, mut place: Place) {
    let key = core.keys.feed();
    let mut reader = core.redis.reader(&key);
    let generation = core.life.lock().generation;
    while !core.closing.is_requested() && !core.is_lost() && core.life.lock().generation == generation {
        let command = Command::new("XREAD").arg("COUNT").arg(limits::FEED_READ);
        let command = command.arg("BLOCK").arg(limits::READ_BLOCK.as_millis() as u64);
        let command = command.arg("STREAMS").key(&key).arg(place.version.to_string());
        let entries = match reader.call(&command, limits::READ_BLOCK).await.and_then(answers::stream) {
            Ok(entries) if entries.is_empty() => continue,
            Ok(entries) => entries,
            Err(RedisError::Closed) => return,
            Err(problem) => {
                tracing::debug!(%problem, "the change feed of the cluster cannot be read at the moment");
                continue;
            }
        };
        match core.apply(&mut place, &entries) {
            Some(Applied { authors, retained }) => {
                if let Err(problem) = core.refresh_retained(retained.into_iter().collect()).await {
                    tracing::warn!(%problem, "retained messages that have changed cannot be read: reading all of them");
                    reread(&core).await;
                }
                // What was published before this node knew is on its way no more: whoever waits for this can rely on it.
                drop(core.sending.write());
                core.links.flushed().await;
                core.tell_applied(place.version, authors);
                core.progress.notify_waiters();
            }
            // Nobody has been told that what follows is known here, so nobody relies on it.
            None => match core.read_anew().await {
                Ok(anew) => place = anew,
                Err(problem) => {
                    tracing::warn!(%problem, "entries of the cluster's change feed are missing, and the routes cannot be read")
                }
            },
        }
    }
}
