//! Keeps this node a member: joins, renews the lease, hears who else is there, and joins again when the others have given it up.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::answers::{self, Beat, Joined, Record};
use super::core::{Core, Life};
use super::feed::{self, Place};
use super::membership::{Change, Membership, PeerState, Roll};
use crate::lifecycle::Tasks;
use crate::redis::{Command, RedisError, Reply};

/// Why a node cannot become a member of its cluster.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error(
        "another node of this cluster is called {0}\n  hint: give every node its own name with --node-id, or stop the other one"
    )]
    NameTaken(String),
    #[error(transparent)]
    Redis(#[from] RedisError),
}

impl Core {
    fn record(&self) -> String {
        let life = *self.life.lock();
        Record {
            state: life.state.as_str().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            http: self.settings.http.clone(),
            applied: life.applied.to_string(),
            decision: self.decision().version,
            canary: self.canary_reading(),
            about: self.about.get().map(|about| about()).unwrap_or_default(),
        }
        .encode()
    }

    fn lease_millis(&self) -> u64 {
        u64::try_from(self.settings.lease.as_millis()).unwrap_or(u64::MAX)
    }

    /// Begins a life as a member and reads what the others have told. A former life of the same name is given its time to end.
    pub async fn join(self: &Arc<Self>, tasks: &Tasks) -> Result<(), JoinError> {
        let patience = Instant::now() + self.settings.lease * 2;
        let (generation, version) = loop {
            let command = self.scripts.join().arg(self.settings.node.as_str()).arg(self.lease_millis()).arg(self.record());
            let sent = Instant::now();
            match answers::joined(self.redis.call(command).await?)? {
                Joined::As(generation, version) => {
                    let mut life = self.life.lock();
                    life.generation = generation;
                    life.applied = version;
                    (life.told, life.confirmed, life.returned) = (0, 0, false);
                    drop(life);
                    self.membership.lock().heard(sent, Roll::default());
                    break (generation, version);
                }
                Joined::Taken(_) if Instant::now() >= patience => {
                    return Err(JoinError::NameTaken(self.settings.node.to_string()));
                }
                // Often enough for the lease to run: where nobody renews any, Redis takes it that it was away itself.
                Joined::Taken(millis) => {
                    tokio::time::sleep(Duration::from_millis(millis).min(self.settings.lease / 4)).await;
                }
            }
        };
        self.take_inbox_back(generation).await?;
        self.figures.joins.add(1);
        if self.figures.joins.get() > 1
            && let Some(host) = self.sessions.get()
        {
            // Who has succeeded the former life has forgotten the name with it.
            self.tell_shared().await?;
            host.rejoined();
        }
        self.agree().await?;
        let mirror = self.read_routes().await?;
        // What was retained while this node was no member. Before the first life there is nobody to tell.
        self.load_retained(&[]).await?;
        *self.mirror.write() = mirror;
        self.mirror_changed();
        self.lost.store(false, std::sync::atomic::Ordering::Release);
        self.beat().await?;
        tasks.spawn("bus feed", feed::follow(self.clone(), Place { version, number: None }));
        self.tell.notify_one();
        tracing::info!(generation = generation.0, peers = self.membership.lock().peers().len(), "joined the cluster");
        Ok(())
    }

    /// Renews the lease and hears who the members are.
    async fn beat(&self) -> Result<(), RedisError> {
        let Life { generation, confirmed, .. } = *self.life.lock();
        let command = self.scripts.beat().arg(self.settings.node.as_str()).arg(generation.0).arg(self.lease_millis());
        let sent = Instant::now();
        match answers::beat(self.redis.call(command.arg(self.record()).timeout(self.settings.lease)).await?)? {
            Beat::Lost => self.give_up_life(),
            // Redis came back with less than it had confirmed: all that this node has told is in doubt.
            Beat::Alive { told: known, .. } if known < confirmed => self.give_up_life(),
            Beat::Alive { peers, decision, .. } => {
                if self.is_behind(&decision) {
                    self.agree().await?;
                } else {
                    self.follow(&decision);
                }
                let (changes, end) = {
                    let mut membership = self.membership.lock();
                    let changes = membership.heard(sent, Roll { peers });
                    self.note_who_compares(&membership);
                    (changes, membership.lease_ends())
                };
                if let Some(end) = end.filter(|_| !self.is_lost()) {
                    self.gate.open_until(end);
                    self.gate.let_out(Instant::now(), |held| self.send_held(held));
                }
                for change in &changes {
                    log(change);
                    if let Change::Gone(node) | Change::Returned(node) = change {
                        self.fences.let_go_of(node);
                    }
                }
                self.progress.notify_waiters();
            }
        }
        Ok(())
    }

    /// A node that is no member, or too old, is sent neither doubles nor fences.
    fn note_who_compares(&self, membership: &Membership) {
        for peer in membership.peers() {
            drop(self.links.to(&peer.id));
        }
        for link in self.links.all() {
            link.note_compares(membership.peer(&link.node).is_some_and(|peer| peer.decision > 0));
        }
    }

    /// Asks how full the inboxes are.
    fn look_at_inboxes(&self) {
        self.links.to(&self.settings.node);
        for link in self.links.all() {
            for outbox in link.inboxes() {
                let (outbox, command) = (outbox.clone(), Command::new("XLEN").key(outbox.key()).repeatable());
                let note = move |answer: Result<crate::redis::Value, RedisError>| {
                    if let Some(depth) = answer.ok().and_then(|value| answers::text(&value).ok()?.parse().ok()) {
                        outbox.note_depth(depth);
                    }
                };
                self.redis.send(command, Reply::call(note));
            }
        }
    }

    /// Whether this node is a member that may act as one.
    pub fn is_connected(&self) -> bool {
        !self.is_lost() && self.gate.is_open(Instant::now())
    }

    pub fn set_state(&self, state: PeerState) {
        self.life.lock().state = state;
        self.beat_now.notify_one();
    }
}

fn log(change: &Change) {
    match change {
        Change::Joined(node) => tracing::info!(%node, "a node has joined"),
        Change::Returned(node) => tracing::info!(%node, "a node has returned"),
        Change::Gone(node) => tracing::warn!(%node, "a node is gone"),
    }
}

pub async fn run(core: Arc<Core>, tasks: Tasks) {
    let mut ticks = tokio::time::interval(core.settings.heartbeat);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut missed = 0u32;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = core.beat_now.notified() => {}
            () = core.closing.requested() => return,
        }
        let outcome = if core.is_lost() { rejoin(&core, &tasks).await } else { core.beat().await.map_err(JoinError::from) };
        match outcome {
            Ok(()) if missed > 0 => {
                tracing::info!(missed, "the cluster is reached again");
                missed = 0;
            }
            Ok(()) => {}
            Err(problem) => {
                missed += 1;
                core.figures.heartbeats_missed.add(1);
                if missed == 1 {
                    tracing::warn!(%problem, "a heartbeat was not answered");
                }
            }
        }
        core.look_at_inboxes();
        let now = Instant::now();
        core.gate.refuse_overdue(now, core.settings.patience);
        core.unread.forget_overdue(now);
        core.fences.let_go_overdue(now);
        core.give_up_missing(now);
    }
}

async fn rejoin(core: &Arc<Core>, tasks: &Tasks) -> Result<(), JoinError> {
    tracing::warn!("this node was given up by the others: joining again");
    core.join(tasks).await?;
    // Behind all that may fail, so that it is said once for each time that the node was away, not for each attempt to come back.
    if !core.is_lost()
        && let Some(host) = core.sessions.get()
    {
        host.returned();
    }
    Ok(())
}
