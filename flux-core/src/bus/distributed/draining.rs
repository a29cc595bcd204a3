//! Passes on what lies in the inbox of a dead node, in its order for each session and without one session waiting for another: those that
//! are not taken over yet are looked for, and that may take a while.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;

use super::super::memory::MemoryBus;
use super::super::port::Handover;
use super::super::route::Route;
use super::super::wire::{self, Message};
use super::answers::{self, StreamEntry};
use super::core::Core;
use super::inbox::GROUP;
use super::sessions::{SessionHost, Word, mark_of};
use super::succession::Dead;
use crate::receipt::Receipt;
use crate::redis::Value;
use crate::types::{Event, Refusal, Subscription, limits};

/// What a dead node has left.
pub struct Legacy {
    pub dead: Dead,
    pub host: Arc<dyn SessionHost>,
    /// All that it had subscribed to.
    pub estate: Arc<MemoryBus>,
}

/// The id of an entry.
type Place = Arc<str>;

/// What was read of one lane.
struct Backlog {
    /// Reading goes on here.
    from: String,
    /// Not begun yet, in order.
    waiting: VecDeque<(Place, Message)>,
    /// Messages of each entry that are not safe elsewhere yet.
    left: BTreeMap<Place, usize>,
    /// Entries of which all is.
    done: Vec<Place>,
}

impl Default for Backlog {
    fn default() -> Self {
        Backlog { from: "-".to_owned(), waiting: VecDeque::new(), left: BTreeMap::new(), done: Vec::new() }
    }
}

impl Backlog {
    fn read(&mut self, id: String, batch: &[u8]) {
        self.from = format!("({id}");
        let place: Place = id.into();
        let messages = messages(batch);
        if messages.is_empty() {
            self.done.push(place.clone());
        } else {
            self.left.insert(place.clone(), messages.len());
        }
        self.waiting.extend(messages.into_iter().map(|message| (place.clone(), message)));
    }

    /// One message of the entry is safe elsewhere.
    fn passed_on(&mut self, place: Place) {
        let Some(left) = self.left.get_mut(&place) else { return };
        *left -= 1;
        if *left == 0 {
            self.left.remove(&place);
            self.done.push(place);
        }
    }
}

fn messages(batch: &[u8]) -> Vec<Message> {
    let message = |bytes: Result<&[u8], wire::Damaged>| match bytes.map(wire::decode) {
        Ok(Ok(message)) => Some(message).filter(Message::is_delivered),
        // A fence: whoever has put it there hears no answer from the dead.
        Ok(Err(_)) => None,
        Err(problem) => {
            tracing::error!(%problem, "a message to a node that is gone cannot be read");
            None
        }
    };
    wire::split(batch).filter_map(message).collect()
}

impl Core {
    /// Passes on what lies in one lane, for as long as no other does it and the node is not back.
    pub async fn drain(&self, legacy: &Legacy, drainer: &str, lane: usize) {
        // What the dead node has passed on itself goes first, and came by this node's own inbox.
        _ = timeout(limits::CATCH_UP, self.caught_up(lane)).await;
        let dead = &legacy.dead;
        let keys = self.keys.for_draining(&dead.node, lane);
        let silence = u64::try_from(limits::DRAINER_SILENCE.as_millis()).unwrap_or(u64::MAX);
        let mut backlog = Backlog::default();
        let (mut under_way, mut copies) = (FuturesUnordered::new(), 0);
        while !self.closing.is_requested() {
            let wanted = if backlog.waiting.is_empty() { limits::INBOX_READ } else { 0 };
            let mut command = self.scripts.drain(&keys).arg(drainer).arg(silence).arg(dead.generation.0);
            command = command.arg(&backlog.from).arg(wanted).arg(GROUP);
            for id in &backlog.done {
                command = command.arg(&**id);
            }
            let mut news = false;
            match self.redis.call(command).await {
                Ok(Value::Nil) => {
                    // Should it be this one's turn again, others may have done some of it.
                    backlog = Backlog::default();
                    under_way.clear();
                    copies = 0;
                }
                Ok(answer) => {
                    backlog.done.clear();
                    for (id, batch) in answers::entries(answer).unwrap_or_default().into_iter().map(StreamEntry::into_batch) {
                        backlog.read(id, &batch);
                        news = true;
                    }
                    if !news && backlog.left.is_empty() {
                        // From the start: a failover of Redis may bring back what was deleted.
                        backlog = Backlog::default();
                    }
                }
                Err(problem) => {
                    tracing::debug!(%problem, node = %dead.node, "the inbox of a node that is gone cannot be read at the moment");
                }
            }
            while copies < limits::PASSED_ON_TOGETHER
                && let Some((place, message)) = backlog.waiting.pop_front()
            {
                // Given now, and so in order; what follows only waits.
                let receipts = self.receipts(legacy, &message);
                let count = receipts.len();
                copies += count;
                under_way.push(async move { self.passed_on(legacy, message, receipts).await.then_some((place, count)) });
            }
            let patience = if news { Duration::ZERO } else { limits::HANDOVER_LOOK };
            let mut next = timeout(patience, next_of(&mut under_way)).await.ok();
            while let Some(passed_on) = next {
                let Some((place, count)) = passed_on else { return };
                copies -= count;
                backlog.passed_on(place);
                next = next_of(&mut under_way).now_or_never();
            }
        }
    }

