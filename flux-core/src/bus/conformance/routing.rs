use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::super::port::{Delivered, EventBus};
use super::harness::{Harness, PLAIN, number};
use crate::types::{Refusal, TopicFilter};

pub async fn order_is_kept_per_publisher_and_topic(make: &impl Fn() -> Arc<dyn EventBus>) {
    const EVENTS: u64 = 200;
    let harness = Harness::new(make);
    let subscriber = harness.subscriber("line/+").await;
    let publishers = ["one", "two", "three"].into_iter().flat_map(|client| [(client, "line/a"), (client, "line/b")]);
    let mut tasks = JoinSet::new();
    for (client, topic) in publishers {
        let mut publisher = harness.publisher(client, topic);
        tasks.spawn(async move { publisher.publish_times(EVENTS).await });
    }
    let streams = tasks.len();
    tasks.join_all().await;
    harness.wait_for(streams * EVENTS as usize, &[&subscriber]).await;
    let mut by_stream: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
    for delivery in harness.received(&[&subscriber]) {
        let stream = (delivery.event.publisher.to_string(), delivery.event.topic.to_string());
        by_stream.entry(stream).or_default().push(number(&delivery));
    }
    assert_eq!(by_stream.len(), streams);
    for (stream, numbers) in by_stream {
        assert_eq!(numbers, Vec::from_iter(0..EVENTS), "{stream:?}");
    }
}

pub async fn every_subscriber_gets_every_event(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let mut subscribers = Vec::new();
    for _ in 0..30 {
        subscribers.push(harness.subscriber("news").await);
    }
    harness.publisher("press", "news").publish_times(20).await;
    for subscriber in &subscribers {
        harness.wait_for(20, &[subscriber]).await;
        assert_eq!(harness.numbers(subscriber), Vec::from_iter(0..20));
    }
}

pub async fn wildcards_match_as_specified(make: &impl Fn() -> Arc<dyn EventBus>) {
    const FILTERS: [&str; 14] =
        ["#", "+", "+/+", "/+", "/", "a", "a/#", "a/+", "a/+/c", "a/b/#", "a/b/c", "+/b/#", "$SYS/#", "$SYS/+"];
    const TOPICS: [&str; 11] = ["a", "a/b", "a/b/c", "a/b/c/d", "a/x/c", "b", "/", "/a", "a/", "$SYS/up", "$SYS"];
    let harness = Harness::new(make);
    let mut subscribers = Vec::new();
    for filter in FILTERS {
        let subscriber = harness.subscriber(filter).await;
        harness.subscribe("end", PLAIN, &subscriber).await;
        subscribers.push((TopicFilter::parse(filter).expect("valid filter"), subscriber));
    }
    let local = harness.bus.guarantees().local;
    let topics = || TOPICS.into_iter().filter(|topic| local || !topic.starts_with('$'));
    for topic in topics() {
        harness.publisher("one", topic).publish().await;
    }
    harness.publisher("one", "end").publish().await;
    for (filter, subscriber) in &subscribers {
        let wanted: BTreeSet<&str> = topics().chain(["end"]).filter(|topic| *topic == "end" || filter.matches(topic)).collect();
        harness.wait_for(wanted.len(), &[subscriber]).await;
        let received = harness.received(&[subscriber]);
        assert_eq!(received.iter().map(|delivery| delivery.event.topic.as_str()).collect::<BTreeSet<_>>(), wanted, "{filter}");
        assert_eq!(received.len(), wanted.len(), "{filter}: each once");
    }
}

pub async fn unsubscribing_stops_delivery(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let (subscriber, witness) = (harness.subscriber("a/+").await, harness.subscriber("a/+").await);
    let mut publisher = harness.publisher("one", "a/b");
    publisher.publish().await;
    harness.wait_for(1, &[&subscriber]).await;

    assert!(!harness.unsubscribe("a/b", &subscriber), "another filter is another subscription");
    assert!(harness.unsubscribe("a/+", &subscriber));
    assert!(!harness.unsubscribe("a/+", &subscriber), "it is gone");
    publisher.publish().await;
    harness.wait_for(2, &[&witness]).await;

    harness.subscribe("a/+", PLAIN, &subscriber).await;
    publisher.publish().await;
    harness.wait_for(2, &[&subscriber]).await;
    assert_eq!(harness.numbers(&subscriber), [0, 2]);
}

pub async fn pressure_is_reported(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    if !harness.bus.guarantees().local {
        return;
    }
    let (_at_ease, pressed) = (harness.subscriber("a").await, harness.subscriber("a").await);
    pressed.answer(Delivered::Pressed);
    let mut publisher = harness.publisher("one", "a");
    // A bus with a queue of its own may notice later than the event that caused it.
    for _ in 0..1_000 {
        let handover = publisher.publish().await;
        if let Some(subscriber) = handover.pressed {
            assert_eq!(subscriber.id(), pressed.id);
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the publisher never heard that a subscriber is behind");
}

pub async fn refusal_is_reported(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    if !harness.bus.guarantees().local {
        return;
    }
    let (willing, full) = (harness.subscriber("a").await, harness.subscriber("a").await);
    full.answer(Delivered::Refused(Refusal::QueueFull));
    let mut publisher = harness.publisher("one", "a");
    assert!(!publisher.try_publish().await, "an event that one subscriber is still owed is not safe");
    full.answer(Delivered::Accepted);
    publisher.publish().await;
    harness.wait_for(1, &[&full]).await;
    assert_eq!(harness.numbers(&full), [1]);
    harness.wait_until(|| harness.numbers(&willing).contains(&1), || "the willing subscriber's event".to_owned()).await;
}

pub async fn subscriptions_are_counted(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let counts = || {
        let stats = harness.bus.stats();
        (stats.subscriptions, stats.subscribers, stats.shared_groups)
    };
    let (one, two) = (harness.subscriber("a").await, harness.subscriber("a").await);
    harness.subscribe("a/#", PLAIN, &one).await;
    harness.subscribe("a/#", PLAIN, &one).await;
    assert_eq!(counts(), (3, 2, 0));
    harness.subscribe("$share/g/a", PLAIN, &one).await;
    harness.subscribe("$share/g/a", PLAIN, &two).await;
    harness.subscribe("$share/h/a", PLAIN, &two).await;
    assert_eq!(counts(), (6, 2, 2));
    for (subscription, subscriber) in [("a", &one), ("a/#", &one), ("$share/g/a", &one)] {
        assert!(harness.unsubscribe(subscription, subscriber));
    }
    assert_eq!(counts(), (3, 1, 2));
    for subscription in ["a", "$share/g/a", "$share/h/a"] {
        assert!(harness.unsubscribe(subscription, &two));
    }
    assert_eq!(counts(), (0, 0, 0));
}
