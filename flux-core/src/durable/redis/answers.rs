//! What becomes of a batch once Redis has answered.

use std::sync::Arc;

use super::commits::retract;
use super::lane::{Step, What, content};
use super::state::State;
use super::store::Core;
use crate::redis::{RedisError, Value};
use crate::types::limits::STORE_RETRY;
use crate::types::{ClientId, Event, NodeId, Refusal, Seq};

/// The numbers of a script's answer.
struct Written {
    count: u64,
    next: u64,
    /// Seq, displaced seq and its bytes, for each append.
    appends: Vec<[u64; 3]>,
}

enum Outcome {
    Written(Written),
    /// Whether it was executed is not known, or it was surely not: either way what it may have appended is taken back.
    Failed(Refusal),
}

/// `Err`: nothing of it was written, the client is this node's.
fn read(answer: Result<Value, RedisError>) -> Result<Outcome, NodeId> {
    let numbers: Option<Vec<i64>> = match &answer {
        Ok(Value::Array(values)) if values.first() == Some(&Value::Int(-1)) => {
            let Some(Value::BulkString(owner)) = values.get(1) else { return Ok(Outcome::Failed(Refusal::StoreFailed)) };
            return Err(NodeId::new(String::from_utf8_lossy(owner)));
        }
        Ok(Value::Array(values)) => {
            values.iter().map(|value| if let Value::Int(number) = value { Some(*number) } else { None }).collect()
        }
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(%error, "a batch of sessions was not stored in Redis");
            return Ok(Outcome::Failed(error.refusal()));
        }
    };
    Ok(match numbers.as_deref() {
        Some([1, count, next, appends @ ..]) => {
            let (appends, _) = appends.as_chunks::<3>();
            let appends = appends.iter().map(|append| append.map(|number| number.cast_unsigned())).collect();
            Outcome::Written(Written { count: count.cast_unsigned(), next: next.cast_unsigned(), appends })
        }
        _ => {
            tracing::error!(?answer, "Redis answered a batch of sessions with something else");
            Outcome::Failed(Refusal::StoreFailed)
        }
    })
}

impl Core {
    /// Tells owners and publishers, and sends what waited behind.
    pub(super) fn answered(self: &Arc<Self>, client: &ClientId, steps: Vec<Step>, answer: Result<Value, RedisError>) {
        let outcome = match read(answer) {
            Ok(outcome) => outcome,
            Err(owner) => return self.moved(client, owner, steps),
        };
        match outcome {
            Outcome::Written(written) => self.written(client, steps, &written),
            Outcome::Failed(refusal) => self.failed(client, steps, refusal),
        }
    }

    fn written(self: &Arc<Self>, client: &ClientId, steps: Vec<Step>, written: &Written) {
        // Owners first: a publisher that hears that its message is stored may look for it.
        let sizes = announce(&steps, &written.appends);
        let mut state = self.shared.state.lock();
        state.commits += 1;
        state.failed = false;
        settle(&mut state, client, &steps, written, sizes);
        drop(state);
        self.done(client, steps, Ok(()));
    }

    /// What is owed to the session is tried again, before all that came later: its order must not change. The rest is refused.
    fn failed(self: &Arc<Self>, client: &ClientId, steps: Vec<Step>, refusal: Refusal) {
        let mut state = self.shared.state.lock();
        state.commits += 1;
        state.failures += 1;
        state.failed = true;
        // Who waits for the end does not wait for Redis.
        let over = state.closed || refusal == Refusal::ShuttingDown;
        let (again, refused): (Vec<Step>, Vec<Step>) = steps.into_iter().partition(|step| !over && step.is_owed());
        let lane = state.lane(client);
        lane.uncertain = true;
        // Nothing goes before them.
        lane.under_way = !again.is_empty();
        again.into_iter().rev().for_each(|step| lane.waiting.push_front(step));
        if lane.under_way {
            let (core, client) = (self.clone(), client.clone());
            self.redis.later(STORE_RETRY, move || core.try_again(&client));
        }
        drop(state);
        refused.iter().for_each(|step| retract(&step.what));
        self.done(client, refused, Err(refusal));
    }

    fn try_again(self: &Arc<Self>, client: &ClientId) {
        let mut state = self.shared.state.lock();
        state.lane(client).under_way = false;
        self.go_on(state, 0, 0, std::slice::from_ref(client));
        self.pass_on(std::slice::from_ref(client));
    }

    /// Answers steps that have left their lane, and sends what waited behind.
    fn done(self: &Arc<Self>, client: &ClientId, steps: Vec<Step>, outcome: Result<(), Refusal>) {
        let (count, bytes) = (steps.len(), steps.iter().map(|step| step.bytes).sum());
        let mut following = Vec::new();
        for step in steps {
            following.extend(step.commit.done(outcome));
        }
        let mut state = self.shared.state.lock();
        let mut touched = vec![client.clone()];
        touched.extend(state.enqueue(following));
        self.forget_if_empty(&mut state, client);
        self.go_on(state, count, bytes, &touched);
        self.pass_on(&touched);
    }

    fn forget_if_empty(&self, state: &mut State, client: &ClientId) {
        let Some(lane) = state.lanes.get(client).filter(|lane| lane.is_forgettable()) else { return };
        if lane.listed {
            // Under the lock: should something be stored again, the name is added after this.
            self.unlist(client, std::slice::from_ref(&self.node));
        }
        state.lanes.remove(client);
    }
}

/// In the place of a displaced seq: the entry was there already.
const DOUBLE: u64 = (-1_i64).cast_unsigned();

/// Answers the seqs that are new, and their bytes.
fn announce(steps: &[Step], appended: &[[u64; 3]]) -> Vec<(u64, u32)> {
    let mut sizes = Vec::new();
    let appends = steps.iter().filter_map(|step| if let What::Append(append) = &step.what { Some(append) } else { None });
    for (append, [seq, gone, size]) in appends.zip(appended) {
        if *gone == DOUBLE {
            append.owner.doubled(append.delivery.event.weight() as u64);
            continue;
        }
        if *gone > 0 {
            let weight = if *size > 0 { size_of::<Event>() as u64 + size } else { 0 };
            append.owner.displaced(Seq(*gone), weight);
        }
        // 0: the session has ended, nobody is owed it.
        if *seq > 0 {
            sizes.push((*seq, content(&append.delivery.event)));
            append.owner.stored(Seq(*seq), append.delivery.clone());
        }
    }
    sizes
}

/// What the lane remembers from now on.
fn settle(state: &mut State, client: &ClientId, steps: &[Step], written: &Written, sizes: Vec<(u64, u32)>) {
    let lane = state.lane(client);
    lane.under_way = false;
    lane.known.extend(sizes);
    let mut gone = Vec::new();
    for step in steps {
        match &step.what {
            What::Remove(seq) | What::Release(seq) => _ = lane.known.remove(&seq.0),
            What::Delete | What::Clear => lane.known.clear(),
            What::HandedOver(epoch) => lane.moving &= *epoch != lane.epoch,
            _ => {}
        }
        if matches!(step.what, What::Delete) && step.queue.is_some() {
            gone.extend(step.queue);
            if lane.queue == step.queue {
                (lane.queue, lane.next) = (None, None);
            }
        }
    }
    for [_, displaced, _] in &written.appends {
        lane.known.remove(displaced);
    }
    let before = std::mem::replace(&mut lane.count, written.count);
    lane.uncertain = false;
    lane.next = lane.queue.map(|_| written.next);
    state.queued = (state.queued + written.count).saturating_sub(before);
    for queue in gone {
        state.queues.remove(&queue);
    }
}
