//! Sends one event to the nodes that have a subscriber for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::super::port::Handover;
use super::super::route::Route;
use super::super::wire::{Audience, Double, EncodedEvent, Role};
use super::canary::wall_micros;
use super::core::Core;
use super::gate::Held;
use super::kind::DistributedKind;
use super::links::Link;
use super::mirror::Asked;
use super::plan::{Beyond, Choice, Group};
use super::share::Share;
use super::terms::Terms;
use crate::receipt::Receipt;
use crate::types::{Event, NodeId, QoS, Refusal, Subscription, TopicName, limits};

/// What one node is to get of one event.
struct Parcel {
    link: Arc<Link>,
    qos: QoS,
    audience: Audience,
}

type Parcels = SmallVec<[Parcel; 2]>;

fn add_group(parcels: &mut Parcels, link: &Arc<Link>, qos: QoS, group: &Arc<Subscription>) {
    match parcels.iter_mut().find(|parcel| Arc::ptr_eq(&parcel.link, link)) {
        Some(parcel) => {
            parcel.qos = parcel.qos.max(qos);
            parcel.audience.groups.push(group.clone());
        }
        None => parcels.push(Parcel { link: link.clone(), qos, audience: Audience::group(group.clone()) }),
    }
}

impl Core {
    pub fn publish(&self, event: &Arc<Event>, route: &mut Route, handover: &mut Handover) -> Receipt {
        self.local.refresh(&event.topic, route);
        if event.topic.is_reserved() {
            // What a node says about itself is for its own clients.
            route.deliver(event, handover);
            return Receipt::SAFE;
        }
        self.refresh_beyond(&event.topic, route);
        route.deliver_to_subscribers(event, handover);
        let Some(beyond) = route.beyond() else { return Receipt::SAFE };
        for roster in route.groups().iter().filter(|roster| !beyond.shares(roster.subscription())) {
            roster.deliver(event, None, handover);
        }
        let owed = event.qos > QoS::AtMostOnce;
        // A clock is read only where the answer depends on it.
        if owed {
            let now = Instant::now();
            if !self.gate.lets_pass(now) {
                self.figures.held.add(1);
                let served = serve_here(&beyond.groups, event, handover);
                return self.gate.hold(event, served, now);
            }
        }
        if beyond.nodes.is_empty() && beyond.groups.is_empty() {
            return Receipt::SAFE;
        }
        let mut parcels = everyone(&beyond.nodes, event, handover);
        for group in &beyond.groups {
            self.choose_member(group, event, &mut parcels, handover);
        }
        if !owed {
            return self.send(event, parcels, None, handover);
        }
        // Whoever waits for this node to know a route relies on all being sent that was looked up before.
        let _sending = self.sending.read();
        let sent = self.send(event, parcels, None, handover);
        if self.mirrored.load(Ordering::Acquire) != beyond.generation {
            let sent_to: Vec<NodeId> = beyond.nodes.iter().map(|(link, _)| link.node.clone()).collect();
            return sent.and(self.send_to_others(event, &sent_to));
        }
        sent
    }

    pub fn refresh_beyond(&self, topic: &TopicName, route: &mut Route) {
        let generation = self.mirrored.load(Ordering::Acquire);
        if route.beyond().is_none_or(|beyond| beyond.generation != generation) {
            let beyond = Beyond::new(topic, generation, &self.mirror.read(), route.groups(), &self.links);
            route.set_beyond(Box::new(beyond));
        }
    }

    /// The member in turn gets it; if it is here and nobody here can take it, another node.
    fn choose_member(&self, group: &Group, event: &Arc<Event>, parcels: &mut Parcels, handover: &mut Handover) {
        let place = match (group.next(), &group.here) {
            (Choice::There(place), _) => group.nodes.get(place),
            (Choice::Here, Some(roster)) => {
                let mut tried = Handover::default();
                let place = group.nodes.iter().find(|place| place.has_room());
                if roster.deliver(event, None, &mut tried) || place.is_none() {
                    return handover.absorb(tried);
                }
                place
            }
            (Choice::Full, _) if event.qos > QoS::AtMostOnce => {
                handover.refused.get_or_insert(Refusal::QueueFull);
                return;
            }
            // Of QoS 0 no queue is full.
            (Choice::Here | Choice::Full, _) => group.nodes.first(),
        };
        if let Some(place) = place {
            add_group(parcels, &place.link, place.qos, &group.subscription);
        }
    }

