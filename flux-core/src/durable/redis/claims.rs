use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use super::super::encoding::decode_event;
use super::super::port::{Claimed, Recovered, RecoveredSession, StoreError, Whereabouts};
use super::keys;
use super::store::Core;
use crate::redis::{Command, Value};
use crate::types::limits::{FORMER_OWNER_LIFE, REDIS_BATCH};
use crate::types::{ClientId, Event, NodeId, QueueId, Seq};

/// What `claim.lua` answers.
struct Found {
    epoch: u64,
    from: String,
    queue: Option<u64>,
    record: Vec<u8>,
    next: u64,
    bytes: u64,
    queued: u64,
    released: u64,
    first: Option<u64>,
    received: Vec<u16>,
    will: Vec<u8>,
    sources: Vec<NodeId>,
    returns: bool,
}

impl Core {
    /// Becomes the owner, whoever was, or only if `from` is.
    pub(super) async fn claim(&self, client: ClientId, from: Option<&NodeId>) -> Result<Claimed, StoreError> {
        let keys = keys::of_client(self.redis.keys(), &client);
        let claim = Command::script(&self.scripts.claim, &keys).arg(self.node.as_str()).arg(from.map_or("", NodeId::as_str));
        let heard = self.shared.state.lock().lanes.get(&client).map_or(0, |lane| lane.epoch);
        let claim = claim.arg(FORMER_OWNER_LIFE.as_secs()).arg(heard);
        let list = Command::new("SADD").key(keys::clients_of(self.redis.keys(), &self.node)).arg(client.as_str());
        // Listed first, or a crash in between would leave it to nobody. They may be on two primaries, so one waits for the other.
        self.ask(self.safe(list)).await?;
        let answer = self.ask(self.safe(claim)).await?;
        let Value::Array(parts) = &answer else { return Err(unreadable(&keys[0])) };
        if parts.is_empty() {
            self.found_nothing(&client, from);
            return Ok(Claimed::default());
        }
        let found = read(parts).ok_or_else(|| unreadable(&keys[0]))?;
        let mut state = self.shared.state.lock();
        let queue = found.queue.map(QueueId);
        let lane = state.lane(&client);
        let before = std::mem::replace(&mut lane.count, found.queued + found.released);
        let after = lane.count;
        (lane.epoch, lane.queue, lane.next) = (found.epoch, queue, queue.map(|_| found.next));
        (lane.moved, lane.uncertain, lane.listed) = (None, false, true);
        lane.has_will = !found.will.is_empty();
        lane.moving = !found.sources.is_empty();
        lane.known.clear();
        let stray = lane.holds_nothing();
        state.queued = (state.queued + after).saturating_sub(before);
        if let Some(queue) = queue {
            state.queues.insert(queue, client.clone());
        }
        if stray {
            state.lane(&client).listed = false;
            self.unlist(&client, std::slice::from_ref(&self.node));
        }
        drop(state);
        let former = Some(&found.from).filter(|from| !from.is_empty() && **from != *self.node.as_str());
        if let Some(former) = former.filter(|_| queue.is_none()) {
            // There is no session whose messages it could still have.
            self.unlist(&client, &[NodeId::new(former.as_str())]);
        }
        let session = queue.map(|queue| RecoveredSession {
            queue,
            entries: found.queued + found.released,
            bytes: found.bytes + found.queued * size_of::<Event>() as u64,
            first: Seq(found.first.unwrap_or(found.next)),
            next: Seq(found.next),
            received: found.received,
            record: found.record.into(),
            epoch: found.epoch,
            sources: found.sources,
            returns: found.returns,
        });
        let will = Some(found.will).filter(|will| !will.is_empty()).map(Vec::into_boxed_slice);
        Ok(Claimed { session, will, from: former.map(|from| NodeId::new(from.as_str())) })
    }

    /// Nothing is stored, or it is not taken from who has it.
    fn found_nothing(&self, client: &ClientId, from: Option<&NodeId>) {
        let mut state = self.shared.state.lock();
        if from == Some(&self.node) || (from.is_some() && state.lanes.contains_key(client)) {
            // What this node has of it, or had, stays.
            return;
        }
        if let Some(lane) = state.lanes.get_mut(client) {
            let queue = lane.queue.take();
            (lane.epoch, lane.next, lane.moving) = (0, None, false);
            (lane.moved, lane.uncertain, lane.listed, lane.has_will) = (None, false, false, false);
            let count = std::mem::take(&mut lane.count);
            lane.known.clear();
            state.queued = state.queued.saturating_sub(count);
            queue.map(|queue| state.queues.remove(&queue));
        }
        self.unlist(client, std::slice::from_ref(&self.node));
    }

