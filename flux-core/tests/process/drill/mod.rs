//! The promise, put to the test: kill -9 under QoS 1 and QoS 2 load, again and again. What was acknowledged arrives, and QoS 2 once.

pub mod counts;
pub mod dice;
mod publisher;
mod report;
mod subscriber;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use self::dice::Dice;
use self::publisher::Publisher;
use self::report::Report;
use self::subscriber::Subscriber;
use crate::serve::Serve;
use crate::wire::{Client, Connect, Publish};

const KILLS: u32 = 20;

/// Room for all that is published while a subscriber is away, however fast the machine.
const ROOM: [&str; 4] = ["--set", "mqtt.queue_messages=10000000", "--set", "mqtt.queue_bytes=4GiB"];

/// Where the server is, and whether new messages are published.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stage {
    /// `None` while there is no server.
    pub address: Option<SocketAddr>,
    pub ending: bool,
    /// Grows with each start. Whoever is fickle stays away in every other run.
    pub run: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_no_acknowledged_message_and_repeats_no_qos_2_message() {
    let mut dice = Dice::announced();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (stage, seen) = watch::channel(Stage::default());

    let mut server = Serve::with(folder.path(), &ROOM);
    let steady = Subscriber::subscribe("steady", false, server.mqtt()).await;
    let fickle = Subscriber::subscribe("fickle", true, server.mqtt()).await;
    let mut subscribers = JoinSet::new();
    for subscriber in [steady, fickle] {
        subscribers.spawn(subscriber.run(seen.clone()));
    }
    let mut publishers = JoinSet::new();
    for (number, qos) in [(0, 1), (1, 2), (2, 1), (3, 2)] {
        publishers.spawn(Publisher::new(number, qos).run(seen.clone()));
    }

    for run in 0..KILLS {
        stage.send_modify(|stage| (stage.address, stage.run) = (Some(server.mqtt()), run));
        let milliseconds = if run == 0 { 1_000 } else { dice.below(1_500) };
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        server.kill();
        stage.send_modify(|stage| stage.address = None);
        server = Serve::with(folder.path(), &ROOM);
    }

    stage.send_modify(|stage| *stage = Stage { address: Some(server.mqtt()), ending: true, run: KILLS });
    let mut report = Report::new(dice.seed, KILLS);
    while let Some(publisher) = publishers.join_next().await {
        report.published(publisher.expect("the publisher finishes"));
    }
    // Queues keep their order: behind this there is nothing.
    let mut last = Client::connect(server.mqtt(), Connect::v5("last")).await;
    assert_eq!(last.publish(Publish::new("drill/end", "").qos(2)).await, 0);
    while let Some(subscriber) = subscribers.join_next().await {
        report.delivered(subscriber.expect("the subscriber finishes"));
    }
    println!("{report}");
    report.check();
}
