use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::HashMap;
use parking_lot::RwLock;
use smallvec::SmallVec;

use super::group::Roster;
use super::levels::shrink_if_sparse;
use super::port::{BusStats, EventBus, Guarantees, Handover, Subscriber};
use super::route::Route;
use super::subscriptions::{Member, Subscriptions};
use super::trie::{FilterTrie, Leaf};
use crate::receipt::Receipt;
use crate::types::{Event, SubscribeOptions, SubscriberId, Subscription, TopicName};

/// The bus of one process: publishers walk the table of filters themselves, and only when it has changed since they last did.
pub struct MemoryBus {
    table: RwLock<Table>,
    /// Grows with each change of the table, under its write lock. Starts at another value in each bus, so that a route of one is
    /// never taken for a route of another.
    generation: AtomicU64,
}

#[derive(Default)]
struct Table {
    filters: FilterTrie<Subscriptions>,
    /// How many subscriptions each subscriber has.
    subscribers: HashMap<SubscriberId, u32>,
    subscriptions: u64,
    groups: u64,
}

impl Default for MemoryBus {
    fn default() -> Self {
        static BUSES: AtomicU64 = AtomicU64::new(1);
        MemoryBus { table: RwLock::default(), generation: AtomicU64::new(BUSES.fetch_add(1, Ordering::Relaxed) << 40) }
    }
}

impl MemoryBus {
    pub fn new() -> Self {
        MemoryBus::default()
    }

    /// Makes `route` lead where `topic` leads now. Says whether it was another way before.
    pub(super) fn refresh(&self, topic: &TopicName, route: &mut Route) -> bool {
        let stale = !route.leads(topic, self.generation.load(Ordering::Acquire));
        if stale {
            self.resolve(topic, route);
        }
        stale
    }

    /// Answers the subscription that this one replaces.
    pub(super) fn insert(&self, subscription: &Subscription, member: Member) -> Option<Member> {
        let mut table = self.table.write();
        let replaced = table.insert(subscription, member);
        self.generation.fetch_add(1, Ordering::Release);
        replaced
    }

    pub(super) fn remove(&self, subscription: &Subscription, subscriber: SubscriberId) -> Option<Member> {
        let mut table = self.table.write();
        let removed = table.remove(subscription, subscriber);
        if removed.is_some() {
            self.generation.fetch_add(1, Ordering::Release);
        }
        removed
    }

    /// Who takes turns in a group.
    pub(super) fn roster(&self, subscription: &Subscription) -> Option<Arc<Roster>> {
        let table = self.table.read();
        let group = table.filters.get(&subscription.filter)?.group(subscription.group.as_ref()?)?;
        Some(group.roster().clone())
    }

    #[cold]
    fn resolve(&self, topic: &TopicName, route: &mut Route) {
        // Before the lock is taken: dropping the last reference to a subscriber may run anything.
        route.clear();
        let table = self.table.read();
        let mut matched: SmallVec<[&Subscriptions; 8]> = SmallVec::new();
        table.filters.visit(topic, &mut |found| {
            if !found.is_empty() {
                matched.push(found);
            }
        });
        route.fill(topic, self.generation.load(Ordering::Acquire), &matched);
    }
}

impl EventBus for MemoryBus {
    fn publish(&self, event: &Arc<Event>, route: &mut Route, handover: &mut Handover) -> Receipt {
        self.refresh(&event.topic, route);
        route.deliver(event, handover);
        Receipt::SAFE
    }

    fn publish_to_group(
        &self,
        subscription: &Subscription,
        event: &Arc<Event>,
        except: SubscriberId,
        handover: &mut Handover,
    ) -> bool {
        let Some(roster) = self.roster(subscription) else { return false };
        roster.deliver(event, Some(except), handover)
    }

    fn subscribe(&self, subscription: &Subscription, options: SubscribeOptions, subscriber: Arc<dyn Subscriber>) -> Receipt {
        // Dropped here, outside of the lock: dropping a subscriber may run anything.
        drop(self.insert(subscription, Member::new(subscriber, options)));
        Receipt::SAFE
    }

