use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use super::port::{Availability, Delivered, Handover};
use super::subscriptions::{Member, Members};
use crate::types::{Delivery, Event, SubscriberId, Subscription};

/// The members of one shared subscription: a (group, filter) pair (MQTT 5 §4.8.2).
pub struct Group {
    /// What its members' deliveries say they were chosen for.
    subscription: Arc<Subscription>,
    members: Members,
    /// Made when first asked for after a change: a thousand joins cost one copy, not a thousand.
    roster: OnceLock<Arc<Roster>>,
    turn: Arc<AtomicUsize>,
}

/// What routes hold of a group: who takes turns, unchanging.
pub struct Roster {
    subscription: Arc<Subscription>,
    members: Box<[Member]>,
    turn: Arc<AtomicUsize>,
}

impl Group {
    pub fn new(subscription: &Subscription) -> Self {
        Group {
            subscription: Arc::new(subscription.clone()),
            members: Members::None,
            roster: OnceLock::new(),
            turn: Arc::default(),
        }
    }

    pub fn members_mut(&mut self) -> &mut Members {
        self.roster.take();
        &mut self.members
    }

    pub fn roster(&self) -> &Arc<Roster> {
        self.roster.get_or_init(|| {
            let mut members: Box<[Member]> = self.members.iter().cloned().collect();
            members.sort_unstable_by_key(|member| member.id);
            Arc::new(Roster { subscription: self.subscription.clone(), members, turn: self.turn.clone() })
        })
    }
}

impl Roster {
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Members that were not offline when they last subscribed.
    pub fn present(&self) -> usize {
        self.members.iter().filter(|member| !member.offline).count()
    }

    /// Whether somebody reads for one of them, as they are now.
    pub fn is_attended(&self) -> bool {
        self.members.iter().any(|member| member.subscriber.availability() != Availability::Offline)
    }

    pub fn subscription(&self) -> &Arc<Subscription> {
        &self.subscription
    }

    /// Hands the event to one member: the next in turn among those of the best availability; who does not take it is passed over.
    /// `true` when one took it.
    pub fn deliver(&self, event: &Arc<Event>, except: Option<SubscriberId>, handover: &mut Handover) -> bool {
        let count = self.members.len();
        if count == 0 {
            return false;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let next = &self.members[turn % count];
        let mut refusal = None;
        let mut dropped = None;
        let mut offer = |member: &Member, handover: &mut Handover| match member.offer(event, &self.subscription, handover) {
            Delivered::Refused(reason) => {
                refusal.get_or_insert(reason);
                false
            }
            Delivered::Dropped(reason) => {
                dropped.get_or_insert(reason);
                false
            }
            taken => {
                handover.note(taken, &member.subscriber);
                true
            }
        };
        // Nearly always the one whose turn it is can take it, and the others need not be asked how they are.
        let ready = Some(next.id) != except && next.subscriber.availability() == Availability::Ready;
        if ready && offer(next, handover) {
            return true;
        }
        let passed_over = if ready { Some(next.id) } else { None };
        let others = self.members.iter().filter(|member| Some(member.id) != except && Some(member.id) != passed_over);
        for member in in_turn(others, turn, count) {
            if offer(member, handover) {
                return true;
            }
        }
        match (refusal, dropped) {
            (Some(reason), _) => _ = handover.refused.get_or_insert(reason),
            (None, Some(reason)) => handover.note_drop(reason),
            (None, None) => {}
        }
        false
    }
}

impl Member {
    fn offer(&self, event: &Arc<Event>, subscription: &Arc<Subscription>, handover: &mut Handover) -> Delivered {
        let delivery = Delivery {
            event: event.clone(),
            qos: event.qos.min(self.options.qos),
            retain: event.retain && self.options.retain_as_published,
            identifiers: self.options.identifier.map(|identifier| [identifier].into()),
            shared: Some(subscription.clone()),
        };
        self.subscriber.deliver(delivery, handover)
    }
}

/// Best availability first, and within it another first one each time.
fn in_turn<'a>(members: impl Iterator<Item = &'a Member>, turn: usize, count: usize) -> SmallVec<[&'a Member; 8]> {
    let mut offered: SmallVec<[(Availability, &Member); 8]> =
        members.map(|member| (member.subscriber.availability(), member)).collect();
    offered.sort_by_key(|(availability, _)| *availability);
    let best = offered.iter().take_while(|(availability, _)| *availability == offered[0].0).count();
    if best > 0 {
        // We come here only on the turns of some members. Whole rounds then, not turns, spread the work over the rest evenly.
        let first = if best == count { turn } else { turn / count };
        offered[..best].rotate_left(first % best);
    }
    offered.into_iter().map(|(_, member)| member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ClientId, DropReason, EventId, Properties, QoS, SubscribeOptions, Timestamp};

    /// Answers every delivery the same way.
    struct Member {
        id: SubscriberId,
        answer: Delivered,
    }

    impl crate::bus::Subscriber for Member {
        fn id(&self) -> SubscriberId {
            self.id
        }

        fn client(&self) -> &str {
            ""
        }

        fn deliver(&self, _: Delivery, _: &mut Handover) -> Delivered {
            self.answer
        }
    }

    fn offered_to(answers: &[Delivered]) -> Handover {
        let mut group = Group::new(&Subscription::parse("$share/g/t").expect("valid"));
        for answer in answers {
            let subscriber = Arc::new(Member { id: SubscriberId::unique(), answer: *answer });
            group.members_mut().insert(super::Member::new(subscriber, SubscribeOptions::default()));
        }
        let event = Event {
            id: EventId(1),
            topic: "t".parse().expect("valid"),
            payload: Box::default(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::NONE,
            expires_at: None,
            publisher: ClientId::new("test"),
            time: Timestamp(0),
        };
        let mut handover = Handover::default();
        group.roster().deliver(&Arc::new(event), None, &mut handover);
        handover
    }

    #[test]
    fn a_member_that_passes_an_event_on_has_dropped_nothing() {
        let slow = Delivered::Dropped(DropReason::SlowSubscriber);
        let taken = offered_to(&[slow, slow, Delivered::Accepted]);
        assert_eq!((taken.accepted, taken.dropped()), (1, 0));
        let lost = offered_to(&[slow, slow]);
        assert_eq!((lost.accepted, lost.dropped()), (0, 1), "the group loses one copy, whoever was asked");
        assert_eq!(lost.drops[DropReason::SlowSubscriber as usize], 1);
    }
}
