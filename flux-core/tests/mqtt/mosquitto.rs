//! Mosquitto as a second opinion: `FLUX_TEST_PEER=mosquitto cargo nextest run -p flux-core --test mqtt`. Where it and a test disagree, the specification decides.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Mosquitto {
    pub address: SocketAddr,
    pub ws_address: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Mosquitto {
    pub async fn start(settings: &[(&str, &str)]) -> Mosquitto {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Mosquitto cannot pick a free port itself: one that was free a moment ago has to do.
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let (address, ws_address) = (free(), free());
        let mut text =
            format!("listener {} 127.0.0.1\nlistener {} 127.0.0.1\nprotocol websockets\n", address.port(), ws_address.port());
        text += "allow_anonymous true\nset_tcp_nodelay true\nsys_interval 1\n";
        for (key, value) in settings {
            match *key {
                "mqtt.max_keep_alive" => text += &format!("max_keepalive {}\n", value.trim_end_matches('s')),
                "mqtt.max_packet_size" => text += &format!("max_packet_size {value}\n"),
                "mqtt.max_inflight" => text += &format!("max_inflight_messages {value}\n"),
                _ => {}
            }
        }
        let file = folder.path().join("mosquitto.conf");
        std::fs::write(&file, text).expect("the folder is writable");
        let mut command = Command::new("mosquitto");
        let process =
            command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mosquitto is installed");
        while TcpStream::connect(address).is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Mosquitto { address, ws_address, process, _folder: folder }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
