use std::sync::Arc;

use flux_core::api::{AlarmQuery, NodeState, Severity};
use flux_core::telemetry::Cause;
use flux_core::types::QoS;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{TOKEN, World, eventually};

#[tokio::test]
async fn a_node_tells_what_it_is_carries_and_costs() {
    let world = World::start().await;
    world.metrics.connections.add(3);
    world.metrics.received.of(QoS::AtLeastOnce).add(5);
    let nodes = world.client.nodes().await.unwrap();
    assert_eq!((nodes.items.len(), nodes.unreachable.len()), (1, 0));
    let node = world.client.node("test").await.unwrap();
    assert_eq!((node.state, node.connections, node.traffic.messages_in.total), (NodeState::Ready, 3, 5));
    assert_eq!(node.listeners[0].address, world.url.trim_start_matches("http://"));
    assert!(node.process.rss_bytes.is_some_and(|bytes| bytes > 0), "{node:?}");
    let bus = world.client.bus().await.unwrap();
    assert!(bus.at_least_once && !bus.crosses_nodes && bus.kind == "memory");
    assert_eq!(world.client.durable().await.unwrap().commits, 7);
    assert_eq!(world.client.health().await.unwrap().status, "ok");
}

#[tokio::test]
async fn a_node_that_is_leaving_is_not_ready_and_says_why() {
    let world = World::start().await;
    assert!(world.client.ready().await.unwrap().ready);
    world.lifecycle.send_replace(NodeState::Draining);
    let ready = world.client.ready().await.unwrap();
    assert!(!ready.ready && ready.checks[0].detail.as_deref() == Some("the node is draining"), "{ready:?}");
    assert_eq!(world.raw.get(world.at("/ready")).send().await.unwrap().status(), 503);
}

#[tokio::test]
async fn alarms_are_shown_while_active_and_afterwards_in_the_history() {
    let world = World::start().await;
    world.alarms.raise(Cause::SlowSubscribers, Severity::Warning, "7 messages lost");
    let active = world.client.alarms(&AlarmQuery::default()).await.unwrap().items;
    assert_eq!((active[0].name.as_str(), active[0].severity, active[0].count), ("slow_subscribers", Severity::Warning, 1));
    assert!(active[0].hint.is_some() && active[0].cleared_at.is_none() && active[0].node == "test");
    world.alarms.clear(Cause::SlowSubscribers);
    assert!(world.client.alarms(&AlarmQuery::default()).await.unwrap().items.is_empty());
    let history = world.client.alarms(&AlarmQuery { history: Some(true) }).await.unwrap().items;
    assert!(history[0].cleared_at.is_some());
}

#[tokio::test]
async fn the_configuration_is_shown_without_its_secrets() {
    let world = World::with(&[("http.token", TOKEN)]).await;
    let config = world.client.config().await.unwrap().items;
    let token = config.iter().find(|value| value.key == "http.token").unwrap();
    assert_eq!((token.value.as_str(), token.source.as_str()), (Some("***"), "flag --set http.token"));
    let reference = world.client.config_reference().await.unwrap().items;
    let listen = reference.iter().find(|key| key.key == "mqtt.listen").unwrap();
    assert_eq!((listen.default.as_str(), listen.environment.as_str()), ("127.0.0.1:1883", "FLUX_MQTT_LISTEN"));
    assert_eq!(listen.flag.as_deref(), Some("--mqtt-listen"));
    assert_eq!(reference.len(), config.len());
}

#[tokio::test]
async fn metrics_are_what_a_scraper_reads() {
    let world = World::start().await;
    let text = world.client.metrics().await.unwrap();
    assert!(text.contains("# TYPE flux_connections gauge") && text.ends_with("# EOF\n"), "{text}");
    let answer = world.raw.get(world.at("/metrics")).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
}

#[tokio::test]
async fn https_is_spoken_where_there_is_a_certificate() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certified.cert.der().clone()], key).unwrap();
    let world = World::serving(&[], Some(Arc::new(config))).await;
    assert_eq!(world.raw.get(world.at("/health")).send().await.unwrap().status(), 200);
    let plain = world.raw.get(world.at("/health").replace("https", "http")).send().await;
    assert!(plain.is_err(), "without TLS there is no answer");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let world = World::with(&[("http.max_connections", "1")]).await;
    let address = world.url.trim_start_matches("http://");
    let ask = async |stream: &mut tokio::net::TcpStream| {
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        answer
    };
    let mut first = tokio::net::TcpStream::connect(address).await.unwrap();
    assert_eq!(&ask(&mut first).await, b"HTTP/1.1 200");
    let mut second = tokio::net::TcpStream::connect(address).await.unwrap();
    second.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let running = || world.tasks.running().iter().any(|(name, count)| *name == "http connection" && *count == 1);
    eventually("one connection is served", running).await;
    drop(first);
    let mut answer = [0; 12];
    second.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}
