//! Decides for the whole cluster by what events travel, and follows what is decided.

use std::sync::Arc;

use super::answers::{self, Decided};
use super::canary::{CanaryFigures, CanaryReading};
use super::core::{Core, Ways};
use super::decision::{Canary, Decision, Undecidable};
use super::teller::wait_for_all;
use crate::redis::RedisError;

/// Why the cluster has not decided, or why it is not known whether all follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SteerError {
    #[error(transparent)]
    Undecidable(#[from] Undecidable),
    /// Somebody else was quicker.
    #[error("the cluster has decided something else meanwhile")]
    Meanwhile,
    #[error("this node is not a member of its cluster at the moment")]
    NoMember,
    #[error("Redis did not answer: {0}")]
    Redis(String),
    /// It is decided, and every node will follow.
    #[error("it is decided, but this node has lost its cluster before all others were known to follow")]
    NotHeard,
}

impl From<RedisError> for SteerError {
    fn from(error: RedisError) -> Self {
        SteerError::Redis(error.to_string())
    }
}

impl Core {
    pub fn decision(&self) -> Decision {
        self.ways[0].read().decision
    }

    /// Of the canary, while there is one.
    pub fn canary_figures(&self) -> Option<Arc<CanaryFigures>> {
        self.ways[0].read().figures.clone()
    }

    /// Makes `change` of what is decided. Resolves once every member follows, and answers what is decided now.
    pub async fn decide(
        self: &Arc<Self>,
        change: impl FnOnce(Decision) -> Result<Decision, Undecidable>,
    ) -> Result<Decision, SteerError> {
        if !self.is_connected() {
            return Err(SteerError::NoMember);
        }
        let before = self.decision();
        let decision = change(before)?;
        let generation = self.life.lock().generation;
        let command = self.scripts.decide().arg(self.settings.node.as_str()).arg(generation.0);
        let command = command.arg(before.version).arg(decision.version).arg(decision.encode()).copies(self.settings.copies);
        match answers::decided(self.redis.call(command).await?)? {
            Decided::Lost => {
                self.give_up_life();
                Err(SteerError::NoMember)
            }
            Decided::Other(other) => {
                self.follow(&other);
                Err(SteerError::Meanwhile)
            }
            Decided::At(version, awaited) => {
                self.adopt(decision);
                match wait_for_all(self, version, &awaited, true).await {
                    true => Ok(decision),
                    false => Err(SteerError::NotHeard),
                }
            }
        }
    }

    /// What Redis has, or what this node knows if Redis has nothing, or less.
    pub async fn agree(&self) -> Result<(), RedisError> {
        let known = self.decision();
        let own = if known.version == 0 { Decision::first(self.settings.kind, self.settings.canary) } else { known };
        let answer = self.redis.call(self.scripts.seed().arg(own.version).arg(own.encode())).await?;
        self.follow(&answers::text(&answer)?);
        let decided = self.decision();
        if known.version == 0 && decided.version > 0 && decided.kind != self.settings.kind {
            tracing::warn!(
                configured = %self.settings.kind,
                decided = %decided.kind,
                "the cluster has decided for another bus than bus.kind says, and this node follows it; change it for all nodes with fluxctl bus canary"
            );
        }
        Ok(())
    }

    /// Whether Redis has fallen back to less than this node knows.
    pub fn is_behind(&self, stored: &str) -> bool {
        let known = self.decision().version;
        Decision::parse(stored).map_or(stored.is_empty(), |stored| stored.version < known)
    }

    /// Follows a decision as it is stored.
    pub fn follow(&self, stored: &str) {
        match Decision::parse(stored) {
            Some(decision) => self.adopt(decision),
            None if stored.is_empty() => {}
            None if std::mem::replace(&mut *self.puzzle.lock(), stored.to_owned()) == stored => {}
            None => tracing::error!(
                stored,
                "the cluster has decided for a bus that this version does not know: it stays with what it has; update this node"
            ),
        }
    }

    fn adopt(&self, decision: Decision) {
        let _one_at_a_time = self.following.lock();
        let before = self.decision();
        if !decision.replaces(&before) {
            return;
        }
        let kept = self.canary_figures();
        let figures = decision.canary.map(|canary| match kept {
            Some(figures) if figures.canary.since == canary.since => figures,
            _ => Arc::new(CanaryFigures::new(canary)),
        });
        let moved = before.kind.moves(decision.kind);
        let asker: Arc<str> = self.settings.node.as_str().into();
        for (lane, ways) in self.ways.iter().enumerate().rev() {
            // Nothing is sent in this lane meanwhile.
            let mut ways = ways.write();
            if let Some(moved) = moved {
                self.links.all().iter().for_each(|link| link.change(lane, moved, &self.fences, &asker));
            }
            *ways = Ways { decision, figures: figures.clone() };
        }
        if before.version > 0 {
            log(&before, &decision);
        }
    }

    /// Its own.
    pub fn canary_reading(&self) -> Option<CanaryReading> {
        self.canary_figures().map(|figures| figures.read())
    }
}

fn log(before: &Decision, decision: &Decision) {
    if before.kind != decision.kind {
        tracing::info!(from = %before.kind, to = %decision.kind, "the bus of the cluster is another one now");
    }
    match (before.canary, decision.canary) {
        (_, Some(Canary { kind, percent, .. })) if before.canary != decision.canary => {
            tracing::info!(candidate = %kind, percent, "a canary carries a share of the topics");
        }
        (Some(Canary { kind, .. }), None) if before.kind == decision.kind => {
            tracing::info!(candidate = %kind, "the canary has ended");
        }
        _ => {}
    }
}