    pub(super) async fn whereabouts(&self, client: ClientId) -> Result<Option<Whereabouts>, StoreError> {
        let [session, ..] = keys::of_client(self.redis.keys(), &client);
        let command = Command::new("HMGET").key(&session).arg("o").arg("p").arg("q").arg("r").arg("s");
        let answer = self.ask(command).await?;
        let Value::Array(parts) = &answer else { return Err(unreadable(&session)) };
        let [Value::BulkString(node), Value::BulkString(epoch), Value::BulkString(_), Value::BulkString(record), sources] =
            parts.as_slice()
        else {
            return Ok(None);
        };
        let epoch = String::from_utf8_lossy(epoch).parse().map_err(|_| unreadable(&session))?;
        let sources = if let Value::BulkString(sources) = sources { String::from_utf8_lossy(sources) } else { "".into() };
        let node = NodeId::new(String::from_utf8_lossy(node));
        Ok(Some(Whereabouts { node, epoch, record: record.as_slice().into(), sources: nodes(&sources) }))
    }

    pub(super) async fn clients_of(&self, node: &NodeId) -> Result<Vec<ClientId>, StoreError> {
        let key = keys::clients_of(self.redis.keys(), node);
        let members = self.ask(Command::new("SMEMBERS").key(&key)).await?;
        let (Value::Set(members) | Value::Array(members)) = &members else { return Err(unreadable(&key)) };
        let client = |member: &Value| match member {
            Value::BulkString(name) => std::str::from_utf8(name).ok().map(ClientId::new),
            _ => None,
        };
        members.iter().map(|member| client(member).ok_or_else(|| unreadable(&key))).collect()
    }

    /// What this node had before it was stopped: it claims it from itself, so that a twin still running writes no more.
    pub(super) async fn recover(self: &Arc<Self>) -> Result<Recovered, StoreError> {
        let node = &self.node;
        let clients = self.clients_of(node).await?;
        let claims = clients.into_iter().map(|client| async move { (client.clone(), self.claim(client, Some(node)).await) });
        let mut claims = stream::iter(claims).buffer_unordered(REDIS_BATCH);
        let mut recovered = Recovered::default();
        while let Some((client, claimed)) = claims.next().await {
            let claimed = claimed?;
            if claimed.session.is_none() && claimed.will.is_none() {
                match self.whereabouts(client.clone()).await? {
                    Some(elsewhere) if elsewhere.sources.contains(node) => recovered.left.push((client, elsewhere)),
                    _ => self.unlist(&client, std::slice::from_ref(node)),
                }
                continue;
            }
            recovered.sessions.extend(claimed.session);
            if let Some(will) = claimed.will {
                recovered.wills.push((client, will));
            }
        }
        recovered.sessions.sort_unstable_by_key(|session| session.queue);
        recovered.wills.sort_unstable();
        for part in 0..keys::RETAINED {
            let key = keys::retained(self.redis.keys(), part);
            let messages = self.ask(Command::new("HVALS").key(&key)).await?;
            let Value::Array(messages) = &messages else { return Err(unreadable(&key)) };
            for message in messages {
                let Value::BulkString(bytes) = message else { return Err(unreadable(&key)) };
                let event = decode_event(bytes);
                let event = event.map_err(|error| StoreError::Unreadable { key: key.clone(), problem: error.to_string() })?;
                recovered.retained.push(Arc::new(event));
            }
        }
        Ok(recovered)
    }
}

fn unreadable(key: &str) -> StoreError {
    StoreError::Unreadable { key: key.to_owned(), problem: "it has another shape".to_owned() }
}

/// A name on each line.
fn nodes(lines: &str) -> Vec<NodeId> {
    lines.lines().filter(|line| !line.is_empty()).map(NodeId::new).collect()
}

fn read(parts: &[Value]) -> Option<Found> {
    let [
        epoch,
        from,
        queue,
        record,
        next,
        bytes,
        Value::Int(queued),
        Value::Int(released),
        first,
        freed,
        received,
        will,
        sources,
        returns,
    ] = parts
    else {
        return None;
    };
    let bulk = |value: &Value| if let Value::BulkString(bytes) = value { Some(bytes.clone()) } else { None };
    let text = |value: &Value| String::from_utf8(bulk(value)?).ok();
    let number = |value: &Value| text(value)?.parse::<u64>().ok();
    let maybe =
        |value: &Value| text(value).map(|text| if text.is_empty() { Some(None) } else { text.parse::<u64>().ok().map(Some) })?;
    let (Value::Array(received) | Value::Set(received)) = received else { return None };
    Some(Found {
        epoch: number(epoch)?,
        from: text(from)?,
        queue: maybe(queue)?,
        record: bulk(record)?,
        next: number(next)?,
        bytes: number(bytes)?,
        queued: queued.cast_unsigned(),
        released: released.cast_unsigned(),
        first: maybe(first)?.into_iter().chain(maybe(freed)?).min(),
        received: received.iter().map(|value| text(value)?.parse().ok()).collect::<Option<_>>()?,
        will: bulk(will)?,
        sources: nodes(&text(sources)?),
        returns: !text(returns)?.is_empty(),
    })
}
