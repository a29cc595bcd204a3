//! Retained messages that this node has seen pass as events, and has not read yet as what is retained.
//!
//! Another node sends an event to those who have subscribed before it changes what is retained. Who subscribes here in between would
//! miss it on both ways: it comes too late for the event and reads what was retained before. So its SUBACK waits for the reading.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::share::Share;
use crate::receipt::Receipt;
use crate::types::{Event, EventId, TopicFilter, TopicName, limits};

#[derive(Default)]
pub struct Unread(Mutex<HashMap<TopicName, Awaited>>);

struct Awaited {
    event: EventId,
    since: Instant,
    waiting: Vec<Share>,
}

impl Unread {
    /// `event` has come, and is what is retained or soon will be. `retained`: what is, as far as this node has read.
    pub fn passed(&self, event: &Event, retained: Option<EventId>, now: Instant) {
        if retained.is_some_and(|retained| retained >= event.id) {
            return;
        }
        let mut topics = self.0.lock();
        if let Some(awaited) = topics.get_mut(&event.topic) {
            awaited.event = awaited.event.max(event.id);
            awaited.since = now;
        } else if topics.len() < limits::UNREAD_RETAINED {
            topics.insert(event.topic.clone(), Awaited { event: event.id, since: now, waiting: Vec::new() });
        }
    }

    /// What is retained for `topic` has been read.
    pub fn read(&self, topic: &TopicName, retained: Option<EventId>) {
        let mut topics = self.0.lock();
        // None: either it was taken away since, or its end was the event itself.
        if topics.get(topic).is_none_or(|awaited| retained.is_some_and(|retained| retained < awaited.event)) {
            return;
        }
        let known = topics.remove(topic);
        drop(topics);
        known.into_iter().for_each(Awaited::answer);
    }

    /// Whose node died before it changed what is retained, or who was overtaken by a change from elsewhere: nobody waits longer for it.
    pub fn forget_overdue(&self, now: Instant) {
        let overdue: Vec<Awaited> = {
            let mut topics = self.0.lock();
            topics.extract_if(|_, awaited| awaited.since + limits::UNREAD_FOR <= now).map(|(_, awaited)| awaited).collect()
        };
        overdue.into_iter().for_each(Awaited::answer);
    }

    /// Resolves once all of these that match `filter` have been read.
    pub fn settled(&self, filter: &TopicFilter) -> Receipt {
        let mut topics = self.0.lock();
        if topics.is_empty() {
            return Receipt::SAFE;
        }
        let matching = topics.iter_mut().filter(|(topic, _)| filter.matches(topic.as_str()));
        let matching: Vec<&mut Awaited> = matching.map(|(_, awaited)| awaited).collect();
        if matching.is_empty() {
            return Receipt::SAFE;
        }
        let (share, receipt) = Share::among(u32::try_from(matching.len()).unwrap_or(u32::MAX));
        matching.into_iter().for_each(|awaited| awaited.waiting.push(share.clone()));
        receipt
    }
}

impl Awaited {
    fn answer(self) {
        self.waiting.iter().for_each(|share| share.answer(Ok(())));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::super::super::conformance::harness::Harness;
    use super::super::super::memory::MemoryBus;
    use super::*;

    fn events(topic: &str, count: usize) -> Vec<Arc<Event>> {
        let harness = Harness::new(&|| Arc::new(MemoryBus::new()));
        let mut publisher = harness.publisher("one", topic);
        (0..count).map(|_| publisher.event()).collect()
    }

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::parse(text).expect("valid")
    }

    fn is_open(receipt: &mut Receipt) -> bool {
        receipt.now_or_never().is_none()
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscriber_waits_for_what_has_passed_and_matches() {
        let (unread, events) = (Unread::default(), events("a/b", 2));
        unread.passed(&events[0], None, Instant::now());
        let mut waits = unread.settled(&filter("a/#"));
        assert!(is_open(&mut waits));
        assert_eq!(unread.settled(&filter("b/#")).await, Ok(()), "that is about something else");

        unread.passed(&events[1], None, Instant::now());
        unread.read(&events[0].topic, Some(events[0].id));
        assert!(is_open(&mut waits), "the later one is not what was read");
        unread.read(&events[1].topic, Some(events[1].id));
        assert_eq!(waits.await, Ok(()));
        assert_eq!(unread.settled(&filter("a/#")).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_what_was_read_before_it_passed() {
        let (unread, events) = (Unread::default(), events("a", 2));
        unread.passed(&events[0], Some(events[0].id), Instant::now());
        unread.passed(&events[0], Some(events[1].id), Instant::now());
        assert_eq!(unread.settled(&filter("#")).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let (unread, events) = (Unread::default(), events("a", 1));
        unread.passed(&events[0], None, Instant::now());
        let mut waits = unread.settled(&filter("a"));
        unread.forget_overdue(Instant::now());
        assert!(is_open(&mut waits));
        tokio::time::advance(limits::UNREAD_FOR).await;
        unread.forget_overdue(Instant::now());
        assert_eq!(waits.await, Ok(()));
    }
}
