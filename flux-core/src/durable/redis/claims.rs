use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use super::super::encoding::decode_event;
use super::super::port::{Claimed, Recovered, RecoveredSession, StoreError};
use super::keys;
use super::store::Core;
use crate::redis::{Command, Value};
use crate::types::limits::REDIS_BATCH;
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
}

impl Core {
    /// Becomes the owner, whoever was, or only if `from` is.
    pub(super) async fn claim(&self, client: ClientId, from: Option<&NodeId>) -> Result<Claimed, StoreError> {
        let keys = keys::of_client(self.redis.keys(), &client);
        let claim = Command::script(&self.scripts.claim, &keys).arg(self.node.as_str()).arg(from.map_or("", NodeId::as_str));
        let list = Command::new("SADD").key(keys::clients_of(self.redis.keys(), &self.node)).arg(client.as_str());
        // Listed first, or a crash in between would leave it to nobody.
        let listed = self.ask(self.safe(list));
        let claimed = self.ask(self.safe(claim));
        listed.await?;
        let answer = claimed.await?;
        let Value::Array(parts) = &answer else { return Err(unreadable(&keys[0])) };
        if parts.is_empty() {
            return Ok(Claimed::default());
        }
        let found = read(parts).ok_or_else(|| unreadable(&keys[0]))?;
        let mut state = self.shared.state.lock();
        let queue = found.queue.map(QueueId);
        let lane = state.lane(&client);
        let before = std::mem::replace(&mut lane.count, found.queued + found.released);
        let after = lane.count;
        (lane.epoch, lane.queue, lane.next) = (found.epoch, queue, queue.map(|_| found.next));
        (lane.moved, lane.uncertain, lane.listed) = (false, false, true);
        lane.known.clear();
        state.queued = (state.queued + after).saturating_sub(before);
        if let Some(queue) = queue {
            state.queues.insert(queue, client.clone());
        }
        drop(state);
        let former = Some(&found.from).filter(|from| !from.is_empty() && **from != *self.node.as_str());
        if let Some(former) = former {
            let remove = Command::new("SREM").key(keys::clients_of(self.redis.keys(), &NodeId::new(former.as_str())));
            // A name too many is looked at in vain once, no more.
            drop(self.redis.call(remove.arg(client.as_str()).repeatable()));
        }
        let session = queue.map(|queue| RecoveredSession {
            queue,
            entries: found.queued + found.released,
            bytes: found.bytes + found.queued * size_of::<Event>() as u64,
            first: Seq(found.first.unwrap_or(found.next)),
            next: Seq(found.next),
            received: found.received,
            record: found.record.into(),
        });
        let will = Some(found.will).filter(|will| !will.is_empty()).map(Vec::into_boxed_slice);
        Ok(Claimed { session, will, from: former.map(|from| NodeId::new(from.as_str())) })
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

fn read(parts: &[Value]) -> Option<Found> {
    let [epoch, from, queue, record, next, bytes, Value::Int(queued), Value::Int(released), first, freed, received, will] = parts
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
    })
}
