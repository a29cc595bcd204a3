//! The server under test: a whole node in this process, or as many as the test binary says, in one cluster; or, with `FLUX_TEST_PEER=mosquitto`,
//! mosquitto, to judge a test by a second opinion.

use std::net::SocketAddr;

use flux_core::testing::TestNode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::across::Nodes;
use crate::mosquitto::Mosquitto;
use crate::wire::{Client, Connect};

pub struct Server {
    peer: Peer,
}

enum Peer {
    Node(TestNode),
    /// Clients connect to one after the other.
    Nodes(Nodes),
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
            _ if crate::NODES > 1 => Peer::Nodes(Nodes::start(crate::NODES, settings).await),
            _ => Peer::Node(TestNode::with(settings).await),
        };
        Server { peer }
    }

    /// MQTT over TCP.
    pub fn address(&self) -> SocketAddr {
        match &self.peer {
            Peer::Node(node) => node.mqtt_address(),
            Peer::Nodes(nodes) => nodes.next().mqtt_address(),
            Peer::Mosquitto(mosquitto) => mosquitto.address,
        }
    }

    /// MQTT over WebSocket.
    pub fn ws_address(&self) -> SocketAddr {
        match &self.peer {
            Peer::Node(node) => node.ws_address(),
            Peer::Nodes(nodes) => nodes.next().ws_address(),
            Peer::Mosquitto(mosquitto) => mosquitto.ws_address,
        }
    }

    /// What only one server of our own has.
    pub fn node(&mut self) -> &mut TestNode {
        match &mut self.peer {
            Peer::Node(node) => node,
            Peer::Nodes(_) | Peer::Mosquitto(_) => panic!("this test is about one server of our own"),
        }
    }

    /// A counter of the metrics page, all labels and nodes together.
    pub async fn counter(&self, name: &str) -> f64 {
        let mut sum = 0.0;
        for node in self.all_nodes() {
            let address = node.http_url().trim_start_matches("http://").to_owned();
            let mut stream = TcpStream::connect(address).await.expect("HTTP listens");
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.expect("it reads");
            let mut page = String::new();
            stream.read_to_string(&mut page).await.expect("it answers");
            let named = page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
            sum += named
                .map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a value"))
                .sum::<f64>();
        }
        sum
    }

    fn all_nodes(&self) -> &[TestNode] {
        match &self.peer {
            Peer::Node(node) => std::slice::from_ref(node),
            Peer::Nodes(nodes) => nodes.all(),
            Peer::Mosquitto(_) => panic!("this test is about servers of our own"),
        }
    }

    pub async fn stop(&mut self) {
        match &mut self.peer {
            Peer::Nodes(nodes) => nodes.stop().await,
            _ => self.node().stop().await,
        }
    }

    /// The same data, perhaps other ports.
    pub async fn restart(&mut self) {
        match &mut self.peer {
            Peer::Nodes(nodes) => nodes.restart().await,
            _ => self.node().restart().await,
        }
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
