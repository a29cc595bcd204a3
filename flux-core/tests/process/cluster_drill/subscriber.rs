//! A subscriber on rumqttc that acknowledges what it has taken down, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::sync::{oneshot, watch};

use super::stage::{Ledger, Stage, until};

/// Messages that a node may send without an acknowledgement.
const WINDOW: u16 = 256;

/// Before it tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// Longer than any drill.
const EXPIRY_SECONDS: u32 = 3_600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Has a session that outlives its connections.
    Durable,
    /// The same, and is away in every other round.
    Fickle,
    /// Subscribes anew with each connection.
    Plain,
}

pub struct Subscriber {
    pub name: &'static str,
    pub kind: Kind,
    pub home: usize,
    /// Its durable session follows it to other nodes.
    roams: bool,
    ledger: Ledger,
    /// Told once it has subscribed.
    ready: Option<oneshot::Sender<()>>,
}

impl Subscriber {
    pub fn new(name: &'static str, kind: Kind, home: usize, roams: bool, ledger: Ledger) -> (Subscriber, oneshot::Receiver<()>) {
        let (ready, is_ready) = oneshot::channel();
        (Subscriber { name, kind, home, roams, ledger, ready: Some(ready) }, is_ready)
    }

    fn is_away(&self, stage: &Stage) -> bool {
        self.kind == Kind::Fickle && stage.round % 2 == 1 && !stage.ending
    }

    fn node(&self, stage: &Stage) -> Option<SocketAddr> {
        if self.roams || self.kind == Kind::Plain { stage.living(self.home) } else { stage.nodes[self.home] }
    }

    pub async fn run(mut self, mut stage: watch::Receiver<Stage>) {
        loop {
            until(&mut stage, |stage| stage.over || self.node(stage).is_some() && !self.is_away(stage)).await;
            let now = *stage.borrow();
            if now.over {
                return;
            }
            if let Some(node) = self.node(&now) {
                let mut going = stage.clone();
                let kind = self.kind;
                let away =
                    until(&mut going, move |stage| stage.over || kind == Kind::Fickle && stage.round % 2 == 1 && !stage.ending);
                tokio::select! {
                    () = self.converse(node) => {}
                    () = away => {}
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Until the connection breaks.
    async fn converse(&mut self, node: SocketAddr) {
        let mut options = MqttOptions::new(self.name, node.ip().to_string(), node.port());
        let plain = self.kind == Kind::Plain;
        options.set_keep_alive(Duration::from_secs(5)).set_clean_start(plain).set_manual_acks(true);
        options.set_receive_maximum(Some(WINDOW)).set_session_expiry_interval((!plain).then_some(EXPIRY_SECONDS));
        let (client, mut events) = AsyncClient::new(options, 2 * usize::from(WINDOW));
        while let Ok(event) = events.poll().await {
            match event {
                Event::Incoming(Packet::ConnAck(answer)) => {
                    assert_eq!(answer.code, ConnectReturnCode::Success);
                    assert!(plain || self.ready.is_some() || answer.session_present, "{}: its session was lost", self.name);
                    if plain || self.ready.is_some() {
                        client.try_subscribe("drill/#", QoS::AtLeastOnce).expect("room in its queue");
                    }
                }
                Event::Incoming(Packet::SubAck(_)) => {
                    // Nobody waits when it has subscribed anew.
                    self.ready.take().map(|ready| ready.send(()));
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    self.note(&publish);
                    client.try_ack(&publish).expect("room for a window");
                }
                _ => {}
            }
        }
    }

    fn note(&self, publish: &Publish) {
        let topic = std::str::from_utf8(&publish.topic).expect("a topic is text");
        let publisher = topic.strip_prefix("drill/").and_then(|number| number.parse().ok()).expect("a topic of the drill");
        let message = std::str::from_utf8(&publish.payload).ok().and_then(|text| text.parse().ok()).expect("a number");
        self.ledger.received.lock().entry(self.name).or_default().entry(publisher).or_default().push(message);
    }
}
