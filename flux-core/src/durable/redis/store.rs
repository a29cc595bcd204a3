use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::super::port::{Claimed, DurableStore, Entry, Operation, Reading, Recovered, StoreStats, Transaction, Whereabouts};
use super::commits::Commit;
use super::keys;
use super::lane::{Step, What};
use super::scripts::Scripts;
use super::state::{Shared, State};
use crate::receipt::Receipt;
use crate::redis::{Command, Copies, Redis, Reply};
use crate::types::limits::{COMMIT_QUEUE_LIMIT_BYTES, TRANSACTION_BYTES};
use crate::types::{ClientId, NodeId, QueueId, Refusal, Seq};

/// Durable queues, sessions, wills and retained messages in Redis.
pub struct RedisStore(pub(super) Arc<Core>);

pub(super) struct Core {
    pub redis: Redis,
    pub node: NodeId,
    /// How many replicas have what a receipt covers before it resolves.
    pub copies: Copies,
    pub scripts: Scripts,
    pub shared: Shared,
}

/// A script to send, with the steps it does.
pub(super) type Batch = (ClientId, Command, Vec<Step>);

impl RedisStore {
    /// For `node`, whose name nobody else in the cluster has. A receipt resolves once `copies` replicas have what it covers.
    pub fn new(redis: Redis, node: NodeId, copies: Copies) -> Self {
        RedisStore(Arc::new(Core { redis, node, copies, scripts: Scripts::default(), shared: Shared::default() }))
    }
}

impl Core {
    /// As safe as a receipt promises. May be sent twice: scripts know their batch, and all others only set or delete.
    pub(super) fn safe(&self, command: Command) -> Command {
        command.repeatable().copies(self.copies)
    }

    /// Takes the next batch of each of `clients` that has none under way.
    pub(super) fn batches(&self, state: &mut State, clients: &[ClientId]) -> Vec<Batch> {
        let keys = self.redis.keys();
        let batch = |client: &ClientId| {
            let lane = state.lanes.get_mut(client)?;
            let steps = lane.take()?;
            let command = lane.script(&self.scripts, keys, client, &self.node, &steps);
            Some((client.clone(), self.safe(command), steps))
        };
        clients.iter().filter_map(batch).collect()
    }

    pub(super) fn send(self: &Arc<Self>, batches: Vec<Batch>) {
        for (client, command, steps) in batches {
            let core = self.clone();
            self.redis.send(command, Reply::call(move |answer| core.answered(&client, steps, answer)));
        }
    }

    /// So many steps are done: wakes who waits for room, and sends what `clients` have waiting.
    pub(super) fn go_on(self: &Arc<Self>, mut state: MutexGuard<'_, State>, steps: usize, bytes: usize, clients: &[ClientId]) {
        let wakers = state.account_for(steps, bytes);
        if state.steps == 0 {
            self.shared.idle.notify_all();
        }
        let batches = self.batches(&mut state, clients);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.send(batches);
    }

