//! A publisher on rumqttc that loses nothing: what is not acknowledged is sent again, in order, to a node that lives.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::stage::{Ledger, Stage, until};

/// Messages under way at a time.
const WINDOW: usize = 32;

/// Between two messages of one publisher: the drill is about what is lost, not about how much can be carried.
const PACE: Duration = Duration::from_millis(5);

/// Before it tries the next node.
const PAUSE: Duration = Duration::from_millis(20);

pub struct Publisher {
    pub number: u32,
    /// Where it would rather be.
    pub home: usize,
    flight: Mutex<Flight>,
    ledger: Ledger,
}

#[derive(Default)]
struct Flight {
    /// Without an acknowledgement, in the order of sending.
    unacknowledged: VecDeque<u32>,
    /// Handed to the client, which has not given them a packet identifier yet.
    handed: VecDeque<u32>,
    by_identifier: HashMap<u16, u32>,
    next: u32,
}

impl Publisher {
    pub fn new(number: u32, home: usize, ledger: Ledger) -> Publisher {
        Publisher { number, home, flight: Mutex::default(), ledger }
    }

    /// Publishes until it is to end and everything is acknowledged.
    pub async fn run(self, mut stage: watch::Receiver<Stage>) {
        loop {
            until(&mut stage, |stage| stage.living(self.home).is_some()).await;
            let now = *stage.borrow();
            if now.ending && self.flight.lock().unacknowledged.is_empty() {
                return;
            }
            if let Some(node) = now.living(self.home) {
                self.converse(node, &stage).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Until the connection breaks, a message is refused, or all is done.
    async fn converse(&self, node: SocketAddr, stage: &watch::Receiver<Stage>) {
        let mut options = MqttOptions::new(format!("publisher-{}", self.number), node.ip().to_string(), node.port());
        options.set_keep_alive(Duration::from_secs(5)).set_clean_start(true);
        let (client, events) = AsyncClient::new(options, 2 * WINDOW);
        let again = {
            let mut flight = self.flight.lock();
            flight.by_identifier.clear();
            flight.handed = flight.unacknowledged.clone();
            flight.handed.clone()
        };
        self.ledger.sent.lock().entry(self.number).or_default().repeated += u32::try_from(again.len()).expect("a window");
        for message in again {
            self.hand(&client, message);
        }
        tokio::select! {
            () = self.listen(events) => {}
            () = self.talk(&client, stage) => {}
        }
    }

    fn hand(&self, client: &AsyncClient, message: u32) {
        let topic = format!("drill/{}", self.number);
        client.try_publish(topic, QoS::AtLeastOnce, false, message.to_string()).expect("room for a window");
    }

    /// Ends when everything is acknowledged and nothing new is to be published.
    async fn talk(&self, client: &AsyncClient, stage: &watch::Receiver<Stage>) {
        let mut ticks = tokio::time::interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let ending = stage.borrow().ending;
            let mut flight = self.flight.lock();
            if ending && flight.unacknowledged.is_empty() {
                return;
            }
            if ending || flight.unacknowledged.len() >= WINDOW {
                continue;
            }
            let message = flight.next;
            flight.next += 1;
            flight.unacknowledged.push_back(message);
            flight.handed.push_back(message);
            self.ledger.sent.lock().entry(self.number).or_default().below = flight.next;
            self.hand(client, message);
        }
    }

    /// Ends with the connection, or when a message is refused.
    async fn listen(&self, mut events: EventLoop) {
        while let Ok(event) = events.poll().await {
            match event {
                Event::Outgoing(Outgoing::Publish(identifier)) => {
                    let mut flight = self.flight.lock();
                    let message = flight.handed.pop_front().expect("it was handed over");
                    flight.by_identifier.insert(identifier, message);
                }
                Event::Incoming(Packet::PubAck(answer)) => {
                    let mut flight = self.flight.lock();
                    let message = flight.by_identifier.remove(&answer.pkid).expect("PUBACK for what was sent");
                    if !matches!(answer.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) {
                        return;
                    }
                    flight.unacknowledged.retain(|waiting| *waiting != message);
                    self.ledger.sent.lock().entry(self.number).or_default().acknowledged.push(message);
                }
                _ => {}
            }
        }
    }
}
