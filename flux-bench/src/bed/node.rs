use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use super::child::{Child, StartError};

/// One node of flux-core on free ports of loopback, with its data in a folder of its own.
#[derive(Debug)]
pub struct Node {
    pub name: String,
    pub mqtt: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Node {
    /// `arguments` beyond those of every node here.
    pub fn start(core: &Path, name: &str, arguments: &[String]) -> Result<Self, StartError> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data").display().to_string();
        let mut all: Vec<String> = ["serve", "--node-id", name, "--data-dir", &data].map(str::to_owned).to_vec();
        all.extend(["--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"].map(str::to_owned));
        all.extend_from_slice(arguments);
        let mut child = Child::start(core, &all, folder.path())?;
        let mut mqtt = None;
        // What it says last is where its data is.
        let mqtt = child.says(|line| {
            mqtt = mqtt.or_else(|| address(line));
            mqtt.filter(|_| line.trim_start().starts_with("Data"))
        })?;
        Ok(Self { name: name.to_owned(), mqtt, child, _folder: folder })
    }

    pub fn pid(&self) -> u32 {
        self.child.pid()
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    let value = line.trim_start().strip_prefix("MQTT ")?.split_whitespace().next()?;
    value.parse().ok()
}
