use std::sync::Arc;

use super::super::port::EventBus;
use super::harness::{Harness, PLAIN};
use crate::types::{QoS, SubscribeOptions};

const NO_LOCAL: SubscribeOptions = SubscribeOptions { no_local: true, ..PLAIN };

fn identified(qos: QoS, identifier: u32) -> SubscribeOptions {
    SubscribeOptions { qos, identifier: Some(identifier), ..PLAIN }
}

pub async fn an_event_comes_at_the_lower_quality_of_service(make: &impl Fn() -> Arc<dyn EventBus>) {
    const LEVELS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    let harness = Harness::new(make);
    let mut subscribers = Vec::new();
    for granted in LEVELS {
        let subscriber = harness.collector("");
        harness.subscribe("a", SubscribeOptions { qos: granted, ..PLAIN }, &subscriber).await;
        subscribers.push((granted, subscriber));
    }
    let mut publisher = harness.publisher("one", "a");
    for published in LEVELS {
        publisher.qos = published;
        publisher.publish().await;
    }
    for (granted, subscriber) in &subscribers {
        harness.wait_for(LEVELS.len(), &[subscriber]).await;
        for delivery in harness.received(&[subscriber]) {
            assert_eq!(delivery.qos, delivery.event.qos.min(*granted), "published at {:?}", delivery.event.qos);
        }
    }
}

pub async fn retain_is_kept_only_where_asked(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let (as_published, as_usual) = (harness.collector(""), harness.subscriber("a").await);
    harness.subscribe("a", SubscribeOptions { retain_as_published: true, ..PLAIN }, &as_published).await;
    let mut publisher = harness.publisher("one", "a");
    for retain in [true, false] {
        publisher.retain = retain;
        publisher.publish().await;
    }
    for (subscriber, wanted) in [(&as_published, [true, false]), (&as_usual, [false, false])] {
        harness.wait_for(2, &[subscriber]).await;
        let flags: Vec<bool> = harness.received(&[subscriber]).iter().map(|delivery| delivery.retain).collect();
        assert_eq!(flags, wanted);
    }
}

pub async fn overlapping_subscriptions_deliver_once(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let subscriber = harness.collector("");
    harness.subscribe("a/#", identified(QoS::AtMostOnce, 7), &subscriber).await;
    harness.subscribe("a/+", identified(QoS::ExactlyOnce, 3), &subscriber).await;
    harness.subscribe("a/b", SubscribeOptions { retain_as_published: true, ..PLAIN }, &subscriber).await;
    harness.subscribe("+/b", identified(QoS::AtLeastOnce, 3), &subscriber).await;
    let _others = harness.subscriber("a/b").await;

    let mut publisher = harness.publisher("one", "a/b");
    publisher.qos = QoS::ExactlyOnce;
    publisher.retain = true;
    publisher.publish_times(2).await;
    harness.wait_for(2, &[&subscriber]).await;
    assert_eq!(harness.numbers(&subscriber), [0, 1], "each once");
    for delivery in harness.received(&[&subscriber]) {
        assert_eq!(delivery.qos, QoS::ExactlyOnce, "the highest of those that match");
        assert!(delivery.retain, "one of them asked for it");
        let mut identifiers = delivery.identifiers.expect("three have one").to_vec();
        identifiers.sort_unstable();
        assert_eq!(identifiers, [3, 3, 7], "all of them, [MQTT-3.3.4-3] and [MQTT-3.3.4-4]");
    }
}

pub async fn no_local_leaves_out_ones_own_events(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let (subscriber, witness) = (harness.collector("self"), harness.subscriber("a").await);
    harness.subscribe("a", NO_LOCAL, &subscriber).await;
    let (mut own, mut other) = (harness.publisher("self", "a"), harness.publisher("other", "a"));
    own.publish().await;
    other.next = 1;
    other.publish().await;
    harness.wait_for(2, &[&witness]).await;
    harness.wait_for(1, &[&subscriber]).await;
    // Without no-local one's own events come too: the next one shows that the first is not merely late.
    harness.subscribe("a", PLAIN, &subscriber).await;
    own.next = 2;
    own.publish().await;
    harness.wait_for(2, &[&subscriber]).await;
    assert_eq!(harness.numbers(&subscriber), [1, 2]);
}

pub async fn no_local_concerns_one_subscription_only(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let subscriber = harness.collector("self");
    harness.subscribe("a/+", SubscribeOptions { no_local: true, ..identified(QoS::ExactlyOnce, 1) }, &subscriber).await;
    harness.subscribe("a/b", identified(QoS::AtLeastOnce, 2), &subscriber).await;
    for (client, qos, identifiers) in
        [("self", QoS::AtLeastOnce, &[2][..]), ("other", QoS::ExactlyOnce, &[1, 2]), ("self", QoS::AtLeastOnce, &[2])]
    {
        let before = harness.received(&[&subscriber]).len();
        let mut publisher = harness.publisher(client, "a/b");
        publisher.qos = QoS::ExactlyOnce;
        publisher.publish().await;
        harness.wait_for(before + 1, &[&subscriber]).await;
        let delivery = harness.received(&[&subscriber]).pop().expect("it has just been waited for");
        assert_eq!((delivery.qos, delivery.identifiers.as_deref()), (qos, Some(identifiers)), "from {client}");
    }
}

pub async fn subscribing_again_replaces_the_options(make: &impl Fn() -> Arc<dyn EventBus>) {
    let harness = Harness::new(make);
    let subscriber = harness.collector("");
    let mut publisher = harness.publisher("one", "a");
    publisher.qos = QoS::ExactlyOnce;
    for (index, options) in [identified(QoS::AtMostOnce, 1), identified(QoS::ExactlyOnce, 2), PLAIN].into_iter().enumerate() {
        harness.subscribe("a", options, &subscriber).await;
        publisher.publish().await;
        harness.wait_for(index + 1, &[&subscriber]).await;
        let delivery = harness.received(&[&subscriber]).pop().expect("it has just been waited for");
        assert_eq!(delivery.qos, options.qos);
        assert_eq!(delivery.identifiers.as_deref(), options.identifier.as_slice().first().map(std::slice::from_ref));
    }
    assert!(harness.unsubscribe("a", &subscriber));
    assert!(!harness.unsubscribe("a", &subscriber), "it was one subscription all along");
}