    fn commit(self: &Arc<Self>, transaction: Transaction) -> Receipt {
        let bytes: usize = transaction.operations.iter().map(Operation::weight).sum();
        let mut state = self.shared.state.lock();
        let full = state.bytes > 0 && state.bytes + bytes > COMMIT_QUEUE_LIMIT_BYTES;
        if state.closed || full || bytes > TRANSACTION_BYTES {
            let refusal = if state.closed { Refusal::ShuttingDown } else { Refusal::QuotaExceeded };
            drop(state);
            transaction.retract();
            return Receipt::refused(refusal);
        }
        state.transactions += 1;
        let (answer, mut receipt) = Receipt::pending();
        let commit = Commit::new(answer);
        // Held until all steps are counted.
        commit.expect();
        let append = |operation: &Operation| if let Operation::Append(append) = operation { Some(append.queue) } else { None };
        let owed: SmallVec<[QueueId; 4]> = transaction.operations.iter().filter_map(append).collect();
        let mut touched = Vec::new();
        for operation in transaction.operations {
            let bytes = operation.weight();
            let (client, queue, what) = match operation {
                Operation::PutRetained { event } => {
                    receipt = receipt.and(self.put_retained(&event));
                    continue;
                }
                Operation::DeleteRetained { topic } => {
                    let delete = Command::new("HDEL").key(keys::retained_for(self.redis.keys(), &topic)).arg(topic.as_str());
                    receipt = receipt.and(self.redis.receipt(self.safe(delete)));
                    continue;
                }
                other => match step_of(other, &state) {
                    Some(step) => step,
                    None => continue,
                },
            };
            if matches!(what, What::Put(_) | What::PutWill(_)) {
                receipt = receipt.and(self.list(&mut state, &client));
            }
            if let (What::Put(_), Some(queue)) = (&what, queue) {
                state.queues.insert(queue, client.clone());
                let lane = state.lane(&client);
                if lane.queue != Some(queue) {
                    (lane.queue, lane.next, lane.moving) = (Some(queue), None, false);
                }
            }
            let lane = state.lane(&client);
            match &what {
                What::PutWill(_) => lane.has_will = true,
                What::DeleteWill => lane.has_will = false,
                _ => {}
            }
            let step = Step { queue, what, bytes, commit: commit.clone() };
            if matches!(step.what, What::Mark(_)) && owed.iter().any(|owed| Some(*owed) != queue) {
                commit.put_off(client, step);
            } else {
                commit.expect();
                state.steps += 1;
                state.bytes += bytes;
                state.lane(&client).waiting.push_back(step);
                touched.push(client);
            }
        }
        let batches = self.batches(&mut state, &touched);
        drop(state);
        self.send(batches);
        self.pass_on(&touched);
        self.step_done(&commit, Ok(()));
        receipt
    }

    /// Takes the client out of the lists of nodes that have nothing of it any more.
    pub(super) fn unlist(&self, client: &ClientId, nodes: &[NodeId]) {
        for node in nodes {
            let remove = Command::new("SREM").key(keys::clients_of(self.redis.keys(), node)).arg(client.as_str());
            // A name too many is looked at in vain once, no more.
            self.redis.send(remove.repeatable(), Reply::Ignored);
        }
    }

    /// Names the client among this node's before anything of it is stored, so that whoever adopts from this node finds it.
    fn list(&self, state: &mut State, client: &ClientId) -> Receipt {
        if std::mem::replace(&mut state.lane(client).listed, true) {
            return Receipt::SAFE;
        }
        let add = Command::new("SADD").key(keys::clients_of(self.redis.keys(), &self.node)).arg(client.as_str());
        self.redis.receipt(self.safe(add))
    }

    fn put_retained(&self, event: &crate::types::Event) -> Receipt {
        let mut body = Vec::with_capacity(event.weight());
        super::super::encoding::encode_event(event, &mut body);
        let put =
            Command::new("HSET").key(keys::retained_for(self.redis.keys(), &event.topic)).arg(event.topic.as_str()).bytes(&body);
        self.redis.receipt(self.safe(put))
    }
}

/// Whom an operation concerns. `None`: a session that does not exist (any more).
fn step_of(operation: Operation, state: &State) -> Option<(ClientId, Option<QueueId>, What)> {
    let (queue, what) = match operation {
        Operation::PutSession { queue, client, record } => return Some((client, Some(queue), What::Put(record))),
        Operation::PutWill { client, record } => return Some((client, None, What::PutWill(record))),
        Operation::DeleteWill { client } => return Some((client, None, What::DeleteWill)),
        Operation::Append(append) => (append.queue, What::Append(append)),
        Operation::Remove { queue, seq } => (queue, What::Remove(seq)),
        Operation::Release { queue, seq } => (queue, What::Release(seq)),
        Operation::MarkReceived { queue, packet_id } => (queue, What::Mark(packet_id)),
        Operation::ForgetReceived { queue, packet_id } => (queue, What::Forget(packet_id)),
        Operation::DeleteSession { queue } => (queue, What::Delete),
        Operation::ClearQueue { queue } => (queue, What::Clear),
        Operation::HandedOver { queue, epoch } => (queue, What::HandedOver(epoch)),
        Operation::PutRetained { .. } | Operation::DeleteRetained { .. } => return None,
    };
    Some((state.queues.get(&queue)?.clone(), Some(queue), what))
}

