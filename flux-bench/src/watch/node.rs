use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use flux_core::api::{Node, NodeList, Time};
use flux_core::client::{Client, ClientError};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use url::{Host, Url};

use crate::limits::{NODE_INTERVAL, NODE_PATIENCE};

use super::process::{ProcessSample, ProcessUse};

/// Where a FLUX node is asked what its process costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeAddress {
    /// `http://HOST:PORT` or `https://`
    pub url: String,
    pub token: Option<String>,
    /// Authorities to trust beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
}

/// Why a node cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("{url} is not a node that can be watched: {source}")]
    Client { url: String, source: Box<ClientError> },
    #[error("{url} is not a node that can be watched: its system does not say what its process uses")]
    NoFigures { url: String },
    #[error("{url} does not say which of the nodes {ids} it is")]
    Nameless { url: String, ids: String },
    #[error("the authority's certificate {} cannot be read: {cause}", file.display())]
    Ca { file: PathBuf, cause: String },
}

/// What a node said of itself.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// When it was asked, and the middle between that and its answer.
    asked: Instant,
    at: Instant,
    cpu_seconds: f64,
    resident: u64,
    descriptors: Option<u64>,
}

/// An end of the window: the first reading that was asked for after it.
#[derive(Debug, Clone, Copy, Default)]
enum Mark {
    #[default]
    Unset,
    Wanted(Instant),
    Met(Reading),
}

#[derive(Debug, Default)]
struct Seen {
    last: Option<Reading>,
    peak: u64,
    start: Mark,
    end: Mark,
    /// When the last question that was not answered was asked, and why there was no answer.
    failure: Option<(Instant, String)>,
    restarted: bool,
}

/// A node of which a task reads twice a second what its process uses.
#[derive(Debug)]
pub struct WatchedNode {
    url: String,
    pub(super) id: String,
    pub(super) started_at: Time,
    pub(super) pid: u32,
    /// Of the cluster's nodes the others.
    pub(super) others: Vec<String>,
    seen: watch::Sender<Seen>,
    now: Arc<Notify>,
    task: JoinHandle<()>,
    sampled: Option<Reading>,
    /// The window, by our clock.
    window: Option<(Instant, Instant)>,
}

