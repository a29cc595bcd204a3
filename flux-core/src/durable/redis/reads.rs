use std::collections::VecDeque;
use std::sync::Arc;

use super::super::encoding::decode_delivery;
use super::super::port::{Entry, EntryState, Reading, StoreError};
use super::keys;
use super::store::Core;
use crate::redis::{Command, RedisError, Value};
use crate::types::limits::{QUEUE_READ_ENTRIES, REDIS_LATER};
use crate::types::{ClientId, QueueId, Seq};

impl Core {
    /// Waits for as long as Redis is away: who wants to deliver has nothing better to do.
    pub(super) fn read(self: &Arc<Self>, queue: QueueId, from: Seq, messages: usize, bytes: usize) -> Reading<Vec<Entry>> {
        let state = self.shared.state.lock();
        let Some(client) = state.queues.get(&queue).cloned() else { return Reading::ready(Ok(Vec::new())) };
        if state.lanes.get(&client).is_some_and(|lane| lane.moved.is_some()) {
            return Reading::ready(Err(StoreError::Moved));
        }
        drop(state);
        let core = self.clone();
        Reading::later(async move { core.fetch(&client, from, messages, bytes).await })
    }

    async fn fetch(&self, client: &ClientId, from: Seq, messages: usize, bytes: usize) -> Result<Vec<Entry>, StoreError> {
        let keys = keys::of_client(self.redis.keys(), client);
        let (mut found, mut weight, mut from) = (Vec::new(), 0, from.0);
        loop {
            let page = (messages - found.len().min(messages)).clamp(1, QUEUE_READ_ENTRIES);
            let queued =
                Command::new("XRANGE").key(&keys[keys::ENTRIES]).arg(format!("{from}-0")).arg("+").arg("COUNT").arg(page);
            let released =
                Command::new("ZRANGEBYSCORE").key(&keys[keys::RELEASED]).arg(from).arg("+inf").arg("LIMIT").arg(0).arg(page);
            // Both are in the queue before either is awaited: one round trip.
            let (queued, released) = (self.ask(queued), self.ask(released));
            let (queued, released) = (queued.await?, released.await?);
            let unreadable =
                |problem: &str| StoreError::Unreadable { key: keys[keys::ENTRIES].clone(), problem: problem.to_owned() };
            let queued = entries(&queued).ok_or_else(|| unreadable("an entry has another shape"))?;
            let mut released: VecDeque<u64> = seqs(&released).ok_or_else(|| unreadable("a released entry is no number"))?.into();
            let full = queued.len() == page || released.len() == page;
            // Beyond the end of a full page of the other kind there may be entries that were not read.
            let until = [
                (queued.len() == page).then(|| queued.last().map(|(seq, ..)| *seq)),
                (released.len() == page).then(|| released.back().copied()),
            ];
            let until = until.into_iter().flatten().flatten().min().unwrap_or(u64::MAX);
            let mut queued = VecDeque::from(queued);
            loop {
                let next_queued = queued.front().map(|(seq, ..)| *seq);
                let next_released = released.front().copied();
                let Some(seq) = next_queued.into_iter().chain(next_released).min().filter(|seq| *seq <= until) else { break };
                let state = if next_queued == Some(seq) {
                    let (_, size, body) = queued.pop_front().expect("it was just looked at");
                    let delivery = decode_delivery(body).map_err(|error| unreadable(&error.to_string()))?;
                    weight += delivery.event.weight();
                    self.remember(client, seq, size);
                    EntryState::Queued(delivery)
                } else {
                    released.pop_front();
                    EntryState::Released
                };
                if !found.is_empty() && (found.len() >= messages || weight > bytes) {
                    return Ok(found);
                }
                found.push(Entry { seq: Seq(seq), state });
                from = seq + 1;
            }
            if !full || found.len() >= messages {
                return Ok(found);
            }
        }
    }

    fn remember(&self, client: &ClientId, seq: u64, size: u32) {
        if let Some(lane) = self.shared.state.lock().lanes.get_mut(client) {
            lane.known.insert(seq, size);
        }
    }

    /// A question that is asked until it is answered, or this is closed.
    pub(super) fn ask(&self, command: Command) -> impl Future<Output = Result<Value, RedisError>> + Send + use<> {
        let command = command.repeatable();
        let (redis, mut answer) = (self.redis.clone(), Box::pin(self.redis.call(command.clone())));
        async move {
            loop {
                match answer.await {
                    Err(RedisError::Unavailable(_) | RedisError::Lost(_) | RedisError::Full { .. }) => {
                        tokio::time::sleep(REDIS_LATER).await;
                        answer = Box::pin(redis.call(command.clone()));
                    }
                    answer => return answer,
                }
            }
        }
    }
}

/// Seq, bytes and encoded delivery.
fn entries(answer: &Value) -> Option<Vec<(u64, u32, &[u8])>> {
    let Value::Array(entries) = answer else { return None };
    entries.iter().map(one).collect()
}

fn one(entry: &Value) -> Option<(u64, u32, &[u8])> {
    let Value::Array(parts) = entry else { return None };
    let [Value::BulkString(id), Value::Array(fields)] = parts.as_slice() else { return None };
    let [_, Value::BulkString(size), _, Value::BulkString(body)] = fields.as_slice() else { return None };
    let (seq, _) = std::str::from_utf8(id).ok()?.split_once('-')?;
    Some((seq.parse().ok()?, std::str::from_utf8(size).ok()?.parse().ok()?, body))
}

pub(super) fn seqs(answer: &Value) -> Option<Vec<u64>> {
    let Value::Array(values) = answer else { return None };
    values
        .iter()
        .map(|value| if let Value::BulkString(text) = value { std::str::from_utf8(text).ok()?.parse().ok() } else { None })
        .collect()
}