    fn unsubscribe(&self, subscription: &Subscription, subscriber: SubscriberId) -> bool {
        self.remove(subscription, subscriber).is_some()
    }

    fn guarantees(&self) -> Guarantees {
        Guarantees { at_least_once: true, crosses_nodes: false, local: true }
    }

    fn stats(&self) -> BusStats {
        let table = self.table.read();
        BusStats {
            subscriptions: table.subscriptions,
            subscribers: table.subscribers.len() as u64,
            shared_groups: table.groups,
            ..BusStats::default()
        }
    }
}

impl Table {
    fn insert(&mut self, subscription: &Subscription, member: Member) -> Option<Member> {
        let id = member.id;
        let members = self.filters.get_or_insert(&subscription.filter).members_mut(subscription);
        let first = members.is_empty();
        let replaced = members.insert(member);
        if replaced.is_none() {
            self.subscriptions += 1;
            self.groups += u64::from(first && subscription.group.is_some());
            *self.subscribers.entry(id).or_default() += 1;
        }
        replaced
    }

    fn remove(&mut self, subscription: &Subscription, id: SubscriberId) -> Option<Member> {
        let (removed, last) = self.filters.remove(&subscription.filter, |found| found.remove(subscription.group.as_ref(), id))?;
        self.subscriptions -= 1;
        self.groups -= u64::from(last);
        let count = self.subscribers.get_mut(&id).expect("whoever has a subscription is counted");
        *count -= 1;
        if *count == 0 {
            self.subscribers.remove(&id);
            shrink_if_sparse(&mut self.subscribers);
        }
        Some(removed)
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::super::conformance::harness::{Harness, PLAIN, parse};
    use super::super::port::Delivered;
    use super::*;
    use crate::types::Delivery;

    fn harness() -> Arc<Harness> {
        Harness::new(&|| Arc::new(MemoryBus::new()))
    }

    #[tokio::test]
    async fn a_route_that_is_used_for_another_topic_or_bus_leads_there() {
        let (here, there) = (harness(), harness());
        let (a, b, elsewhere) = (here.subscriber("a").await, here.subscriber("b").await, there.subscriber("a").await);
        let mut route = Route::default();
        for (harness, topic) in [(&here, "a"), (&here, "b"), (&there, "a"), (&here, "a")] {
            let event = harness.publisher("one", topic).event();
            assert_eq!(harness.bus.publish(&event, &mut route, &mut Handover::default()).await, Ok(()));
        }
        assert_eq!([&a, &b, &elsewhere].map(|subscriber| here.received(&[subscriber]).len()), [2, 1, 1]);
    }

    /// Ends its subscription from inside of the bus' own calls, and again when it is dropped.
    struct Leaver {
        bus: Arc<MemoryBus>,
        heard: Arc<Mutex<Vec<bool>>>,
    }

    impl Subscriber for Leaver {
        fn id(&self) -> SubscriberId {
            SubscriberId(u64::MAX)
        }

        fn client(&self) -> &str {
            ""
        }

        fn deliver(&self, _: Delivery, _: &mut Handover) -> Delivered {
            self.heard.lock().push(self.bus.unsubscribe(&parse("a"), self.id()));
            Delivered::Accepted
        }
    }

    impl Drop for Leaver {
        fn drop(&mut self) {
            self.heard.lock().push(self.bus.unsubscribe(&parse("a"), SubscriberId(u64::MAX)));
        }
    }

    #[tokio::test]
    async fn a_subscriber_may_use_the_bus_from_inside_of_it() {
        let bus = Arc::new(MemoryBus::new());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let leaver = Arc::new(Leaver { bus: bus.clone(), heard: heard.clone() });
        assert_eq!(bus.subscribe(&parse("a"), PLAIN, leaver).await, Ok(()));
        let event = harness().publisher("one", "a").event();
        let mut route = Route::default();
        for accepted in [1, 0] {
            let mut handover = Handover::default();
            assert_eq!(bus.publish(&event, &mut route, &mut handover).await, Ok(()));
            assert_eq!(handover.accepted, accepted);
        }
        assert_eq!(*heard.lock(), [true, false], "delivered once, then dropped by the route that was made anew");
    }
}
