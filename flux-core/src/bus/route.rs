use std::sync::Arc;

use smallvec::SmallVec;

use super::distributed::Beyond;
use super::group::Roster;
use super::port::{Handover, Subscriber};
use super::subscriptions::{Member, Subscriptions};
use crate::types::{Delivery, Event, QoS, TopicName};

/// A publisher's memory of where one topic leads: whoever publishes again and again keeps one for each of its topics.
///
/// Until a subscription changes, publishing with it looks nothing up. It keeps subscribers' memory alive until it is used again or
/// dropped, so a subscriber that ends must let go of what it holds.
#[derive(Default)]
pub struct Route {
    topic: Option<TopicName>,
    /// Of the subscriptions it was made from. Zero is that of none.
    generation: u64,
    targets: Vec<Target>,
    groups: Vec<Arc<Roster>>,
    /// Where it leads beyond this process, where there is such a place.
    beyond: Option<Box<Beyond>>,
}

/// One subscriber, however many of its subscriptions match.
struct Target {
    subscriber: Arc<dyn Subscriber>,
    terms: Terms,
    own: Own,
}

/// What several subscriptions of one subscriber ask for together.
struct Terms {
    qos: QoS,
    retain_as_published: bool,
    identifiers: Option<Arc<[u32]>>,
}

/// How a subscriber hears its own events (no-local, MQTT 5 §3.8.3.1).
enum Own {
    LikeOthers,
    NotAtAll,
    /// By those of its subscriptions that do not say no-local.
    By(Box<Terms>),
}

impl Route {
    pub(super) fn leads(&self, topic: &TopicName, generation: u64) -> bool {
        self.generation == generation && self.topic.as_ref() == Some(topic)
    }

    pub(super) fn beyond(&self) -> Option<&Beyond> {
        self.beyond.as_deref()
    }

    pub(super) fn set_beyond(&mut self, beyond: Box<Beyond>) {
        self.beyond = Some(beyond);
    }

    pub(super) fn groups(&self) -> &[Arc<Roster>] {
        &self.groups
    }

    pub(super) fn clear(&mut self) {
        self.generation = 0;
        self.beyond = None;
        // Not `clear()`: idle publishers would keep the room of subscribers that are gone.
        self.targets = Vec::new();
        self.groups = Vec::new();
    }

    /// Fills a cleared route. `matched` are the subscriptions whose filters match the topic, as they were in `generation`.
    pub(super) fn fill(&mut self, topic: &TopicName, generation: u64, matched: &[&Subscriptions]) {
        let mut members: SmallVec<[&Member; 16]> = matched.iter().flat_map(|found| found.members.iter()).collect();
        // Members of one filter are distinct, so only several filters can name the same subscriber twice.
        if matched.iter().filter(|found| !found.members.is_empty()).count() > 1 {
            members.sort_unstable_by_key(|member| member.id);
        }
        self.targets.extend(members.chunk_by(|a, b| a.id == b.id).map(Target::new));
        self.groups.extend(
            matched
                .iter()
                .filter_map(|found| found.groups.as_ref())
                .flat_map(|groups| groups.values())
                .map(|group| group.roster().clone()),
        );
        self.topic = Some(topic.clone());
        self.generation = generation;
    }

    pub(super) fn deliver(&self, event: &Arc<Event>, handover: &mut Handover) {
        self.deliver_to_subscribers(event, handover);
        for group in &self.groups {
            group.deliver(event, None, handover);
        }
    }

    /// To all who are in no group.
    pub(super) fn deliver_to_subscribers(&self, event: &Arc<Event>, handover: &mut Handover) {
        for target in &self.targets {
            if let Some(terms) = target.terms_for(event) {
                let delivered = target.subscriber.deliver(terms.delivery(event), handover);
                handover.note(delivered, &target.subscriber);
            }
        }
    }
}

impl Target {
    fn new(subscriptions: &[&Member]) -> Self {
        let subscriber = subscriptions[0].subscriber.clone();
        let own = if subscriptions.iter().any(|member| member.options.no_local) {
            let local = subscriptions.iter().filter(|member| !member.options.no_local);
            Terms::of(local).map_or(Own::NotAtAll, |terms| Own::By(Box::new(terms)))
        } else {
            Own::LikeOthers
        };
        let terms = Terms::of(subscriptions.iter()).expect("a target has at least one subscription");
        Target { subscriber, terms, own }
    }

    fn terms_for(&self, event: &Event) -> Option<&Terms> {
        let own = match &self.own {
            Own::LikeOthers => return Some(&self.terms),
            Own::NotAtAll => None,
            Own::By(terms) => Some(&**terms),
        };
        if event.publisher.as_str() == self.subscriber.client() { own } else { Some(&self.terms) }
    }
}

impl Terms {
    fn of<'a>(subscriptions: impl Iterator<Item = &'a &'a Member> + Clone) -> Option<Self> {
        let qos = subscriptions.clone().map(|member| member.options.qos).max()?;
        let retain_as_published = subscriptions.clone().any(|member| member.options.retain_as_published);
        let mut identifiers: SmallVec<[u32; 4]> = subscriptions.filter_map(|member| member.options.identifier).collect();
        identifiers.sort_unstable();
        Some(Terms { qos, retain_as_published, identifiers: (!identifiers.is_empty()).then(|| identifiers.as_slice().into()) })
    }

    fn delivery(&self, event: &Arc<Event>) -> Delivery {
        Delivery {
            event: event.clone(),
            qos: event.qos.min(self.qos),
            retain: event.retain && self.retain_as_published,
            identifiers: self.identifiers.clone(),
            shared: None,
        }
    }
}
