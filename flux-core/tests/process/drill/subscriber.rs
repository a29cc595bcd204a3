//! A durable subscriber exactly as MQTT 5 §4.3 wants it: a QoS 2 message counts when its identifier is new, until PUBREL.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use tokio::sync::watch;

use super::Stage;
use crate::wire::encode::{PUBACK, PUBCOMP, PUBREC};
use crate::wire::{Client, Connect, Packet, Publish, Version};

pub struct Subscriber {
    pub name: &'static str,
    /// By publisher: the messages in the order they came, repetitions included.
    pub received: BTreeMap<u32, Vec<u32>>,
    /// QoS 2 identifiers between PUBREC and PUBREL.
    halfway: BTreeSet<u16>,
    /// Away in every other run.
    fickle: bool,
    ended: bool,
}

impl Subscriber {
    /// Makes the session and its subscription.
    pub async fn subscribe(name: &'static str, fickle: bool, address: SocketAddr) -> Subscriber {
        let mut client = Client::connect(address, Connect::v5(name).durable()).await;
        client.subscribe("drill/#", 2).await;
        client.disconnect().await;
        Subscriber { name, received: BTreeMap::new(), halfway: BTreeSet::new(), fickle, ended: false }
    }

    pub async fn run(mut self, mut stage: watch::Receiver<Stage>) -> Subscriber {
        loop {
            let Stage { address, ending, run } = *stage.borrow_and_update();
            let away = self.fickle && run % 2 == 1 && !ending;
            if let Some(address) = address
                && !away
                && let Ok(client) = Client::try_open(address, Version::V5).await
            {
                self.converse(client).await;
            }
            if self.ended {
                return self;
            }
            stage.changed().await.expect("the drill goes on");
        }
    }

    /// Until the connection breaks or the last message has come.
    async fn converse(&mut self, mut client: Client) {
        client.send(Connect::v5(self.name).durable().encode()).await;
        match client.next().await {
            Some(Packet::ConnAck(connack)) => {
                assert_eq!(connack.code, 0);
                assert!(connack.session_present, "{}: its session was lost", self.name);
            }
            None => return,
            Some(other) => panic!("CONNACK was expected, not {other:?}"),
        }
        while let Some(packet) = client.next().await {
            match packet {
                Packet::Publish(publish) => {
                    if publish.qos == 1 {
                        self.note(&publish);
                        client.send_ack(PUBACK, publish.id).await;
                    } else {
                        if self.halfway.insert(publish.id) {
                            self.note(&publish);
                        }
                        client.send_ack(PUBREC, publish.id).await;
                    }
                }
                Packet::PubRel(ack) => {
                    self.halfway.remove(&ack.id);
                    client.send_ack(PUBCOMP, ack.id).await;
                    if self.ended && self.halfway.is_empty() {
                        return;
                    }
                }
                other => panic!("{}: {other:?} was not expected", self.name),
            }
        }
    }

    fn note(&mut self, publish: &Publish) {
        if publish.topic == "drill/end" {
            self.ended = true;
            return;
        }
        let publisher =
            publish.topic.strip_prefix("drill/").and_then(|number| number.parse().ok()).expect("a topic of the drill");
        let message = publish.text().parse().expect("a number");
        self.received.entry(publisher).or_default().push(message);
    }
}