impl WatchedNode {
    /// Asks the node who it is and begins to watch it.
    pub async fn reach(address: &NodeAddress) -> Result<Self, NodeError> {
        let url = address.url.clone();
        let wrong = |source| NodeError::Client { url: url.clone(), source: Box::new(source) };
        let authorities = match &address.ca_file {
            Some(file) => fs::read(file).map_err(|error| NodeError::Ca { file: file.clone(), cause: error.to_string() })?,
            None => vec![],
        };
        let client = Client::trusting(&url, address.token.clone(), NODE_PATIENCE, &authorities).map_err(wrong)?;
        let list = client.nodes().await.map_err(wrong)?;
        let id = itself(&client, &list, &url).await?;
        let asked = Instant::now();
        let node = client.node(&id).await.map_err(wrong)?;
        let first = reading(asked, &node).ok_or_else(|| NodeError::NoFigures { url: url.clone() })?;
        let ids = list.items.iter().map(|node| &node.id).chain(list.unreachable.iter().map(|node| &node.id));
        let others = ids.filter(|other| **other != id).cloned().collect();
        let (seen, now) = (watch::Sender::new(Seen::default()), Arc::new(Notify::new()));
        seen.send_modify(|seen| seen.take(first));
        let (pid, started_at) = (node.process.pid, node.started_at);
        let task = tokio::spawn(follow(client, (id.clone(), started_at), seen.clone(), Arc::clone(&now)));
        Ok(Self { url, id, started_at, pid, others, seen, now, task, sampled: None, window: None })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// On this machine, as far as its URL tells: elsewhere the same number is another process.
    pub(super) fn is_here(&self) -> bool {
        match Url::parse(&self.url).ok().and_then(|url| url.host().map(|host| host.to_owned())) {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Bytes in memory, asked for now; None when it does not answer.
    pub async fn resident(&self) -> Option<u64> {
        let since = Instant::now();
        self.now.notify_one();
        self.answered(since, |seen| seen.last.is_some_and(|reading| reading.asked >= since)).await;
        let last = self.seen.borrow().last;
        last.filter(|reading| reading.asked >= since).map(|reading| reading.resident)
    }

    /// The window begins.
    pub fn start(&mut self) {
        let now = Instant::now();
        self.window = Some((now, now));
        self.seen.send_modify(|seen| (seen.start, seen.end) = (Mark::Wanted(now), Mark::Unset));
        self.now.notify_one();
    }

    /// The window ends.
    pub fn end(&mut self) {
        let now = Instant::now();
        self.window = self.window.map(|(start, _)| (start, now));
        self.seen.send_modify(|seen| seen.end = Mark::Wanted(now));
        self.now.notify_one();
    }

    /// What was used since the last sample; None at the first, and when it has said nothing since.
    pub fn sample(&mut self) -> Option<ProcessSample> {
        let now = self.seen.borrow().last?;
        let before = self.sampled.replace(now).filter(|before| before.at < now.at)?;
        Some(ProcessSample { cores: cores(before, now), resident: now.resident })
    }

    /// What was used between the window's ends, or why that is not known. Waits for the node's answer as of its end.
    pub async fn used(&self) -> Result<ProcessUse, String> {
        let Some((since, until)) = self.window else { return Err(format!("{} was not watched", self.url)) };
        self.answered(until, |seen| matches!(seen.end, Mark::Met(_))).await;
        let seen = self.seen.borrow();
        let failed = || seen.failure.as_ref().map_or_else(|| "it did not answer".to_owned(), |(_, cause)| cause.clone());
        if seen.restarted {
            return Err(format!("node {} ({}) was restarted during the run: what it used is not known", self.id, self.url));
        }
        let (Mark::Met(start), Mark::Met(end)) = (seen.start, seen.end) else {
            return Err(format!("what node {} ({}) used is not known: {}", self.id, self.url, failed()));
        };
        let cores = cores(start, end);
        Ok(ProcessUse {
            pid: None,
            url: Some(self.url.clone()),
            name: self.id.clone(),
            // The readings are a round trip away from the window's ends; what it used is of the window.
            cpu_seconds: cores * until.duration_since(since).as_secs_f64(),
            cores,
            resident: end.resident,
            resident_peak: seen.peak,
            descriptors: end.descriptors,
        })
    }

    /// Until `done`, or until a question that was asked after `since` was not answered.
    async fn answered(&self, since: Instant, done: impl Fn(&Seen) -> bool) {
        let over = |seen: &Seen| done(seen) || seen.failure.as_ref().is_some_and(|(asked, _)| *asked >= since);
        // A question may be under way already: two patiences bound it and ours.
        let _ = tokio::time::timeout(NODE_PATIENCE * 2, self.seen.subscribe().wait_for(over)).await;
    }
}

impl Drop for WatchedNode {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn take(&mut self, reading: Reading) {
        for mark in [&mut self.start, &mut self.end] {
            if matches!(mark, Mark::Wanted(when) if reading.asked >= *when) {
                *mark = Mark::Met(reading);
            }
        }
        self.peak = self.peak.max(reading.resident);
        self.last = Some(reading);
    }
}

/// Every node lists all of its cluster; which one answers stands in its metrics.
async fn itself(client: &Client, list: &NodeList, url: &str) -> Result<String, NodeError> {
    if let ([one], []) = (list.items.as_slice(), list.unreachable.as_slice()) {
        return Ok(one.id.clone());
    }
    let wrong = |source| NodeError::Client { url: url.to_owned(), source: Box::new(source) };
    let metrics = client.metrics().await.map_err(wrong)?;
    let label = |id: &str| format!("node=\"{}\"", id.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"));
    let info = metrics.lines().find(|line| line.starts_with("flux_node_info{")).unwrap_or_default();
    let found = list.items.iter().find(|node| info.contains(&label(&node.id)));
    let ids = || list.items.iter().map(|node| node.id.as_str()).collect::<Vec<_>>().join(", ");
    found.map(|node| node.id.clone()).ok_or_else(|| NodeError::Nameless { url: url.to_owned(), ids: ids() })
}

/// Reads until it is aborted: every so often, and at once when asked to.
async fn follow(client: Client, (id, started_at): (String, Time), seen: watch::Sender<Seen>, now: Arc<Notify>) {
    loop {
        let _ = tokio::time::timeout(NODE_INTERVAL, now.notified()).await;
        let asked = Instant::now();
        let answer = client.node(&id).await;
        seen.send_modify(|seen| match &answer {
            Ok(node) => {
                seen.restarted |= node.started_at != started_at;
                match reading(asked, node) {
                    Some(reading) => seen.take(reading),
                    None => seen.failure = Some((asked, "it does not say what its process uses".to_owned())),
                }
            }
            Err(error) => seen.failure = Some((asked, error.to_string())),
        });
    }
}

fn reading(asked: Instant, node: &Node) -> Option<Reading> {
    let process = &node.process;
    let at = asked + asked.elapsed() / 2;
    let (cpu_seconds, resident) = (process.cpu_seconds?, process.rss_bytes?);
    Some(Reading { asked, at, cpu_seconds, resident, descriptors: process.open_descriptors })
}

fn cores(before: Reading, after: Reading) -> f64 {
    let elapsed = after.at.saturating_duration_since(before.at).as_secs_f64();
    if elapsed > 0.0 { (after.cpu_seconds - before.cpu_seconds).max(0.0) / elapsed } else { 0.0 }
}
