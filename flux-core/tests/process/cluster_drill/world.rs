//! The nodes, who publishes and who subscribes.

use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::Instant;

use super::SUBSCRIBERS;
use super::publisher::Publisher;
use super::report::Report;
use super::stage::{Ledger, NODES, Stage};
use super::subscriber::{Kind, Subscriber};
use crate::drill::dice::Dice;
use crate::serve::Serve;

/// Where each publisher would rather be.
const PUBLISHERS: [usize; 4] = [0, 0, 1, SUBSCRIBERS];

/// Who subscribes, and where.
const SUBSCRIBED: [(&str, Kind, usize); 4] = [
    ("steady", Kind::Durable, SUBSCRIBERS),
    ("fickle", Kind::Fickle, SUBSCRIBERS),
    ("plain", Kind::Plain, SUBSCRIBERS),
    ("passing", Kind::Plain, 1),
];

/// How many messages of each publisher must be acknowledged before things go on.
const FLOW: usize = 40;

/// Until load flows again, or the last message has come: a machine under load is slow, a mistake is for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where durable sessions are kept, and so where their clients can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// With the node that they were made on: clients come back to it.
    WithTheirNode,
    /// In Redis, as it is unless told otherwise: clients go to any node that lives.
    InRedis,
}

pub struct World {
    url: String,
    sessions: Sessions,
    nodes: Vec<(TempDir, Option<Serve>)>,
    stage: watch::Sender<Stage>,
    ledger: Ledger,
    publishers: JoinSet<()>,
    subscribers: JoinSet<()>,
    kills: u32,
    a_node_was_killed: bool,
}

impl World {
    /// Three nodes; everybody has subscribed, then publishing begins.
    pub async fn start(url: &str, sessions: Sessions) -> World {
        let mut world = World {
            url: url.to_owned(),
            sessions,
            nodes: (0..NODES).map(|_| (tempfile::tempdir().expect("a temporary folder"), None)).collect(),
            stage: watch::Sender::default(),
            ledger: Ledger::default(),
            publishers: JoinSet::new(),
            subscribers: JoinSet::new(),
            kills: 0,
            a_node_was_killed: false,
        };
        for node in 0..NODES {
            world.start_node(node);
        }
        for (name, kind, home) in SUBSCRIBED {
            let (subscriber, is_ready) = Subscriber::new(name, kind, home, sessions == Sessions::InRedis, world.ledger.clone());
            world.subscribers.spawn(subscriber.run(world.stage.subscribe()));
            is_ready.await.expect("it subscribes");
        }
        for (number, home) in (0..).zip(PUBLISHERS) {
            world.publishers.spawn(Publisher::new(number, home, world.ledger.clone()).run(world.stage.subscribe()));
        }
        world.flows("the beginning").await;
        world
    }

    /// Nothing is configured but who the node is and where Redis is, unless sessions are to stay with their node.
    fn start_node(&mut self, node: usize) {
        let (folder, server) = &mut self.nodes[node];
        let id = format!("n{}", node + 1);
        let mut arguments = vec!["--node-id", &id, "--cluster-name", "drill", "--bus", "hybrid", "--redis-url", &self.url];
        if self.sessions == Sessions::WithTheirNode {
            arguments.extend(["--set", "durability.store=disk"]);
        }
        let started = block_in_place(|| Serve::with(folder.path(), &arguments));
        self.stage.send_modify(|stage| stage.nodes[node] = Some(started.mqtt()));
        *server = Some(started);
    }

    /// A node dies at a moment nobody has chosen, and is started again after so many milliseconds.
    pub async fn kill_and_restart_node(&mut self, node: usize, dead_for: u64) {
        let server = self.nodes[node].1.take().expect("it runs");
        block_in_place(|| server.kill());
        self.stage.send_modify(|stage| (stage.nodes[node], stage.round) = (None, stage.round + 1));
        self.kills += 1;
        self.a_node_was_killed = true;
        self.pause(dead_for).await;
        self.start_node(node);
    }

    /// Something beside the nodes was killed.
    pub fn note_kill(&mut self) {
        self.kills += 1;
        self.stage.send_modify(|stage| stage.round += 1);
    }

    /// Publishing goes on for a while.
    pub async fn under_load(&mut self, dice: &mut Dice) {
        self.pause(200 + dice.below(800)).await;
    }

    pub async fn pause(&self, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }

    /// Waits until every publisher has been acknowledged some more, and the steady subscriber has received some more.
    pub async fn flows(&mut self, after: &str) {
        let (before, received) = (self.ledger.acknowledged(), self.ledger.received_by("steady"));
        let flows = |ledger: &Ledger| {
            let now = ledger.acknowledged();
            let more = |number: u32| now.get(&number).copied().unwrap_or(0) >= before.get(&number).copied().unwrap_or(0) + FLOW;
            (0..).take(PUBLISHERS.len()).all(more) && ledger.received_by("steady") >= received + FLOW
        };
        let began = Instant::now();
        while !flows(&self.ledger) {
            let now = self.ledger.acknowledged();
            assert!(began.elapsed() < PATIENCE, "{after}: nothing flows, acknowledged {before:?}, then {now:?}");
            self.look_at_clients();
            self.pause(20).await;
        }
    }

    /// A client that has given up says why.
    fn look_at_clients(&mut self) {
        for ended in [self.publishers.try_join_next(), self.subscribers.try_join_next()].into_iter().flatten() {
            ended.expect("no client fails");
            assert!(self.stage.borrow().ending, "a client has ended early");
        }
    }

    /// Everything is acknowledged, then everything that is owed arrives, or nothing more does.
    pub async fn end(mut self, seed: u64) -> Report {
        self.stage.send_modify(|stage| stage.ending = true);
        while let Some(publisher) = self.publishers.join_next().await {
            publisher.expect("the publisher finishes");
        }
        // A plain subscription ends with its node, and only then.
        let is_owed = |kind: Kind| kind != Kind::Plain || !self.a_node_was_killed;
        let owed: Vec<&'static str> = SUBSCRIBED.iter().filter(|(_, kind, _)| is_owed(*kind)).map(|(name, ..)| *name).collect();
        let mut report = Report::of(seed, self.kills, &self.ledger, &owed);
        let (mut progress, mut last) = (report.delivered(), Instant::now());
        while report.lost() > 0 && last.elapsed() < PATIENCE / 4 {
            self.look_at_clients();
            self.pause(50).await;
            report = Report::of(seed, self.kills, &self.ledger, &owed);
            if report.delivered() > progress {
                (progress, last) = (report.delivered(), Instant::now());
            }
        }
        self.stage.send_modify(|stage| stage.over = true);
        while let Some(subscriber) = self.subscribers.join_next().await {
            subscriber.expect("the subscriber finishes");
        }
        report
    }
}
