//! Reads one lane of this node's inbox: read, deliver, and delete what is safe.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::super::port::Subscriber;
use super::answers::{self, StreamEntry};
use super::arrive::{Outcome, ReadMemory};
use super::core::Core;
use super::membership::Generation;
use crate::lifecycle::Tasks;
use crate::receipt::Receipt;
use crate::redis::{Command, Reader, RedisError, Reply, Value};
use crate::types::{NodeId, Refusal, limits};

/// The consumer group of every inbox. A node reads as the consumer of its own name.
pub const GROUP: &str = "node";

/// Between attempts to store what could not be stored.
const RETRY: Duration = Duration::from_secs(1);

/// A batch that was delivered and may not be safe yet.
struct Unsettled {
    id: String,
    receipts: Vec<Receipt>,
    batch: Vec<u8>,
    _counted: Arc<()>,
}

/// Makes the inbox, so that nothing is sent to one that nobody reads.
pub async fn prepare(core: &Core, lane: usize) -> Result<(), RedisError> {
    let key = core.keys.inbox(&core.settings.node, lane);
    let create = Command::new("XGROUP").arg("CREATE").key(key).arg(GROUP).arg("0").arg("MKSTREAM");
    match core.redis.call(create).await {
        // There from a former life.
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
        answer => answer.map(drop),
    }
}

impl Core {
    /// Whether all that has come is delivered. Also where that cannot be asked: nobody should wait for Redis to leave.
    pub async fn inbox_is_empty(&self) -> bool {
        let depths = self.inbox_depths(&self.settings.node).await;
        depths.iter().all(|depth| !matches!(depth, Ok(Value::Int(entries)) if *entries > 0))
    }

    /// How many entries each lane of a node's inbox holds.
    pub async fn inbox_depths(&self, node: &NodeId) -> Vec<Result<Value, RedisError>> {
        let depth = |lane| self.redis.call(Command::new("XLEN").key(self.keys.inbox(node, lane)).repeatable());
        join_all((0..self.settings.lanes).map(depth)).await
    }

    /// Whoever drains the inbox for a life before this one lets go of it.
    pub async fn take_inbox_back(&self, generation: Generation) -> Result<(), RedisError> {
        let set = |lane| Command::new("SET").key(self.keys.reader(&self.settings.node, lane)).arg(generation.0);
        for taken in join_all((0..self.settings.lanes).map(|lane| self.redis.call(set(lane).repeatable()))).await {
            taken?;
        }
        Ok(())
    }
}

pub fn start(core: &Arc<Core>, lane: usize, tasks: &Tasks) {
    let (sender, receiver) = mpsc::channel(limits::INBOX_UNSETTLED);
    tasks.spawn("bus inbox", read(core.clone(), lane, sender, tasks.clone()));
    tasks.spawn("bus settler", settle(core.clone(), lane, receiver));
}

async fn read(core: Arc<Core>, lane: usize, settler: mpsc::Sender<Unsettled>, tasks: Tasks) {
    let key = core.keys.inbox(&core.settings.node, lane);
    let mut reader = core.redis.reader(&key);
    let mut memory = ReadMemory::default();
    // First what a former life has read and not finished.
    let mut from = Some("0".to_owned());
    while !core.closing.is_requested() {
        let place = from.clone().unwrap_or_else(|| ">".to_owned());
        let entries = tokio::select! {
            entries = next(&core, &mut reader, &key, &place) => entries,
            () = core.leaving.requested() => return,
        };
        let _reading = core.unsettled.clone();
        if core.leaving.is_requested() {
            // What Redis has given meanwhile stays in the inbox.
            return;
        }
        let entries = match entries {
            Ok(entries) => entries,
            Err(RedisError::Closed) => return,
            Err(error) if error.code() == Some("NOGROUP") => {
                // Redis has lost the inbox; what was in it is lost with it, what comes is not.
                if let Err(problem) = prepare(&core, lane).await {
                    tracing::warn!(%problem, lane, "the inbox of this node cannot be made");
                }
                continue;
            }
            Err(problem) => {
                tracing::debug!(%problem, lane, "the inbox of this node cannot be read at the moment");
                // What was under way may have been given to us without our seeing it.
                from = Some("0".to_owned());
                continue;
            }
        };
        from = match (from, entries.last()) {
            (Some(_), Some(last)) => Some(last.id.clone()),
            _ => None,
        };
        let last = entries.last().map(|entry| entry.id.clone());
        for (id, batch) in entries.into_iter().map(StreamEntry::into_batch) {
            let Outcome { receipts, pressed, held } = core.arrive(&batch, &mut memory, false);
            let batch = if receipts.is_empty() { Vec::new() } else { batch };
            let unsettled = Unsettled { id, receipts, batch, _counted: core.unsettled.clone() };
            // What waits for a session on its way here waits for words that come in this very lane: it must not block it.
            let room = held.then(|| core.held.clone().try_acquire_many_owned(unsettled.kib()).ok()).flatten();
            match room {
                Some(room) => tasks.spawn("bus settler", settle_one(core.clone(), key.clone(), unsettled, room)),
                None if settler.send(unsettled).await.is_err() => return,
                None => {}
            }
            if let Some(subscriber) = pressed {
                wait_for_room(&*subscriber, core.settings.grace).await;
            }
        }
        if let Some(last) = last {
            core.delivered[lane].up_to(&last);
        }
    }
}