    /// Resolves when the message is safe elsewhere. `false`: this node stops.
    async fn passed_on(&self, legacy: &Legacy, message: Message, mut receipts: Vec<Receipt>) -> bool {
        loop {
            match Receipt::all(receipts).await {
                Ok(()) | Err(Refusal::QueueFull) => return true,
                Err(Refusal::ShuttingDown) => return false,
                Err(problem) => {
                    tracing::warn!(%problem, "a message to a node that is gone cannot be passed on: trying again")
                }
            }
            tokio::time::sleep(limits::DRAIN_RETRY).await;
            if self.closing.is_requested() {
                return false;
            }
            receipts = self.receipts(legacy, &message);
        }
    }

    /// Gives it to all that it is for.
    fn receipts(&self, legacy: &Legacy, message: &Message) -> Vec<Receipt> {
        let Legacy { dead, host, estate } = legacy;
        let Message { event, audience, .. } = message;
        if let Some(client) = &audience.session {
            return match mark_of(event) {
                Some(mark) if mark.word == Word::Mine => vec![host.passed_on(client, mark, &dead.node)],
                Some(_) => Vec::new(),
                None => vec![host.reach(client, event, audience.groups.first())],
            };
        }
        let mut receipts = Vec::new();
        let mut passed_on = Handover::default();
        if audience.everyone {
            let mut route = Route::default();
            estate.refresh(&event.topic, &mut route);
            route.deliver_to_subscribers(event, &mut passed_on);
        }
        for group in &audience.groups {
            receipts.push(self.pass_to_group(group, event, legacy, &mut passed_on));
        }
        // One by one: they may be as many as there are sessions.
        receipts.extend(passed_on.waits.drain(..));
        receipts
    }

    /// Another member takes it: here, on another node, or one that the dead node had.
    fn pass_to_group(&self, group: &Arc<Subscription>, event: &Arc<Event>, legacy: &Legacy, passed_on: &mut Handover) -> Receipt {
        let mut taken = Handover { from_elsewhere: true, ..Handover::default() };
        if self.local.roster(group).is_some_and(|roster| roster.deliver(event, None, &mut taken))
            && let Some(arrivals) = self.arrivals.get()
        {
            return arrivals.complete(event, taken);
        }
        if let Some(receipt) = self.hand_on(group, event, 0, |node, terms| *node != legacy.dead.node && terms.with_room() > 0) {
            return receipt;
        }
        if let Some(roster) = legacy.estate.roster(group) {
            roster.deliver(event, None, passed_on);
        }
        Receipt::SAFE
    }
}

/// The next that is done; never, while there is none.
async fn next_of<T>(all: &mut FuturesUnordered<impl Future<Output = T>>) -> T {
    match all.next().await {
        Some(done) => done,
        None => std::future::pending().await,
    }
}
