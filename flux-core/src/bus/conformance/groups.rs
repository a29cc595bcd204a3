use std::sync::Arc;

use super::super::port::{Availability, Delivered, EventBus, Handover};
use super::harness::{Collector, Harness, PLAIN, number, parse};
use crate::types::{DropReason, Refusal, SubscribeOptions};

const EVENTS: usize = 60;

async fn members(harness: &Harness, count: usize, subscription: &str) -> Vec<Arc<Collector>> {
    let mut members = Vec::new();
    for _ in 0..count {
        members.push(harness.subscriber(subscription).await);
    }
    members
}

/// The numbers of all events that the members have among them, sorted.
fn numbers(harness: &Harness, members: &[&Arc<Collector>]) -> Vec<u64> {
    let mut numbers: Vec<u64> = harness.received(members).iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

pub async fn a_group_gives_each_event_to_one_member(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let members = members(&harness, 3, "$share/workers/jobs/#").await;
    let other_group = harness.subscriber("$share/others/jobs/#").await;
    let other_filter = harness.subscriber("$share/workers/jobs/+").await;
    let members: Vec<&Arc<Collector>> = members.iter().collect();
    let mut publisher = harness.publisher("one", "jobs/today");
    // Twice, so that doubles of the first half have come when the second is complete.
    for half in 1..=2 {
        publisher.publish_times(EVENTS as u64).await;
        for group in [&members[..], &[&other_group], &[&other_filter]] {
            harness.wait_for(half * EVENTS, group).await;
        }
    }
    for group in [&members[..], &[&other_group], &[&other_filter]] {
        assert_eq!(numbers(&harness, group), Vec::from_iter(0..2 * EVENTS as u64));
    }
    for member in members {
        assert!(!harness.numbers(member).is_empty(), "all members work");
    }
    for delivery in harness.received(&[&other_group]) {
        assert_eq!(delivery.shared.as_deref(), Some(&parse("$share/others/jobs/#")), "so that it can be handed on");
    }
}

pub async fn a_member_may_also_subscribe_for_itself(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let member = harness.collector("");
    harness.subscribe("$share/workers/a", SubscribeOptions { identifier: Some(1), ..PLAIN }, &member).await;
    harness.subscribe("a", SubscribeOptions { identifier: Some(2), ..PLAIN }, &member).await;
    harness.publisher("one", "a").publish().await;
    harness.wait_until(|| harness.identifiers(&member) == [1, 2], || "one event, both ways".to_owned()).await;
    for delivery in harness.received(&[&member]) {
        assert_eq!(number(&delivery), 0);
        assert_eq!(delivery.shared.is_some(), delivery.identifiers.as_deref() == Some(&[1]), "only one was for the group");
    }
}

pub async fn the_most_available_members_take_turns(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let members = members(&harness, 4, "$share/workers/a").await;
    let mut publisher = harness.publisher("one", "a");
    let mut published = 0;
    for (states, working) in [
        ([Availability::Offline, Availability::Ready, Availability::Busy, Availability::Ready], [1, 3]),
        ([Availability::Busy, Availability::Offline, Availability::Offline, Availability::Busy], [0, 3]),
        ([Availability::Offline, Availability::Ready, Availability::Ready, Availability::Offline], [1, 2]),
    ] {
        for (member, state) in members.iter().zip(states) {
            member.be(state);
        }
        let before: Vec<usize> = members.iter().map(|member| harness.numbers(member).len()).collect();
        publisher.publish_times(EVENTS as u64).await;
        published += EVENTS;
        harness.wait_for(published, &members.iter().collect::<Vec<_>>()).await;
        for (index, member) in members.iter().enumerate() {
            let got = harness.numbers(member).len() - before[index];
            if working.contains(&index) {
                assert!(got > EVENTS / 5, "member {index} of {states:?} has its share, not {got} of {EVENTS}");
            } else {
                assert_eq!(got, 0, "member {index} of {states:?}");
            }
        }
    }
}

pub async fn members_that_cannot_take_an_event_are_passed_over(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let members = members(&harness, 4, "$share/workers/a").await;
    members[0].answer(Delivered::Refused(Refusal::QueueFull));
    members[1].answer(Delivered::Dropped(DropReason::SlowSubscriber));
    members[2].be(Availability::Offline);
    let mut publisher = harness.publisher("one", "a");
    publisher.publish_times(EVENTS as u64).await;
    harness.wait_for(EVENTS, &[&members[3]]).await;
    assert_eq!(harness.numbers(&members[3]), Vec::from_iter(0..EVENTS as u64), "the one that takes them has them all, in order");

    members[3].answer(Delivered::Refused(Refusal::QueueFull));
    publisher.publish_times(EVENTS as u64).await;
    harness.wait_for(EVENTS, &[&members[2]]).await;
    assert_eq!(harness.numbers(&members[2]).len(), EVENTS, "who is offline takes what nobody else takes");

    members[2].answer(Delivered::Refused(Refusal::QueueFull));
    if !harness.bus.guarantees().local {
        return;
    }
    assert!(!publisher.try_publish().await, "nobody has it, so it is not safe");
}

pub async fn a_leaving_member_hands_on_what_it_had(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let subscription = parse("$share/workers/a/#");
    let leaving = harness.subscriber("$share/workers/a/#").await;
    harness.publisher("one", "a/b").publish_times(EVENTS as u64).await;
    harness.wait_for(EVENTS, &[&leaving]).await;
    let unacknowledged = harness.received(&[&leaving]);
    let hand_on = |handover: &mut Handover| {
        let taken = unacknowledged
            .iter()
            .filter(|delivery| harness.bus.publish_to_group(&subscription, &delivery.event, leaving.id, handover));
        taken.count()
    };
    assert_eq!(hand_on(&mut Handover::default()), 0, "there is nobody else");

    let heirs = [harness.subscriber("$share/workers/a/#").await, harness.subscriber("$share/workers/a/#").await];
    let _strangers = (harness.subscriber("$share/others/a/#").await, harness.subscriber("a/#").await);
    let mut handover = Handover::default();
    assert_eq!(hand_on(&mut handover), EVENTS);
    assert_eq!(handover.accepted as usize, EVENTS, "one member each");
    harness.wait_for(EVENTS, &[&heirs[0], &heirs[1]]).await;
    assert_eq!(numbers(&harness, &[&heirs[0], &heirs[1]]), Vec::from_iter(0..EVENTS as u64));
    assert_eq!(harness.received(&[&leaving]).len(), EVENTS, "nothing comes back to the one that leaves");

    assert!(harness.bus.unsubscribe(&subscription, leaving.id));
    assert_eq!(hand_on(&mut Handover::default()), EVENTS, "it may have left already");
}