    /// Resolves when every node's inbox has it; at once where nothing is owed.
    fn send(&self, event: &Arc<Event>, parcels: Parcels, answer: Option<Share>, handover: &mut Handover) -> Receipt {
        if parcels.is_empty() {
            return Receipt::SAFE;
        }
        let encoded = Arc::new(EncodedEvent::new(event));
        let lane = self.links.lane_of(&event.publisher);
        let owed = parcels.iter().filter(|parcel| event.qos.min(parcel.qos) > QoS::AtMostOnce).count();
        let (share, receipt) = match (answer, u32::try_from(owed).unwrap_or(u32::MAX)) {
            (Some(share), _) => (Some(share), Receipt::SAFE),
            (None, 0) => (None, Receipt::SAFE),
            (None, owed) => {
                let (share, receipt) = Share::among(owed);
                (Some(share), receipt)
            }
        };
        // Until all is sent: who changes the ways puts fences behind what went the old one.
        let ways = self.ways[lane].read();
        let canary = ways.figures.as_deref().filter(|_| ways.decision.canary_for(&event.topic).is_some());
        let sent = if canary.is_some() { wall_micros() } else { 0 };
        for parcel in parcels {
            let qos = event.qos.min(parcel.qos);
            let way = |kind: DistributedKind| kind.transport(qos, encoded.as_bytes().len());
            let transport = way(ways.decision.kind);
            let share = share.as_ref().filter(|_| qos > QoS::AtMostOnce);
            handover.forwarded += 1;
            let Some(figures) = canary.filter(|_| parcel.link.compares()) else {
                parcel.link.outbox(lane, transport).send(&encoded, parcel.audience, None, share, handover);
                continue;
            };
            let other = way(figures.canary.kind);
            if other == transport {
                figures.alike.add(1);
                parcel.link.outbox(lane, transport).send(&encoded, parcel.audience, None, share, handover);
                continue;
            }
            let double = |role| Double { role, canary: figures.canary.since, sent };
            let audience = parcel.audience.clone();
            parcel.link.outbox(lane, transport).send(&encoded, parcel.audience, Some(double(Role::Current)), share, handover);
            figures.way(Role::Current).sent.add(1);
            // Nobody is owed this copy and nobody waits for it: a candidate that fails harms nobody.
            let candidate = figures.way(Role::Candidate);
            match parcel.link.outbox(lane, other).send_candidate(&encoded, audience, double(Role::Candidate)) {
                true => candidate.sent.add(1),
                false => candidate.spared.add(1),
            }
        }
        receipt
    }

    /// To nodes that have a subscriber now and had none when the event was first sent.
    pub fn send_to_others(&self, event: &Arc<Event>, sent_to: &[NodeId]) -> Receipt {
        let nodes = self.mirror.read().destinations(&event.topic).nodes;
        let others = nodes.into_iter().filter(|(node, _)| !sent_to.contains(node));
        let others: Vec<_> = others.map(|(node, asked)| (self.links.to(&node), asked)).collect();
        let mut handover = Handover::default();
        let parcels = everyone(&others, event, &mut handover);
        let sent = self.send(event, parcels, None, &mut handover);
        handover.refused.map_or(sent, Receipt::refused)
    }

    /// An event that had to wait for the node to be a member again.
    pub fn send_held(&self, held: Held) {
        let Held { event, served, sender, .. } = held;
        let mut route = Route::default();
        self.local.refresh(&event.topic, &mut route);
        self.refresh_beyond(&event.topic, &mut route);
        let mut handover = Handover::default();
        let mut parcels = Parcels::new();
        if let Some(beyond) = route.beyond() {
            parcels = everyone(&beyond.nodes, &event, &mut handover);
            for group in beyond.groups.iter().filter(|group| group.here.is_none() && !served.contains(&group.subscription)) {
                self.choose_member(group, &event, &mut parcels, &mut handover);
            }
        }
        let owed = parcels.iter().filter(|parcel| event.qos.min(parcel.qos) > QoS::AtMostOnce).count();
        if owed == 0 || handover.refused.is_some() {
            // Whoever does not wait any more needs no answer.
            _ = sender.send(handover.refused.map_or(Ok(()), Err));
            drop(self.send(&event, parcels, None, &mut handover));
            return;
        }
        let share = Share::answering(sender, u32::try_from(owed).unwrap_or(u32::MAX));
        drop(self.send(&event, parcels, Some(share), &mut handover));
    }

    /// Gives an event that no member of the group here can take to one on another node that `may` have it. `None` when there is none.
    pub fn hand_on(
        &self,
        subscription: &Subscription,
        event: &Arc<Event>,
        hops: u8,
        may: impl Fn(&NodeId, &Terms) -> bool,
    ) -> Option<Receipt> {
        if hops >= limits::GROUP_HOPS {
            return None;
        }
        let mut found = self.mirror.read().group(subscription)?;
        found.nodes.retain(|(node, terms)| may(node, terms));
        let group = Group::new(found, None, &self.links);
        let place = match group.next() {
            Choice::There(place) => place,
            // Where it was allowed nevertheless, the reserve takes it.
            Choice::Full => 0,
            Choice::Here => return None,
        };
        let place = group.nodes.get(place)?;
        self.figures.handed_on.add(1);
        let audience = Audience { hops: hops + 1, ..Audience::group(group.subscription.clone()) };
        let parcels = [Parcel { link: place.link.clone(), qos: place.qos, audience }].into_iter().collect();
        Some(self.send(event, parcels, None, &mut Handover::default()))
    }
}

/// For all who are in no group. One whose durable queue is full refuses it from afar; the others get it nevertheless, as they do on one
/// node.
fn everyone(nodes: &[(Arc<Link>, Asked)], event: &Event, handover: &mut Handover) -> Parcels {
    let mut parcels = Parcels::new();
    for (link, asked) in nodes {
        let refused = asked.full && event.qos > QoS::AtMostOnce;
        if refused {
            handover.refused.get_or_insert(Refusal::QueueFull);
        }
        let audience = Audience { refused, ..Audience::everyone() };
        parcels.push(Parcel { link: link.clone(), qos: asked.qos, audience });
    }
    parcels
}

/// While the others cannot be reached, members here do the work of their groups. Says which groups have been served.
fn serve_here(groups: &[Group], event: &Arc<Event>, handover: &mut Handover) -> Vec<Arc<Subscription>> {
    let mut served = Vec::new();
    for group in groups {
        if let Some(roster) = &group.here
            && roster.deliver(event, None, handover)
        {
            served.push(group.subscription.clone());
        }
    }
    served
}
