//! kill -9 at the moment after an acknowledgement: each thing that was acknowledged is there after the restart.

use tempfile::TempDir;

use crate::serve::Serve;
use crate::wire::encode::{PUBCOMP, PUBREC, PUBREL};
use crate::wire::{Client, Connect, Packet, Property, Publish};

struct Machine {
    folder: TempDir,
    server: Serve,
}

impl Machine {
    fn start() -> Machine {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Machine { server: Serve::start(folder.path()), folder }
    }

    async fn client(&self, connect: Connect) -> Client {
        Client::connect(self.server.mqtt(), connect).await
    }

    async fn durable(&self, client_id: &str) -> Client {
        self.client(Connect::v5(client_id).durable()).await
    }

    fn kill_and_restart(self) -> Machine {
        self.server.kill();
        Machine { server: Serve::start(self.folder.path()), folder: self.folder }
    }
}

#[tokio::test]
async fn a_session_and_its_subscriptions() {
    let machine = Machine::start();
    let mut client = machine.durable("c").await;
    client.subscribe("kept/#", 1).await;
    client.subscribe("$share/g/shared", 1).await;
    client.subscribe("gone", 1).await;
    client.unsubscribe(&["gone"]).await;
    let machine = machine.kill_and_restart();
    let mut publisher = machine.client(Connect::v5("publisher")).await;
    for topic in ["gone", "kept/a", "shared"] {
        publisher.publish(Publish::new(topic, topic).qos(1)).await;
    }
    let mut client = machine.durable("c").await;
    assert!(client.connack.session_present);
    assert_eq!(client.receive().await.text(), "kept/a");
    assert_eq!(client.receive().await.text(), "shared");
    client.has_nothing_more().await;
}

#[tokio::test]
async fn the_end_of_a_session() {
    let machine = Machine::start();
    machine.durable("c").await.disconnect().await;
    let _fresh = machine.client(Connect::v5("c")).await;
    let machine = machine.kill_and_restart();
    assert!(!machine.durable("c").await.connack.session_present, "a clean start had ended it");
}

#[tokio::test]
async fn a_retained_message_and_its_removal() {
    let machine = Machine::start();
    let mut publisher = machine.client(Connect::v5("publisher")).await;
    for (topic, payload) in [("r/kept", "first"), ("r/removed", "x"), ("r/kept", "second"), ("r/removed", "")] {
        publisher.publish(Publish::new(topic, payload).qos(1).retain()).await;
    }
    let machine = machine.kill_and_restart();
    let mut client = machine.client(Connect::v5("c")).await;
    client.subscribe("r/#", 1).await;
    let message = client.receive().await;
    assert_eq!((message.topic.as_str(), message.text(), message.retain), ("r/kept", "second", true));
    client.has_nothing_more().await;
}

#[tokio::test]
async fn a_message_received_half_way() {
    let machine = Machine::start();
    let mut subscriber = machine.durable("subscriber").await;
    subscriber.subscribe("t", 2).await;
    subscriber.disconnect().await;
    let mut publisher = machine.durable("publisher").await;
    publisher.send_publish(&Publish::new("t", "once").qos(2).id(7)).await;
    publisher.pubrec().await;
    let machine = machine.kill_and_restart();
    let mut publisher = machine.durable("publisher").await;
    publisher.send_publish(&Publish::new("t", "once").qos(2).id(7).dup()).await;
    publisher.pubrec().await;
    publisher.send_ack(PUBREL, 7).await;
    publisher.pubcomp().await;
    let mut subscriber = machine.durable("subscriber").await;
    assert_eq!(subscriber.receive().await.text(), "once");
    subscriber.has_nothing_more().await;
}

#[tokio::test]
async fn a_message_delivered_half_way() {
    let machine = Machine::start();
    let mut client = machine.durable("c").await;
    client.subscribe("t", 2).await;
    client.publish(Publish::new("t", "once").qos(2)).await;
    let message = client.take().await;
    client.send_ack(PUBREC, message.id).await;
    assert_eq!(client.pubrel().await.id, message.id);
    let machine = machine.kill_and_restart();
    let mut client = machine.durable("c").await;
    assert!(matches!(client.packet().await, Packet::PubRel(ack) if ack.id == message.id), "PUBREL again, and not the message");
    client.send_ack(PUBCOMP, message.id).await;
    client.has_nothing_more().await;
}

#[tokio::test]
async fn a_message_sent_and_not_acknowledged() {
    let machine = Machine::start();
    let mut client = machine.durable("c").await;
    client.subscribe("t", 1).await;
    client.publish(Publish::new("t", "owed").qos(1)).await;
    let first = client.take().await;
    let machine = machine.kill_and_restart();
    let mut client = machine.durable("c").await;
    let second = client.receive().await;
    assert_eq!((second.id, second.dup, second.text()), (first.id, true, "owed"));
}

#[tokio::test]
async fn a_will_is_published_though_the_server_died_with_its_connection() {
    let machine = Machine::start();
    let mut watcher = machine.durable("watcher").await;
    watcher.subscribe("will/#", 1).await;
    let _durable = machine.client(Connect::v5("durable").durable().will(Publish::new("will/durable", "gone").qos(1))).await;
    let _short = machine.client(Connect::v5("short").will(Publish::new("will/short", "gone too").qos(1))).await;
    let late = Publish::new("will/late", "later").qos(1).property(Property::WillDelay(1));
    let _late = machine.client(Connect::v5("late").durable().will(late)).await;
    let machine = machine.kill_and_restart();
    let mut watcher = machine.durable("watcher").await;
    let mut topics = Vec::new();
    for _ in 0..3 {
        topics.push(watcher.receive().await.topic);
    }
    topics.sort();
    assert_eq!(topics, ["will/durable", "will/late", "will/short"]);
}
