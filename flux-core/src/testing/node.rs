use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::config::Config;
use crate::config::Sources;
use crate::node::Node;

/// A node in this process. Its data goes when it is dropped; stop it to end it in good order.
pub struct TestNode {
    node: Option<Node>,
    folder: TempDir,
    keys: Vec<(String, String)>,
}

impl TestNode {
    pub async fn start() -> Self {
        TestNode::with(&[]).await
    }

    /// With configuration keys beyond the defaults, as `--set` would give them. Every listener is on a free port of loopback.
    pub async fn with(keys: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut test = TestNode { node: None, folder, keys };
        test.node = Some(test.launch().await);
        test
    }

    async fn launch(&self) -> Node {
        let mut sources = Sources::default()
            .with("--set", "node.id", "test")
            .with("--set", "node.data_dir", self.folder.path().to_string_lossy())
            .with("--set", "http.listen", "127.0.0.1:0")
            .with("--set", "mqtt.listen", "127.0.0.1:0")
            .with("--set", "mqtt.ws_listen", "127.0.0.1:0");
        for (key, value) in &self.keys {
            sources = sources.with("--set", key, value);
        }
        let config = Config::load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
        Node::start(&config).await.unwrap_or_else(|error| panic!("{error}"))
    }

    fn address(&self, protocol: &str) -> SocketAddr {
        let node = self.node.as_ref().expect("the node is running");
        let found = node.listening().iter().find(|listening| listening.protocol == protocol);
        found.unwrap_or_else(|| panic!("the node does not listen for {protocol}")).address
    }

    pub fn mqtt_address(&self) -> SocketAddr {
        self.address("mqtt")
    }

    pub fn mqtts_address(&self) -> SocketAddr {
        self.address("mqtts")
    }

    pub fn ws_address(&self) -> SocketAddr {
        self.address("ws")
    }

    pub fn wss_address(&self) -> SocketAddr {
        self.address("wss")
    }

    pub fn http_url(&self) -> String {
        format!("http://{}", self.address("http"))
    }

    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the node and starts it again on the same data; the ports may be others.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.node = Some(self.launch().await);
    }

    pub async fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop().await;
        }
    }
}
