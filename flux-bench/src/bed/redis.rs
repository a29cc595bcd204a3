use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use url::Url;

use crate::limits::REDIS_TRIES;
use crate::watch::locate;

use super::child::{Child, StartError};

/// A Redis to measure with: one that runs, or one that was started for it.
#[derive(Debug)]
pub struct Redis {
    pub url: String,
    /// Its process, where that is on this machine and there is one.
    pub pid: Option<u32>,
    own: Option<(Child, TempDir)>,
}

impl Redis {
    pub fn there(url: &str) -> Self {
        Self { url: url.to_owned(), pid: process(url), own: None }
    }

    /// With an append-only file, as a cluster needs it, in a folder of its own on a free port.
    pub fn start() -> Result<Self, StartError> {
        let mut tried = 1;
        loop {
            match Self::start_on(free_port()?) {
                // Somebody else may have taken the port meanwhile.
                Err(StartError::Ended { .. }) if tried < REDIS_TRIES => tried += 1,
                other => return other,
            }
        }
    }

    fn start_on(port: u16) -> Result<Self, StartError> {
        let folder = tempfile::tempdir()?;
        let directory = folder.path().display().to_string();
        let port_text = port.to_string();
        let arguments = ["--bind", "127.0.0.1", "--port", &port_text, "--dir", &directory, "--appendonly", "yes"];
        let more = ["--appendfsync", "everysec", "--save", "", "--loglevel", "warning"];
        let arguments: Vec<String> = arguments.iter().chain(&more).map(|word| (*word).to_owned()).collect();
        let mut child = Child::start(Path::new("redis-server"), &arguments, folder.path())?;
        child.answers(|| pong(port))?;
        Ok(Self { url: format!("redis://127.0.0.1:{port}"), pid: Some(child.pid()), own: Some((child, folder)) })
    }

    /// It was started for the run and goes with it: nothing in it has to be cleared away.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Host and port of a single server without TLS or login, which is all that redis-benchmark is asked about.
    pub fn plain(&self) -> Option<(String, u16)> {
        plain(&self.url)
    }
}

fn plain(url: &str) -> Option<(String, u16)> {
    let parsed = Url::parse(url).ok().filter(|_| !url.contains(','))?;
    let simple = parsed.scheme() == "redis" && parsed.password().is_none() && parsed.query().is_none();
    simple.then(|| Some((parsed.host_str()?.trim_matches(['[', ']']).to_owned(), parsed.port().unwrap_or(6379))))?
}

/// Who listens where a URL of one server points to.
fn process(url: &str) -> Option<u32> {
    let (host, port) = plain(url)?;
    let addresses: Vec<SocketAddr> = (host.as_str(), port).to_socket_addrs().ok()?.collect();
    addresses.into_iter().find_map(locate::listener)
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether it answers, and has read what it keeps.
fn pong(port: u16) -> Option<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"PING\r\n").ok()?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).ok()?;
    (&answer == b"+PONG\r\n").then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_simple_server_is_asked_by_others() {
        assert_eq!(plain("redis://127.0.0.1:7000"), Some(("127.0.0.1".to_owned(), 7000)));
        assert_eq!(plain("redis://localhost"), Some(("localhost".to_owned(), 6379)));
        for url in
            ["rediss://a:1", "redis://:secret@a:1", "redis://a:1,redis://b:1", "redis+sentinel://a/x", "redis://a?service=x"]
        {
            assert_eq!(plain(url), None, "{url}");
        }
    }
}
