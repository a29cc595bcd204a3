use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::durable::StoreError;

/// Why a node did not start, in one message each: what was wrong, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data folder {} cannot be used: {source}\n  hint: give this user the right to write there, or choose another with --data-dir", path.display())]
    DataDir { path: PathBuf, source: io::Error },
    #[error("{}: {source}\n  hint: make it readable, or name the node with --node-id", path.display())]
    Identity { path: PathBuf, source: io::Error },
    #[error("log.level: {0}")]
    Log(tracing_subscriber::filter::ParseError),
    #[error("the runtime cannot be started: {0}")]
    Runtime(io::Error),
    /// `key` is the configuration key of the listener.
    #[error("cannot listen on {address} ({key}): {source}\n  hint: {}", bind_hint(source, key))]
    Bind { key: &'static str, address: SocketAddr, source: io::Error },
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{}", problems.join("\n"))]
    Users { problems: Vec<String> },
    /// `key` is the configuration key of the certificate or key.
    #[error("{key}: {problem}")]
    Tls { key: &'static str, problem: String },
}

fn bind_hint(problem: &io::Error, key: &str) -> String {
    match problem.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "another process has this port (ss -ltnp shows which); stop it, or choose another port with --set {key}=ADDRESS:PORT (0 picks a free one)"
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need a privilege; choose a higher one with --set {key}=ADDRESS:PORT")
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address; 0.0.0.0 means all that it has".to_owned(),
        _ => format!("choose another address with --set {key}=ADDRESS:PORT"),
    }
}