impl DurableStore for RedisStore {
    fn commit(&self, transaction: Transaction) -> Receipt {
        self.0.commit(transaction)
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.shared.state.lock().poll_room(context)
    }

    fn read(&self, queue: QueueId, from: Seq, messages: usize, bytes: usize) -> Reading<Vec<Entry>> {
        self.0.read(queue, from, messages, bytes)
    }

    /// At random: two nodes need not agree. 53 bits, so that every JSON parser can count so far.
    fn new_queue(&self) -> QueueId {
        QueueId((rand::random::<u64>() >> 11).max(1))
    }

    fn recover(&self) -> Reading<Recovered> {
        let core = self.0.clone();
        Reading::later(async move { core.recover().await })
    }

    fn claim(&self, client: &ClientId) -> Reading<Claimed> {
        let (core, client) = (self.0.clone(), client.clone());
        Reading::later(async move { core.claim(client, None).await })
    }

    fn clients_of(&self, node: &NodeId) -> Reading<Vec<ClientId>> {
        let (core, node) = (self.0.clone(), node.clone());
        Reading::later(async move { core.clients_of(&node).await })
    }

    fn adopt(&self, client: &ClientId, node: &NodeId) -> Reading<Claimed> {
        let (core, client, node) = (self.0.clone(), client.clone(), node.clone());
        Reading::later(async move { core.claim(client, Some(&node)).await })
    }

    fn whereabouts(&self, client: &ClientId) -> Reading<Option<Whereabouts>> {
        let (core, client) = (self.0.clone(), client.clone());
        Reading::later(async move { core.whereabouts(client).await })
    }

    fn unlist(&self, client: &ClientId, nodes: &[NodeId]) {
        self.0.unlist(client, nodes);
    }

    fn relist(&self, client: &ClientId) {
        let core = &self.0;
        let add = Command::new("SADD").key(keys::clients_of(core.redis.keys(), &core.node)).arg(client.as_str());
        core.redis.send(core.safe(add), Reply::Ignored);
    }

    fn let_go(&self, client: &ClientId) {
        let mut state = self.0.shared.state.lock();
        let Some(lane) = state.lanes.get(client) else { return };
        if lane.moved.is_none() || lane.under_way || !lane.waiting.is_empty() {
            return;
        }
        let queue = lane.queue;
        state.lanes.remove(client);
        queue.map(|queue| state.queues.remove(&queue));
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn stats(&self) -> StoreStats {
        let state = self.0.shared.state.lock();
        StoreStats {
            transactions: state.transactions,
            commits: state.commits,
            failures: state.failures,
            waiting_bytes: state.bytes as u64,
            disk_bytes: 0,
            queued_entries: state.queued,
            failed: state.failed || !self.0.redis.state().borrow().is_connected(),
        }
    }

    /// Waits until Redis has answered what is on its way, at most as long as a command may take: not on a thread of the runtime.
    fn close(&self) {
        let mut state = self.0.shared.state.lock();
        state.closed = true;
        let wakers = state.take_wakers();
        let patience = self.0.redis.settings().command_timeout * 2;
        let timed_out = self.0.shared.idle.wait_while_for(&mut state, |state| state.steps > 0, patience).timed_out();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        if timed_out {
            tracing::error!("Redis did not confirm in time what was to be stored: its publishers were not told that it is safe");
        }
    }
}
