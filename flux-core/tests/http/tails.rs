use std::time::Duration;

use flux_core::api::{Code, Direction as Shown, PublishEvent, StartTrace};
use flux_core::client::{Client, TailItem};
use flux_core::telemetry::{Direction, TraceRecord};
use flux_core::types::{ClientId, DropReason, QoS, Timestamp};
use futures_util::StreamExt;

use crate::world::{World, eventually};

#[tokio::test]
async fn a_tail_that_is_closed_leaves_nothing_behind() {
    let world = World::with(&[("http.recent_events", "0")]).await;
    let mut tail = world.client.tail("a/#").await.unwrap();
    assert_eq!(world.subscriptions(), 1);
    world.client.publish(&PublishEvent::bytes("a/1", b"x")).await.unwrap();
    assert!(matches!(tail.next().await, Some(Ok(TailItem::Item(_)))));
    drop(tail);
    // A server notices that its reader is gone when it next has something to say.
    let noticed = async {
        while world.subscriptions() > 0 {
            world.client.publish(&PublishEvent::bytes("a/1", b"x")).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noticed).await.expect("the subscription goes with its reader");
    let metrics = &world.metrics;
    eventually("what was owed is delivered or dropped", || {
        metrics.pending.get() == 0 && metrics.owed.get() == metrics.delivered.total() + metrics.dropped.total()
    })
    .await;
}

#[tokio::test]
async fn a_tail_that_reads_too_slowly_loses_the_oldest_and_is_told_how_many() {
    let world = World::start().await;
    let mut tail = world.client.tail("#").await.unwrap();
    let batch: Vec<PublishEvent> = (0..5_000).map(|_| PublishEvent::bytes("a", &[b'x'; 600])).collect();
    let mut sent = 0;
    while world.metrics.dropped.of(DropReason::SlowSubscriber).get() == 0 {
        sent += world.client.publish_batch(&batch).await.unwrap().published as u64;
        assert!(sent < 1_000_000, "a reader that does not read must lose something");
    }
    let last = world.client.publish(&PublishEvent::bytes("last", b"")).await.unwrap().id;
    let (mut seen, mut dropped) = (0, 0);
    loop {
        match tail.next().await.unwrap().unwrap() {
            TailItem::Dropped(count) => dropped += count,
            TailItem::Item(event) if event.id == last => break,
            TailItem::Item(_) => seen += 1,
        }
    }
    assert_eq!(seen + dropped, sent, "every event is seen or counted");
    assert_eq!(dropped, world.metrics.dropped.of(DropReason::SlowSubscriber).get());
    assert_eq!(world.metrics.pending.get(), 0);
}

#[tokio::test]
async fn tails_share_a_group_and_are_bounded_in_number() {
    let world = World::with(&[("http.max_tails", "2")]).await;
    let mut tails = [world.client.tail("$share/g/a").await.unwrap(), world.client.tail("$share/g/a").await.unwrap()];
    let refused = world.client.tail("a").await.err().expect("one too many");
    assert_eq!(refused.problem().map(|problem| (problem.code, problem.status)), Some((Code::TooManyTails, 429)));
    for _ in 0..2 {
        assert_eq!(world.client.publish(&PublishEvent::bytes("a", b"x")).await.unwrap().matched, 1);
    }
    for tail in &mut tails {
        assert!(matches!(tail.next().await, Some(Ok(TailItem::Item(_)))));
    }
}

#[tokio::test]
async fn a_server_that_stops_ends_its_tails_and_finishes_what_it_began() {
    let world = World::start().await;
    let mut tail = world.client.tail("#").await.unwrap();
    world.store.hold();
    let client = world.client.clone();
    let publishing =
        tokio::spawn(async move { client.publish(&PublishEvent::bytes("a", b"x").retain(true).qos(QoS::AtLeastOnce)).await });
    eventually("the event waits for the store", || world.store.waiting() == 1).await;
    assert!(matches!(tail.next().await, Some(Ok(TailItem::Item(_)))));
    world.tasks.shutdown().request();
    assert!(tail.next().await.is_none(), "the stream ends in good order");
    world.store.release();
    publishing.await.unwrap().expect("a request under way is answered");
    world.stop().await;
    assert_eq!(world.subscriptions(), 0);
    let late = Client::new(&world.url, None, Duration::from_secs(5)).unwrap().health().await;
    assert!(matches!(late, Err(flux_core::client::ClientError::Unreachable { .. })), "{late:?}");
}

#[tokio::test]
async fn a_trace_follows_one_client_and_ends_when_it_is_stopped() {
    let world = World::start().await;
    let wanted = StartTrace { client_id: Some("c/1".to_owned()), topic: None, duration_seconds: Some(60) };
    let trace = world.client.start_trace(&wanted).await.unwrap();
    assert_eq!(world.client.traces().await.unwrap().items, std::slice::from_ref(&trace));
    let mut tail = world.client.tail_trace(&trace.id).await.unwrap();
    world.traces.record(TraceRecord {
        time: Timestamp(1),
        client: ClientId::new("c/1"),
        direction: Direction::In,
        packet: "PUBLISH",
        topic: Some("a".parse().unwrap()),
        event: None,
        qos: Some(QoS::AtLeastOnce),
        size: 12,
        reason: None,
    });
    let Some(Ok(TailItem::Item(record))) = tail.next().await else { panic!("a record") };
    assert_eq!((record.client_id.as_str(), record.direction, record.packet.as_str()), ("c/1", Shown::In, "PUBLISH"));
    world.client.stop_trace(&trace.id).await.unwrap();
    assert!(tail.next().await.is_none());
    let gone = world.client.stop_trace(&trace.id).await.unwrap_err();
    assert_eq!(gone.problem().map(|problem| problem.code), Some(Code::TraceNotFound));
}
