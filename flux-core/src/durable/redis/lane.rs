use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use super::super::encoding::encode_delivery;
use super::commits::Commit;
use super::keys;
use super::scripts::Scripts;
use crate::bus::Append;
use crate::redis::{Command, Keys};
use crate::types::limits::{COMMIT_BATCH, COMMIT_FRAME_BYTES, FORMER_OWNER_LIFE};
use crate::types::{ClientId, Delivery, Event, NodeId, QoS, QueueId, Seq};

/// What is to be done for one client, and whose transaction asked for it.
pub(super) struct Step {
    pub queue: Option<QueueId>,
    pub what: What,
    pub bytes: usize,
    pub commit: Arc<Commit>,
}

impl Step {
    /// Nobody can be told that it failed.
    pub(super) fn is_owed(&self) -> bool {
        matches!(&self.what, What::Append(append) if append.owed)
    }
}

pub(super) enum What {
    Append(Append),
    Remove(Seq),
    Release(Seq),
    Mark(u16),
    Forget(u16),
    Put(Box<[u8]>),
    Delete,
    Clear,
    PutWill(Box<[u8]>),
    DeleteWill,
    /// Before the claim of this epoch.
    HandedOver(u64),
}

/// The steps of one client: those that wait, and at most one batch under way.
pub(super) struct Lane {
    /// 0: nobody claimed it, and this node may have it if nobody else has.
    pub epoch: u64,
    /// The epoch that the last batch said.
    pub said: u64,
    pub queue: Option<QueueId>,
    /// Of the last batch.
    number: u64,
    /// Where the next entry goes, as far as Redis has said.
    pub next: Option<u64>,
    /// The fate of the last batch is not known: what it may have appended is taken back.
    pub uncertain: bool,
    pub waiting: VecDeque<Step>,
    pub under_way: bool,
    /// Another node has it.
    pub moved: Option<NodeId>,
    /// It stands in the list of this node's clients.
    pub listed: bool,
    pub has_will: bool,
    /// It may get the same events from other nodes.
    pub moving: bool,
    pub count: u64,
    /// Bytes of entries that this node knows, so that Redis need not read what it deletes.
    pub known: BTreeMap<u64, u32>,
}

impl Lane {
    /// `number`: one that no earlier process has used.
    pub(super) fn new(number: u64) -> Self {
        Lane {
            epoch: 0,
            said: 0,
            queue: None,
            number,
            next: None,
            uncertain: false,
            waiting: VecDeque::new(),
            under_way: false,
            moved: None,
            has_will: false,
            moving: false,
            listed: false,
            count: 0,
            known: BTreeMap::new(),
        }
    }

    pub(super) fn is_forgettable(&self) -> bool {
        self.holds_nothing() && self.waiting.is_empty() && !self.under_way && self.moved.is_none()
    }

    /// Nothing is stored for the client.
    pub(super) fn holds_nothing(&self) -> bool {
        self.queue.is_none() && !self.has_will
    }

    /// The next batch, if none is under way.
    pub(super) fn take(&mut self) -> Option<Vec<Step>> {
        if self.under_way || self.waiting.is_empty() || self.moved.is_some() {
            return None;
        }
        let mut bytes = 0;
        let fits = |step: &Step| {
            bytes += step.bytes;
            bytes <= COMMIT_FRAME_BYTES
        };
        let most = self.waiting.iter().take(COMMIT_BATCH).take_while({
            let mut fits = fits;
            move |step| fits(step)
        });
        let count = most.count().max(1);
        self.under_way = true;
        Some(self.waiting.drain(..count).collect())
    }

    /// The script that does `steps`.
    pub(super) fn script(&mut self, scripts: &Scripts, keys: &Keys, client: &ClientId, node: &NodeId, steps: &[Step]) -> Command {
        self.number += 1;
        self.said = self.epoch;
        let mut command = Command::script(&scripts.write, &keys::of_client(keys, client));
        command = command.arg(node.as_str()).arg(self.epoch).arg(self.number).arg(FORMER_OWNER_LIFE.as_secs());
        let mut queue = None;
        for step in steps {
            if step.queue.is_some() && step.queue != queue {
                queue = step.queue;
                command = command.arg("q").arg(queue.map_or(0, |queue| queue.0));
                if let Some(next) = self.next.filter(|_| self.uncertain && queue == self.queue) {
                    command = command.arg("k").arg(next);
                }
            }
            command = self.add(command, step);
        }
        command
    }

    fn add(&self, command: Command, step: &Step) -> Command {
        match &step.what {
            What::Append(append) => {
                let mut body = Vec::with_capacity(step.bytes);
                encode_delivery(&append.delivery, &mut body);
                // What comes from an inbox may come from there once more, should this node die before it is taken out.
                let may_come_twice = self.moving || append.owed && append.delivery.qos == QoS::ExactlyOnce;
                let copy = if may_come_twice { copy_of(&append.delivery) } else { Vec::new() };
                command.arg("a").arg(content(&append.delivery.event)).arg(u8::from(append.displaces)).bytes(&body).bytes(&copy)
            }
            What::Remove(seq) => self.sized(command.arg("d"), *seq),
            What::Release(seq) => self.sized(command.arg("l"), *seq),
            What::Mark(packet_id) => command.arg("m").arg(*packet_id),
            What::Forget(packet_id) => command.arg("f").arg(*packet_id),
            What::Put(record) => command.arg("s").arg(step.queue.map_or(0, |queue| queue.0)).bytes(record),
            What::Delete => command.arg("x"),
            What::Clear => command.arg("c"),
            What::PutWill(record) => command.arg("w").bytes(record),
            What::DeleteWill => command.arg("v"),
            What::HandedOver(epoch) => command.arg("h").arg(*epoch),
        }
    }

    fn sized(&self, command: Command, seq: Seq) -> Command {
        let size = self.known.get(&seq.0).map_or_else(String::new, u32::to_string);
        command.arg(seq.0).arg(size)
    }
}

/// By what a copy of an event is known again: a session gets one for itself, and one for each shared group that chooses it.
fn copy_of(delivery: &Delivery) -> Vec<u8> {
    let mut copy = delivery.event.id.0.to_be_bytes().to_vec();
    if let Some(group) = &delivery.shared {
        copy.extend(xxhash_rust::xxh3::xxh3_64(group.to_string().as_bytes()).to_be_bytes());
    }
    copy
}

/// Bytes of an event without what this build of the server adds to each.
pub(super) fn content(event: &Event) -> u32 {
    u32::try_from(event.weight() - size_of::<Event>()).expect("a message is shorter than 4 GiB")
}
