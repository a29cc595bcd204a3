use flux_core::api::{BatchAnswer, BatchItem, Code, Encoding, EventProperties, PublishEvent, RecentQuery, UserProperty};
use flux_core::client::TailItem;
use flux_core::types::QoS;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::world::{World, eventually};

#[tokio::test]
async fn an_event_is_published_with_all_it_carries_and_seen_by_a_tail() {
    let world = World::start().await;
    let mut tail = world.client.tail("plant/+/temperature").await.unwrap();
    let properties = EventProperties {
        payload_is_text: Some(true),
        content_type: Some("application/json".to_owned()),
        response_topic: Some("reply".to_owned()),
        correlation_data: Some("AP8=".to_owned()),
        user: vec![UserProperty { name: "a".to_owned(), value: "1".to_owned() }],
    };
    let mut event = PublishEvent::json("plant/7/temperature", &json!({"celsius": 21.5})).qos(QoS::AtLeastOnce).retain(true);
    event.expiry_seconds = Some(60);
    event.properties = properties.clone();
    let published = world.client.publish(&event).await.unwrap();
    assert_eq!(published.matched, 1);

    let Some(Ok(TailItem::Item(seen))) = tail.next().await else { panic!("an event") };
    assert_eq!((seen.id, seen.topic.as_str()), (published.id, "plant/7/temperature"));
    assert_eq!((seen.payload.as_str(), seen.payload_encoding), (r#"{"celsius":21.5}"#, Encoding::Text));
    assert_eq!((seen.qos, seen.retain, seen.properties), (QoS::AtLeastOnce, true, properties));
    assert!(seen.expires_at.unwrap() > seen.time);
}

#[tokio::test]
async fn payloads_are_text_json_or_bytes() {
    let world = World::start().await;
    for (body, wanted) in [
        (json!({"topic": "a", "payload": "21 °C"}), "21 °C"),
        (json!({"topic": "a", "payload": [1, 2]}), "[1,2]"),
        (json!({"topic": "a", "payload": "on", "payload_encoding": "json"}), "\"on\""),
        (json!({"topic": "a", "payload": "AP8=", "payload_encoding": "base64"}), "AP8="),
        (json!({"topic": "a"}), ""),
    ] {
        let answer = world.post("application/json; charset=utf-8", body.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let recent = world.client.recent_events(&RecentQuery { limit: Some(1), ..RecentQuery::default() }).await.unwrap();
        assert_eq!(recent.items[0].payload, wanted);
    }
}

#[tokio::test]
async fn qos_1_is_answered_when_it_is_stored_and_qos_0_at_once() {
    let world = World::start().await;
    world.store.hold();
    let event = PublishEvent::bytes("a", b"x").retain(true);
    let client = world.client.clone();
    let qos_1 = event.clone().qos(QoS::AtLeastOnce);
    let waiting = tokio::spawn(async move { client.publish(&qos_1).await });
    eventually("the event waits for the store", || world.store.waiting() == 1).await;
    assert!(!waiting.is_finished());
    world.client.publish(&PublishEvent::bytes("b", b"x")).await.expect("QoS 0 waits for nobody");
    world.store.release();
    waiting.await.unwrap().expect("it is stored");
}

#[tokio::test]
async fn a_store_that_fails_refuses_and_says_so() {
    let world = World::start().await;
    world.store.failed.store(true, std::sync::atomic::Ordering::Relaxed);
    let refused = world.client.publish(&PublishEvent::bytes("a", b"x").retain(true).qos(QoS::AtLeastOnce)).await.unwrap_err();
    let problem = refused.problem().expect("a problem");
    assert_eq!((problem.code, problem.status), (Code::StoreFailed, 503));
    let ready = world.client.ready().await.unwrap();
    assert!(!ready.ready && ready.checks.iter().any(|check| check.name == "store" && !check.ok), "{ready:?}");
}

#[tokio::test]
async fn a_batch_answers_for_each_event_in_order() {
    let world = World::start().await;
    let mut tail = world.client.tail("#").await.unwrap();
    let events: Vec<PublishEvent> = ["a", "b/+", "c"].map(|topic| PublishEvent::bytes(topic, b"x")).into();
    let answer = world.client.publish_batch(&events).await.unwrap();
    assert_eq!((answer.published, answer.refused), (2, 1));
    let BatchItem::Refused { index: 1, line: None, problem } = &answer.items[1] else { panic!("{answer:?}") };
    assert_eq!((problem.code, problem.errors[0].field.as_str()), (Code::InvalidRequest, "topic"));
    for (index, topic) in [(0, "a"), (2, "c")] {
        let BatchItem::Published(published) = &answer.items[index] else { panic!("{answer:?}") };
        let Some(Ok(TailItem::Item(seen))) = tail.next().await else { panic!("an event") };
        assert_eq!((&seen.id, seen.topic.as_str()), (&published.id, topic));
    }
    let all_good = world.client.publish_batch(&events[..1]).await.unwrap();
    assert_eq!((all_good.published, all_good.refused), (1, 0));
    assert_eq!(world.client.publish_batch(&[]).await.unwrap().items, []);
}

#[tokio::test]
async fn a_bad_line_of_ndjson_is_named_and_the_others_are_published() {
    let world = World::start().await;
    let lines = "{\"topic\":\"a\"}\n\n{\"topic\":\"b\",\"color\":1}\nnonsense\n{\"topic\":\"c\",\"payload\":7}\n";
    let answer = world.post("application/x-ndjson", lines).send().await.unwrap();
    assert_eq!(answer.status(), 207);
    let answer: BatchAnswer = answer.json().await.unwrap();
    let told: Vec<_> = answer
        .items
        .iter()
        .map(|item| match item {
            BatchItem::Published(_) => None,
            BatchItem::Refused { index, line, problem } => Some((*index, *line, problem.code)),
        })
        .collect();
    assert_eq!(told, [None, Some((1, Some(3), Code::InvalidRequest)), Some((2, Some(4), Code::InvalidJson)), None]);
    let BatchItem::Refused { problem, .. } = &answer.items[1] else { panic!("refused") };
    assert!(problem.detail.contains("line 3") && problem.errors[0].field == "color", "{problem:?}");
    let topics: Vec<String> = recent(&world, None).await;
    assert_eq!(topics, ["c", "a"]);
}

#[tokio::test]
async fn a_repeated_request_with_the_same_key_publishes_nothing_twice() {
    let world = World::start().await;
    let post = |key: &'static str, body: &'static str| world.post("application/json", body).header("idempotency-key", key).send();
    let first: Value = post("k1", r#"{"topic":"a"}"#).await.unwrap().json().await.unwrap();
    let second: Value = post("k1", r#"{"topic":"a"}"#).await.unwrap().json().await.unwrap();
    assert_eq!(first, second);
    assert_eq!(recent(&world, None).await, ["a"]);

    let other = post("k1", r#"{"topic":"b"}"#).await.unwrap();
    assert_eq!(other.status(), 422);
    assert_eq!(other.json::<Value>().await.unwrap()["code"], "idempotency_key_reused");

    world.store.hold();
    let stored = r#"{"topic":"r","qos":1,"retain":true,"payload":1}"#;
    let gone = tokio::spawn(post("k2", stored));
    eventually("the event waits for the store", || world.store.waiting() == 1).await;
    assert_eq!(post("k2", stored).await.unwrap().json::<Value>().await.unwrap()["code"], "idempotency_key_in_use");
    // Its client goes before the answer, and asks again.
    gone.abort();
    world.store.release();
    let wanted = loop {
        let answer = post("k2", stored).await.unwrap();
        if answer.status() == 200 {
            break answer.json::<Value>().await.unwrap();
        }
    };
    assert_eq!(recent(&world, Some("r")).await.len(), 1);
    assert_eq!(wanted["matched"], 0);

    let refused = post("k3", r#"{"topic":"$SYS/x"}"#).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), refused.json::<Value>().await.unwrap()["code"].clone()),
        (403, json!("not_authorized"))
    );
    assert_eq!(post("k3", r#"{"topic":"b"}"#).await.unwrap().status(), 200, "what did nothing may be tried again");
}

async fn recent(world: &World, filter: Option<&str>) -> Vec<String> {
    let query = RecentQuery { filter: filter.map(str::to_owned), ..RecentQuery::default() };
    world.client.recent_events(&query).await.unwrap().items.into_iter().map(|event| event.topic).collect()
}

#[tokio::test]
async fn recent_events_come_newest_first_in_pages_and_are_counted_for_nobody() {
    let world = World::start().await;
    for topic in ["a/1", "b/1", "a/2", "a/3"] {
        let published = world.client.publish(&PublishEvent::bytes(topic, b"x")).await.unwrap();
        assert_eq!(published.matched, 0, "remembering is not subscribing");
    }
    assert_eq!(recent(&world, None).await, ["a/3", "a/2", "b/1", "a/1"]);
    let mut query = RecentQuery { filter: Some("a/#".to_owned()), limit: Some(2), cursor: None };
    let first = world.client.recent_events(&query).await.unwrap();
    assert_eq!(first.items.iter().map(|event| event.topic.as_str()).collect::<Vec<_>>(), ["a/3", "a/2"]);
    query.cursor = first.next_cursor;
    let second = world.client.recent_events(&query).await.unwrap();
    assert_eq!((second.items[0].topic.as_str(), second.next_cursor), ("a/1", None));
    assert_eq!((world.metrics.owed.get(), world.metrics.unrouted.get()), (0, 4));
}

#[tokio::test]
async fn recent_events_that_are_switched_off_say_how_to_switch_them_on() {
    let world = World::with(&[("http.recent_events", "0")]).await;
    let refused = world.client.recent_events(&RecentQuery::default()).await.unwrap_err();
    let problem = refused.problem().expect("a problem");
    assert_eq!(problem.code, Code::NotEnabled);
    assert!(problem.hint.as_ref().unwrap().contains("http.recent_events"));
    assert_eq!(world.subscriptions(), 0);
}
