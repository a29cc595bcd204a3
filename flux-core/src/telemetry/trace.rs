//! Following one client, or one topic filter, for a while. Costs the others one relaxed load.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::types::{ClientId, EventId, QoS, Timestamp, TopicFilter, TopicName};

/// Each running trace looks at every message while any is running.
pub const MAX_TRACES: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceTarget {
    Client(ClientId),
    Topic(TopicFilter),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceInfo {
    pub id: u64,
    pub target: TraceTarget,
    pub started: Timestamp,
    pub ends: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    In,
    Out,
}

/// One step of a client or a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRecord {
    pub time: Timestamp,
    /// Whose connection it happened on, or whose message it is.
    pub client: ClientId,
    pub direction: Direction,
    /// `CONNECT`, `PUBLISH`, … or what became of a message: `DROPPED`, `QUEUED`, `EXPIRED`.
    pub packet: &'static str,
    pub topic: Option<TopicName>,
    pub event: Option<EventId>,
    pub qos: Option<QoS>,
    /// Bytes on the wire, or of the payload where there is no wire.
    pub size: usize,
    /// A reason code's text, or why a message was dropped.
    pub reason: Option<&'static str>,
}

impl fmt::Display for TraceRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.direction == Direction::In { "→" } else { "←" };
        write!(formatter, "{} {arrow} {}", self.client, self.packet)?;
        if let Some(topic) = &self.topic {
            write!(formatter, " {}", topic.as_str())?;
        }
        if let Some(qos) = self.qos {
            write!(formatter, " qos {}", qos as u8)?;
        }
        write!(formatter, " {} bytes", self.size)?;
        match self.reason {
            Some(reason) => write!(formatter, " ({reason})"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_TRACES} traces are running already; stop one first")]
pub struct TooManyTraces;

/// The traces of this node.
#[derive(Debug)]
pub struct Traces {
    running: AtomicUsize,
    list: Mutex<List>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct List {
    next: u64,
    traces: Vec<Arc<Trace>>,
}

#[derive(Debug)]
struct Trace {
    info: TraceInfo,
    deadline: Instant,
    ring: Mutex<Ring>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct Ring {
    /// How many have been recorded, those that were pushed out included.
    total: u64,
    records: VecDeque<Arc<TraceRecord>>,
    stopped: bool,
}

impl Traces {
    /// `capacity`: records of one trace that are kept for its readers.
    pub fn new(capacity: usize) -> Self {
        Traces { running: AtomicUsize::new(0), list: Mutex::default(), capacity }
    }

    /// Whether anything is being traced. Ask before making a record.
    #[inline]
    pub fn any(&self) -> bool {
        self.running.load(Ordering::Relaxed) > 0
    }

    /// Traces `target` from now on; ends by itself after `duration`.
    pub fn start(&self, target: TraceTarget, duration: Duration) -> Result<TraceInfo, TooManyTraces> {
        let mut list = self.list.lock();
        self.prune(&mut list);
        if list.traces.len() >= MAX_TRACES {
            return Err(TooManyTraces);
        }
        list.next += 1;
        let started = Timestamp::now();
        let info = TraceInfo { id: list.next, target, started, ends: started.after(duration) };
        let deadline = Instant::now() + duration;
        list.traces.push(Arc::new(Trace { info: info.clone(), deadline, ring: Mutex::default(), grown: Notify::new() }));
        self.running.store(list.traces.len(), Ordering::Relaxed);
        Ok(info)
    }

    /// `false` when there is no such trace (any more).
    pub fn stop(&self, id: u64) -> bool {
        let mut list = self.list.lock();
        let Some(index) = list.traces.iter().position(|trace| trace.info.id == id) else { return false };
        list.traces.remove(index).stop();
        self.running.store(list.traces.len(), Ordering::Relaxed);
        true
    }

    /// Those that are running, oldest first.
    pub fn list(&self) -> Vec<TraceInfo> {
        let mut list = self.list.lock();
        self.prune(&mut list);
        list.traces.iter().map(|trace| trace.info.clone()).collect()
    }

    /// Reads a trace from its first record that is still kept.
    pub fn tail(&self, id: u64) -> Option<TraceTail> {
        let list = self.list.lock();
        let trace = list.traces.iter().find(|trace| trace.info.id == id)?;
        Some(TraceTail { trace: Arc::clone(trace), read: 0 })
    }

    /// Gives the record to every trace that it concerns.
    pub fn record(&self, record: TraceRecord) {
        let mut list = self.list.lock();
        self.prune(&mut list);
        let mut shared = None;
        for trace in list.traces.iter().filter(|trace| trace.wants(&record)) {
            let record = shared.get_or_insert_with(|| Arc::new(record.clone()));
            trace.push(Arc::clone(record), self.capacity);
        }
    }

    fn prune(&self, list: &mut List) {
        let now = Instant::now();
        list.traces.retain(|trace| {
            let runs = trace.deadline > now;
            if !runs {
                trace.stop();
            }
            runs
        });
        self.running.store(list.traces.len(), Ordering::Relaxed);
    }
}

impl Trace {
    fn wants(&self, record: &TraceRecord) -> bool {
        match &self.info.target {
            TraceTarget::Client(client) => *client == record.client,
            TraceTarget::Topic(filter) => record.topic.as_ref().is_some_and(|topic| filter.matches(topic.as_str())),
        }
    }

    fn push(&self, record: Arc<TraceRecord>, capacity: usize) {
        let mut ring = self.ring.lock();
        if ring.records.len() >= capacity {
            ring.records.pop_front();
        }
        ring.records.push_back(record);
        ring.total += 1;
        drop(ring);
        self.grown.notify_waiters();
    }

    fn stop(&self) {
        self.ring.lock().stopped = true;
        self.grown.notify_waiters();
    }
}

/// A reader of one trace. Several may read the same one.
#[derive(Debug)]
pub struct TraceTail {
    trace: Arc<Trace>,
    read: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceStep {
    Record(Arc<TraceRecord>),
    /// So many records were pushed out before this reader came to them.
    Missed(u64),
}

impl TraceTail {
    pub fn info(&self) -> &TraceInfo {
        &self.trace.info
    }

    /// The next record, when there is one; `None` once the trace has ended and all is read. Cancel safe.
    pub async fn next(&mut self) -> Option<TraceStep> {
        let trace = Arc::clone(&self.trace);
        loop {
            let grown = trace.grown.notified();
            tokio::pin!(grown);
            grown.as_mut().enable();
            if let Some(step) = self.ready() {
                return Some(step);
            }
            if trace.ring.lock().stopped || tokio::time::timeout_at(trace.deadline, grown).await.is_err() {
                return self.ready();
            }
        }
    }

    fn ready(&mut self) -> Option<TraceStep> {
        let ring = self.trace.ring.lock();
        let first = ring.total - ring.records.len() as u64;
        if self.read < first {
            let missed = first - self.read;
            self.read = first;
            return Some(TraceStep::Missed(missed));
        }
        let record = ring.records.get(usize::try_from(self.read - first).ok()?)?;
        self.read += 1;
        Some(TraceStep::Record(Arc::clone(record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(client: &str, topic: &str) -> TraceRecord {
        TraceRecord {
            time: Timestamp(1),
            client: ClientId::new(client),
            direction: Direction::In,
            packet: "PUBLISH",
            topic: Some(TopicName::parse(topic).unwrap()),
            event: None,
            qos: Some(QoS::AtLeastOnce),
            size: 12,
            reason: None,
        }
    }

    fn filter(text: &str) -> TraceTarget {
        TraceTarget::Topic(TopicFilter::parse(text).unwrap())
    }

    async fn told(tail: &mut TraceTail) -> String {
        match tail.next().await {
            Some(TraceStep::Record(record)) => record.to_string(),
            Some(TraceStep::Missed(count)) => format!("missed {count}"),
            None => "end".to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trace_hears_its_client_or_topic_until_it_is_stopped() {
        let traces = Traces::new(10);
        assert!(!traces.any());
        let client = traces.start(TraceTarget::Client(ClientId::new("a")), Duration::from_secs(60)).unwrap();
        let topic = traces.start(filter("rooms/+"), Duration::from_secs(60)).unwrap();
        assert!(traces.any());
        traces.record(publish("a", "x"));
        traces.record(publish("b", "rooms/1"));
        let mut by_client = traces.tail(client.id).unwrap();
        let mut by_topic = traces.tail(topic.id).unwrap();
        assert!(traces.stop(client.id) && traces.stop(topic.id) && !traces.stop(topic.id));
        assert!(!traces.any());
        assert_eq!(told(&mut by_client).await, "a → PUBLISH x qos 1 12 bytes");
        assert_eq!(told(&mut by_client).await, "end");
        assert_eq!(told(&mut by_topic).await, "b → PUBLISH rooms/1 qos 1 12 bytes");
        assert_eq!(told(&mut by_topic).await, "end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_trace_ends_by_itself_and_its_readers_with_it() {
        let traces = Traces::new(10);
        let id = traces.start(filter("#"), Duration::from_secs(60)).unwrap().id;
        let mut tail = traces.tail(id).unwrap();
        let (ended, ()) = tokio::join!(told(&mut tail), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            traces.record(publish("a", "x"));
        });
        assert_eq!(ended, "a → PUBLISH x qos 1 12 bytes");
        assert_eq!(told(&mut tail).await, "end");
        traces.record(publish("a", "x"));
        assert!(!traces.any() && traces.list().is_empty());
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_what_it_missed() {
        let traces = Traces::new(2);
        let id = traces.start(filter("#"), Duration::from_secs(60)).unwrap().id;
        let mut tail = traces.tail(id).unwrap();
        for topic in ["1", "2", "3", "4", "5"] {
            traces.record(publish("a", topic));
        }
        assert_eq!(told(&mut tail).await, "missed 3");
        assert_eq!(told(&mut tail).await, "a → PUBLISH 4 qos 1 12 bytes");
    }

    #[test]
    fn traces_are_few() {
        let traces = Traces::new(2);
        let start = || traces.start(filter("#"), Duration::from_secs(60));
        assert!((0..MAX_TRACES).all(|_| start().is_ok()));
        assert_eq!(start(), Err(TooManyTraces));
    }
}
