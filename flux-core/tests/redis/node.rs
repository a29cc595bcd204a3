//! A whole node that keeps its sessions in Redis.

use std::time::Duration;

use flux_core::testing::TestNode;
use flux_core::testing::redis::{TestRedis, is_there};
use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, QoS};

use crate::kit::PATIENCE;

async fn node(server: &TestRedis) -> TestNode {
    let url = server.url();
    TestNode::with(&[("redis.url", &url), ("durability.store", "redis"), ("redis.command_timeout", "2s")]).await
}

fn client(node: &TestNode, id: &str, clean: bool) -> (AsyncClient, EventLoop) {
    let address = node.mqtt_address();
    let mut options = MqttOptions::new(id, address.ip().to_string(), address.port());
    options.set_clean_session(clean).set_keep_alive(Duration::from_secs(30));
    AsyncClient::new(options, 64)
}

async fn until(events: &mut EventLoop, mut wanted: impl FnMut(&Incoming) -> bool) {
    let waiting = async {
        loop {
            if let Event::Incoming(packet) = events.poll().await.unwrap()
                && wanted(&packet)
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it comes");
}

async fn publish(node: &TestNode, payloads: std::ops::Range<u32>) {
    let (publisher, mut events) = client(node, "publisher", true);
    let count = payloads.len();
    for payload in payloads {
        publisher.publish("a/b", QoS::AtLeastOnce, false, payload.to_string()).await.unwrap();
    }
    let mut acknowledged = 0;
    until(&mut events, |packet| {
        acknowledged += usize::from(matches!(packet, Incoming::PubAck(_)));
        acknowledged == count
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_the_node_and_its_disk_and_redis_itself() {
    if !is_there() {
        return;
    }
    let mut server = TestRedis::start();
    let mut first = node(&server).await;
    let (subscriber, mut events) = client(&first, "subscriber", false);
    subscriber.subscribe("a/#", QoS::AtLeastOnce).await.unwrap();
    until(&mut events, |packet| matches!(packet, Incoming::SubAck(_))).await;
    subscriber.disconnect().await.unwrap();
    while events.poll().await.is_ok() {}
    publish(&first, 0..50).await;
    first.stop().await;
    drop(first);
    server.restart();

    let second = node(&server).await;
    publish(&second, 50..60).await;
    let (subscriber, mut events) = client(&second, "subscriber", false);
    let mut expected = 0..60;
    let mut present = false;
    until(&mut events, |packet| {
        match packet {
            Incoming::ConnAck(ack) => present = ack.session_present,
            Incoming::Publish(message) => assert_eq!(message.payload, expected.next().unwrap().to_string()),
            _ => {}
        }
        expected.is_empty()
    })
    .await;
    assert!(present);
    // What it has acknowledged is gone.
    subscriber.disconnect().await.unwrap();
    while events.poll().await.is_ok() {}
    let _ = rustls::crypto::ring::default_provider().install_default();
    let metrics = reqwest::get(format!("{}/metrics", second.http_url())).await.unwrap().text().await.unwrap();
    let figure = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {metrics}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(figure("flux_redis_connected"), 1.0);
    assert!(figure("flux_redis_commands") > 0.0);
}
