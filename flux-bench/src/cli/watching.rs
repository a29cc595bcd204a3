use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use url::Url;

use crate::report::failure::Failure;
use crate::watch::locate;
use crate::watch::node::NodeAddress;
use crate::watch::process::Process;
use crate::watch::servers::Subject;

/// Of each flag for itself: a heading of the whole would also stand above the flags that follow it.
pub const HEADING: &str = "Watching options";

/// Whose CPU and memory a run shows beside what it measures.
#[derive(Debug, Clone, Default, Args)]
pub struct Watching {
    /// The server's processes on this machine, for their CPU and memory [default: who listens on the ports of loopback URLs]
    #[arg(long, value_name = "PID", value_delimiter = ',', help_heading = HEADING)]
    pub pid: Vec<u32>,

    /// FLUX nodes, for the same by their HTTP APIs: http://HOST:PORT, several with commas
    #[arg(long, value_name = "URL", value_delimiter = ',', help_heading = HEADING)]
    pub nodes: Vec<String>,
}

impl Watching {
    /// Whether an authority of ours may have to vouch for a node.
    pub fn over_tls(&self) -> bool {
        self.nodes.iter().any(|url| url.starts_with("https://"))
    }

    /// What is to be watched when the load goes to `servers`. `token` and `ca_file` are for the nodes.
    pub fn subjects(
        &self,
        servers: &[SocketAddr],
        token: Option<&str>,
        ca_file: Option<&PathBuf>,
    ) -> Result<Vec<Subject>, Failure> {
        if let Some(pid) = self.pid.iter().find(|pid| !Process::of(**pid).exists()) {
            let failure = Failure::new(1, "pid", format!("there is no process {pid}"));
            return Err(failure.hint("leave --pid out to have it found by the port"));
        }
        let mut pids = if self.pid.is_empty() && self.nodes.is_empty() { located(servers) } else { self.pid.clone() };
        pids.sort_unstable();
        pids.dedup();
        let node = |text: &String| {
            let url = if text.contains("://") { text.clone() } else { format!("http://{text}") };
            match Url::parse(&url) {
                Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => {
                    Ok(Subject::Node(NodeAddress { url, token: token.map(str::to_owned), ca_file: ca_file.cloned() }))
                }
                _ => Err(Failure::new(1, "nodes", format!("--nodes {text} is not the address of a node's HTTP API"))
                    .hint("--nodes http://HOST:PORT, several with commas")),
            }
        };
        let nodes = self.nodes.iter().map(node).collect::<Result<Vec<_>, _>>()?;
        Ok(pids.into_iter().map(Subject::Process).chain(nodes).collect())
    }
}

/// Whoever listens where the servers are: all of them or nobody, because a part of them would be taken for all.
fn located(servers: &[SocketAddr]) -> Vec<u32> {
    servers.iter().map(|server| locate::listener(*server)).collect::<Option<_>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_process_of_every_url_is_found_once_or_none_is() {
        let listeners = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let here = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let watching = Watching::default();
        let own = Subject::Process(std::process::id());
        assert_eq!(watching.subjects(&here, None, None).unwrap(), [own]);
        let elsewhere: SocketAddr = "192.0.2.1:1883".parse().unwrap();
        assert_eq!(watching.subjects(&[here[0], elsewhere], None, None).unwrap(), []);
    }

    #[test]
    fn nodes_take_the_place_of_what_is_found_and_stand_beside_what_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = [listener.local_addr().unwrap()];
        let nodes = vec!["10.0.0.1:3000".to_owned(), "https://n2:3000".to_owned()];
        let address = |url: &str| Subject::Node(NodeAddress { url: url.to_owned(), token: Some("t".to_owned()), ca_file: None });
        let watching = Watching { pid: vec![], nodes: nodes.clone() };
        let found = watching.subjects(&here, Some("t"), None).unwrap();
        assert_eq!(found, [address("http://10.0.0.1:3000"), address("https://n2:3000")]);
        let own = std::process::id();
        let both = Watching { pid: vec![own], nodes }.subjects(&here, Some("t"), None).unwrap();
        assert_eq!((both.len(), &both[0]), (3, &Subject::Process(own)));
    }

    #[test]
    fn what_is_no_process_and_no_address_is_refused() {
        let no_process = Watching { pid: vec![u32::MAX], nodes: vec![] }.subjects(&[], None, None).unwrap_err();
        let no_address = Watching { pid: vec![], nodes: vec!["mqtt://n1".to_owned()] }.subjects(&[], None, None).unwrap_err();
        assert_eq!([(no_process.exit, no_process.code), (no_address.exit, no_address.code)], [(1, "pid"), (1, "nodes")]);
    }
}
