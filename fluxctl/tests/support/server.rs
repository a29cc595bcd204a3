use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;

use tempfile::TempDir;

use super::program;

/// `flux-core serve` with its data in a folder of its own; killed when dropped.
pub struct Server {
    process: Child,
    http: String,
    mqtt: String,
    mqtts: Option<String>,
    _data: TempDir,
}

impl Server {
    pub fn start() -> Self {
        Server::start_with(&[])
    }

    pub fn start_with(flags: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (process, said) = program::start(program::serve(data.path()).args(flags));
        let (http, mqtt, mqtts) = addresses(&said);
        Server { process, http, mqtt, mqtts, _data: data }
    }

    /// `http://127.0.0.1:PORT`, `https://` where the flags ask for it
    pub fn http(&self) -> &str {
        &self.http
    }

    /// `127.0.0.1:PORT`
    pub fn mqtt(&self) -> &str {
        &self.mqtt
    }

    /// The same over TLS, where the flags ask for it.
    pub fn mqtts(&self) -> &str {
        self.mqtts.as_deref().expect("a TLS listener")
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The program that serves.
    pub fn binary() -> &'static Path {
        program::binary()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The addresses it has printed: lines that begin with `HTTP API` and `MQTT`.
fn addresses(said: &[String]) -> (String, String, Option<String>) {
    let find = |label| said.iter().find_map(|line| Some((line, address(line, label)?)));
    let (Some((line, http)), Some((_, mqtt))) = (find("HTTP API"), find("MQTT")) else {
        panic!("the server printed no addresses; it said:\n{}", said.join("\n"));
    };
    let scheme = if line.contains("https://") { "https" } else { "http" };
    (format!("{scheme}://{http}"), mqtt, find("MQTT over TLS").map(|(_, mqtts)| mqtts))
}

fn address(line: &str, label: &str) -> Option<String> {
    let value = line.trim_start().strip_prefix(label)?.split_whitespace().next()?;
    value.trim_start_matches("http://").trim_start_matches("https://").parse().ok().map(|address: SocketAddr| address.to_string())
}
