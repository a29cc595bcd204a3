//! The real server, for tests of what flux-bench does with one.

#[path = "../../../fluxctl/tests/support/program.rs"]
mod program;
#[path = "../../../fluxctl/tests/support/redis.rs"]
#[allow(dead_code, reason = "not every test program needs it")]
mod redis;

use std::process::{Child, Command, Output};

use serde_json::Value;
use tempfile::TempDir;

#[allow(unused_imports, reason = "not every test program needs it")]
pub use program::binary;
#[allow(unused_imports, reason = "not every test program needs it")]
pub use redis::Redis;

/// `flux-core serve` on free ports for every transport, with its data in a folder of its own; killed when dropped.
pub struct Server {
    process: Child,
    said: Vec<String>,
    folder: TempDir,
}

impl Server {
    #[allow(dead_code, reason = "not every test program needs it")]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// `FOLDER` in a setting is where its `cert.pem` and `key.pem` are.
    pub fn start_with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let made =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("cert.pem"), made.cert.pem()).expect("written");
        std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).expect("written");
        let mut command = program::serve(&folder.path().join("data"));
        command.args(["--mqtts-listen", "127.0.0.1:0", "--ws-listen", "127.0.0.1:0", "--wss-listen", "127.0.0.1:0"]);
        for (key, name) in [("cert", "cert.pem"), ("key", "key.pem")] {
            command.args(["--set", &format!("mqtt.tls.{key}={}", file(name).display())]);
        }
        for setting in settings {
            command.args(["--set", &setting.replace("FOLDER", &folder.path().display().to_string())]);
        }
        let (process, said) = program::start(&mut command);
        Server { process, said, folder }
    }

    /// `mqtt://127.0.0.1:PORT`, or mqtts, ws, wss.
    pub fn url(&self, scheme: &str) -> String {
        let label = match scheme {
            "mqtt" => "MQTT ",
            "mqtts" => "MQTT over TLS",
            "ws" => "MQTT over WebSocket",
            _ => "MQTT over WSS",
        };
        let port = self.said.iter().find_map(|line| {
            let value = line.trim_start().strip_prefix(label)?.split_whitespace().next()?;
            value.rsplit_once(':').map(|(_, port)| port.trim_end_matches("/mqtt").to_owned())
        });
        format!("{scheme}://127.0.0.1:{}", port.unwrap_or_else(|| panic!("no {label:?} in {:?}", self.said)))
    }

    /// `http://127.0.0.1:PORT`
    #[allow(dead_code, reason = "not every test program needs it")]
    pub fn http(&self) -> String {
        let address = self.said.iter().find_map(|line| line.trim_start().strip_prefix("HTTP API")?.split_whitespace().next());
        let address = address.unwrap_or_else(|| panic!("no HTTP API in {:?}", self.said));
        format!("http://{}", address.trim_start_matches("http://"))
    }

    /// `cert.pem`, its certificate and its own authority, or `key.pem`.
    #[allow(dead_code, reason = "not every test program needs it")]
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// flux-bench mqtt with these arguments, a short run.
#[allow(dead_code, reason = "not every test program needs it")]
pub fn bench(url: &str, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flux-bench"));
    command.args(["mqtt", "--no-save"]).args(arguments.split_whitespace()).args(["--url", url, "-o", "json"]);
    command.args(["--warmup", "0s", "--duration", "1s"]).output().expect("flux-bench runs")
}

/// The only run in its report.
#[allow(dead_code, reason = "not every test program needs it")]
pub fn report(output: &Output) -> Value {
    let found: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report; it said {}", String::from_utf8_lossy(&output.stderr)));
    found["items"][0].clone()
}
