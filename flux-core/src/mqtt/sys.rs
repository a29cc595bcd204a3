//! `$SYS/broker/…`: what the server says about itself to MQTT clients, retained, under the names other servers use.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::server::Server;
use crate::bus::Route;
use crate::ingress::NewEvent;
use crate::types::{ClientId, Properties, QoS, Timestamp, TopicName};

/// Publishes every `interval` until it is dropped.
pub async fn run(server: Arc<Server>, interval: Duration) {
    let started = Instant::now();
    let publisher = ClientId::new("$SYS");
    loop {
        for (topic, value) in readings(&server, started.elapsed()) {
            let topic = TopicName::parse(&format!("$SYS/broker/{topic}")).expect("our own topics are valid");
            let event = NewEvent {
                topic,
                payload: value.into_bytes().into(),
                qos: QoS::AtMostOnce,
                retain: true,
                properties: Properties::NONE,
                expiry: None,
                publisher: publisher.clone(),
            };
            // QoS 0 and not kept on disk: there is nothing to wait for.
            drop(server.ingress.publish(event, &mut Route::default(), None, Timestamp::now()).receipt);
        }
        tokio::time::sleep(interval).await;
    }
}

fn readings(server: &Server, uptime: Duration) -> Vec<(&'static str, String)> {
    let metrics = &server.metrics;
    let number = |value: u64| value.to_string();
    vec![
        ("version", format!("FLUX IOT {}", env!("CARGO_PKG_VERSION"))),
        ("uptime", format!("{} seconds", uptime.as_secs())),
        ("clients/connected", number(metrics.connections.get())),
        ("clients/total", number(metrics.sessions.get())),
        ("clients/disconnected", number(metrics.sessions.get().saturating_sub(metrics.connections.get()))),
        ("connections/open", number(server.open.load(Ordering::Relaxed) as u64)),
        ("subscriptions/count", number(metrics.subscriptions.get())),
        ("retained messages/count", number(metrics.retained_messages.get())),
        ("messages/received", number(metrics.packets_in.get())),
        ("messages/sent", number(metrics.packets_out.get())),
        ("publish/messages/received", number(metrics.received.total())),
        ("publish/messages/sent", number(metrics.delivered.total())),
        ("publish/messages/dropped", number(metrics.dropped.total())),
        ("bytes/received", number(metrics.bytes_in.get())),
        ("bytes/sent", number(metrics.bytes_out.get())),
    ]
}
