//! A publisher exactly as MQTT 5 §4.3 and §4.4 want it: what is not acknowledged is sent again with its packet identifier after a reconnect, in order,
//! and a QoS 2 message that was received is released, not repeated.

use std::collections::VecDeque;

use tokio::sync::watch;

use super::Stage;
use crate::wire::encode::PUBREL;
use crate::wire::packet::Ack;
use crate::wire::{Client, Connect, Packet, Publish, Version};

/// Messages under way at a time.
const WINDOW: usize = 16;

pub struct Publisher {
    pub number: u32,
    pub qos: u8,
    /// Numbers of messages that the server has acknowledged (PUBACK, PUBREC), in the order of acknowledgement.
    pub acknowledged: Vec<u32>,
    /// Messages that were sent at least once.
    pub sent: u32,
    /// PUBLISH and PUBREL packets sent again.
    pub repeated: u32,
    flight: VecDeque<Flight>,
    next_id: u16,
    has_session: bool,
}

struct Flight {
    id: u16,
    message: u32,
    /// PUBREC has come: PUBREL is what is owed.
    received: bool,
}

impl Publisher {
    pub fn new(number: u32, qos: u8) -> Publisher {
        let (acknowledged, flight) = (Vec::new(), VecDeque::new());
        Publisher { number, qos, acknowledged, sent: 0, repeated: 0, flight, next_id: 0, has_session: false }
    }

    /// Publishes from run to run until it is to end and everything is acknowledged.
    pub async fn run(mut self, mut stage: watch::Receiver<Stage>) -> Publisher {
        loop {
            let Stage { address, ending, .. } = *stage.borrow_and_update();
            if ending && self.flight.is_empty() && self.has_session {
                return self;
            }
            if let Some(address) = address
                && let Ok(client) = Client::try_open(address, Version::V5).await
            {
                self.converse(client, &stage).await;
            }
            // Either the server has gone, or it is about to: the stage will say so.
            if !(ending && self.flight.is_empty()) {
                stage.changed().await.expect("the drill goes on");
            }
        }
    }

    /// Until the connection breaks or all is done.
    async fn converse(&mut self, mut client: Client, stage: &watch::Receiver<Stage>) {
        client.send(Connect::v5(&format!("publisher-{}", self.number)).durable().encode()).await;
        match client.next().await {
            Some(Packet::ConnAck(connack)) => {
                assert_eq!(connack.code, 0);
                assert!(connack.session_present || !self.has_session, "publisher {}: its session was lost", self.number);
                self.has_session = true;
            }
            None => return,
            Some(other) => panic!("CONNACK was expected, not {other:?}"),
        }
        for flight in &self.flight {
            self.repeated += 1;
            if flight.received {
                client.send_ack(PUBREL, flight.id).await;
            } else {
                client.send_publish(&self.message(flight.id, flight.message).dup()).await;
            }
        }
        loop {
            let ending = stage.borrow().ending;
            while !ending && self.flight.len() < WINDOW {
                let id = self.free_id();
                self.flight.push_back(Flight { id, message: self.sent, received: false });
                client.send_publish(&self.message(id, self.sent)).await;
                self.sent += 1;
            }
            if self.flight.is_empty() {
                return;
            }
            match client.next().await {
                Some(packet) => self.answered(packet, &mut client).await,
                None => return,
            }
        }
    }

    async fn answered(&mut self, packet: Packet, client: &mut Client) {
        let done = |ack: &Ack| assert!(ack.code < 0x80 || ack.code == 0x92, "refused with 0x{:02X}", ack.code);
        match packet {
            Packet::PubAck(ack) => {
                done(&ack);
                let flight = self.take(ack.id).expect("PUBACK for what was sent");
                self.acknowledged.push(flight.message);
            }
            Packet::PubRec(ack) => {
                assert!(ack.code < 0x80, "refused with 0x{:02X}", ack.code);
                let flight = self.flight.iter_mut().find(|flight| flight.id == ack.id).expect("PUBREC for what was sent");
                if !flight.received {
                    flight.received = true;
                    self.acknowledged.push(flight.message);
                }
                client.send_ack(PUBREL, ack.id).await;
            }
            Packet::PubComp(ack) => {
                done(&ack);
                let flight = self.take(ack.id).expect("PUBCOMP for what was sent");
                assert!(flight.received, "PUBCOMP before PUBREC");
            }
            other => panic!("publisher {}: {other:?} was not expected", self.number),
        }
    }

    fn take(&mut self, id: u16) -> Option<Flight> {
        let index = self.flight.iter().position(|flight| flight.id == id)?;
        self.flight.remove(index)
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if self.flight.iter().all(|flight| flight.id != self.next_id) {
                return self.next_id;
            }
        }
    }

    fn message(&self, id: u16, message: u32) -> Publish {
        Publish::new(&format!("drill/{}", self.number), message.to_string()).qos(self.qos).id(id)
    }
}
