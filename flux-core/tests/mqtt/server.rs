//! The server under test: a whole node in this process, or, with `FLUX_TEST_PEER=mosquitto`, mosquitto, to judge a test by a second opinion.

use std::net::SocketAddr;

use flux_core::testing::TestNode;

use crate::mosquitto::Mosquitto;
use crate::wire::{Client, Connect};

pub struct Server {
    peer: Peer,
}

enum Peer {
    Node(TestNode),
    Mosquitto(Mosquitto),
}

impl Server {
    pub async fn start() -> Server {
        Server::with(&[]).await
    }

    /// With configuration keys and their values.
    pub async fn with(settings: &[(&str, &str)]) -> Server {
        let peer = match std::env::var("FLUX_TEST_PEER").as_deref() {
            Ok("mosquitto") => Peer::Mosquitto(Mosquitto::start(settings).await),
            _ => Peer::Node(TestNode::with(settings).await),
        };
        Server { peer }
    }

    /// MQTT over TCP.
    pub fn address(&self) -> SocketAddr {
        match &self.peer {
            Peer::Node(node) => node.mqtt_address(),
            Peer::Mosquitto(mosquitto) => mosquitto.address,
        }
    }

    /// MQTT over WebSocket.
    pub fn ws_address(&self) -> SocketAddr {
        match &self.peer {
            Peer::Node(node) => node.ws_address(),
            Peer::Mosquitto(mosquitto) => mosquitto.ws_address,
        }
    }

    /// What only our own server has.
    pub fn node(&mut self) -> &mut TestNode {
        match &mut self.peer {
            Peer::Node(node) => node,
            Peer::Mosquitto(_) => panic!("this test is about our own server"),
        }
    }

    pub async fn stop(&mut self) {
        self.node().stop().await;
    }

    /// The same data, perhaps other ports.
    pub async fn restart(&mut self) {
        self.node().restart().await;
    }

    /// A client that is accepted.
    pub async fn client(&self, connect: Connect) -> Client {
        Client::connect(self.address(), connect).await
    }

    /// A version 5 client with a clean start.
    pub async fn v5(&self, client_id: &str) -> Client {
        self.client(Connect::v5(client_id)).await
    }

    /// A version 3.1.1 client with a clean session.
    pub async fn v311(&self, client_id: &str) -> Client {
        self.client(Connect::v311(client_id)).await
    }
}