async fn next(core: &Core, reader: &mut Reader, key: &str, from: &str) -> Result<Vec<StreamEntry>, RedisError> {
    let command = Command::new("XREADGROUP").arg("GROUP").arg(GROUP).arg(core.settings.node.as_str());
    let command = command.arg("COUNT").arg(limits::INBOX_READ).arg("BLOCK").arg(limits::READ_BLOCK.as_millis() as u64);
    let command = command.arg("STREAMS").key(key).arg(from);
    answers::stream(reader.call(&command, limits::READ_BLOCK).await?)
}

/// As long as a publisher here would be held back, and no longer.
async fn wait_for_room(subscriber: &dyn Subscriber, grace: Duration) {
    let room = std::future::poll_fn(|context| subscriber.poll_room(context));
    if tokio::time::timeout(grace, room).await.is_err() {
        subscriber.give_up();
    }
}

/// Deletes from the inbox what is safe, in the order in which it came, many at a time.
async fn settle(core: Arc<Core>, lane: usize, mut unsettled: mpsc::Receiver<Unsettled>) {
    let key = core.keys.inbox(&core.settings.node, lane);
    let mut memory = ReadMemory::default();
    let mut batches = Vec::new();
    while unsettled.recv_many(&mut batches, limits::INBOX_UNSETTLED).await > 0 {
        let _settling = core.unsettled.clone();
        let mut ids = Vec::with_capacity(batches.len());
        for Unsettled { id, receipts, batch, .. } in batches.drain(..) {
            if !store(&core, receipts, &batch, &mut memory).await {
                // It stays in the inbox: the next life of this node finds it there.
                delete(&core, &key, &ids);
                return;
            }
            ids.push(id);
        }
        delete(&core, &key, &ids);
    }
}

async fn settle_one(core: Arc<Core>, key: String, unsettled: Unsettled, _room: OwnedSemaphorePermit) {
    let Unsettled { id, receipts, batch, _counted } = unsettled;
    if store(&core, receipts, &batch, &mut ReadMemory::default()).await {
        delete(&core, &key, &[id]);
    }
}

impl Unsettled {
    fn kib(&self) -> u32 {
        u32::try_from(self.batch.len() / 1024 + 1).unwrap_or(u32::MAX)
    }
}

/// Waits until a batch is safe. What cannot be stored is tried again: its publisher was told that it is safe. `false`: the node stops.
async fn store(core: &Core, mut receipts: Vec<Receipt>, batch: &[u8], memory: &mut ReadMemory) -> bool {
    // At once the first time: many batches may have failed together, and the one before has just been waited for.
    let mut pause = Duration::ZERO;
    loop {
        match Receipt::all(receipts).await {
            // A queue that is full is full: that was counted.
            Ok(()) | Err(Refusal::QueueFull) => return true,
            Err(Refusal::ShuttingDown) => return false,
            Err(problem) => tracing::warn!(%problem, "events from another node cannot be stored: trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(std::mem::replace(&mut pause, RETRY)) => {}
            () = core.closing.requested() => return false,
        }
        receipts = core.arrive(batch, memory, true).receipts;
    }
}

fn delete(core: &Core, key: &str, ids: &[String]) {
    if ids.is_empty() {
        return;
    }
    let mut command = core.scripts.settle(key).arg(GROUP);
    for id in ids {
        command = command.arg(id);
    }
    // Should it not be executed, the next life delivers them again: at least once.
    core.redis.send(command, Reply::Ignored);
}
