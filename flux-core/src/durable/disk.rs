//! The store of one node: a log on disk and an index in memory.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::thread::{Builder, JoinHandle};

use parking_lot::Mutex;

use super::cleaner::Cleaner;
use super::encoding::{decode_delivery, decode_event};
use super::frame::{RECORD_HEADER, record};
use super::index::Place;
use super::keeper::Keeper;
use super::log::Log;
use super::open::{lock, open};
use super::port::{DurableStore, Entry, EntryState, Reading, Recovered, RecoveredSession, StoreError, StoreStats, Transaction};
use super::record::Record;
use super::scan::{io_error, repair_command};
use super::segment::{self, Segment};
use super::shared::{Shared, State};
use super::volume::Volume;
use super::writer::Writer;
use crate::receipt::Receipt;
use crate::telemetry::Metrics;
use crate::types::{AckLevel, QueueId, Seq};

#[derive(Debug, Clone, Default)]
pub struct Options {
    pub ack: AckLevel,
    /// Where the time of each group commit goes.
    pub metrics: Arc<Metrics>,
    #[cfg(any(test, feature = "test-util"))]
    pub faults: super::faults::Faults,
}

pub struct DiskStore {
    shared: Arc<Shared>,
    volume: Arc<Volume>,
    salt: u64,
    lost_commits: u64,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl DiskStore {
    /// Opens the store in the folder `path`, or begins one there. Reads all of it: about a second for a gigabyte.
    pub fn open(path: &Path, options: Options) -> Result<DiskStore, StoreError> {
        let failed = io_error(path);
        std::fs::create_dir_all(path).map_err(&failed)?;
        let lock = lock(path)?;
        let volume = Arc::new(Volume {
            directory: path.to_owned(),
            #[cfg(any(test, feature = "test-util"))]
            faults: options.faults,
        });
        let opened = open(&volume)?;
        let (scan, acknowledged) = (opened.scan, opened.acknowledged);
        let active = scan.segments.back().expect("a store has a segment").clone();
        let unsynced = scan.segments.iter().rev().skip(1).map(|segment| (segment.id, Arc::clone(&segment.file))).collect();
        let shared = Arc::new(Shared::new(State { index: scan.index, segments: scan.segments }));
        let commits = Arc::new(opened.commits);
        let keeper =
            Keeper::start(opened.kept, Arc::clone(&volume), Arc::clone(&commits), Arc::clone(&shared)).map_err(&failed)?;
        let log = Log {
            volume: Arc::clone(&volume),
            commits,
            shared: Arc::clone(&shared),
            ack: options.ack,
            acknowledged,
            active,
            unsynced,
            torn: false,
        };
        let writer = Writer::new(log, Cleaner::new(keeper, acknowledged.salt), options.metrics);
        let thread = Builder::new().name("flux-store-write".to_owned()).spawn(move || {
            writer.run();
            // Not before everything is written: another process may open the folder from here on.
            drop(lock);
        });
        let writer = Mutex::new(Some(thread.map_err(failed)?));
        Ok(DiskStore { shared, volume, salt: acknowledged.salt, lost_commits: opened.lost_commits, writer })
    }

    fn read_at<T>(&self, segment: &Segment, place: Place, decode: impl Fn(Record<'_>) -> Option<T>) -> Result<T, StoreError> {
        let path = segment::path(&self.volume.directory, segment.id);
        let mut bytes = vec![0; RECORD_HEADER + place.length as usize];
        segment.file.read_exact_at(&mut bytes, u64::from(place.offset)).map_err(io_error(&path))?;
        let found = record(&bytes, self.salt).and_then(|payload| Record::decode(payload).ok()).and_then(decode);
        found.ok_or_else(|| StoreError::Damaged {
            path: path.display().to_string(),
            problem: format!("the record at {} is damaged", place.offset),
            hint: format!("stop the server and run {}", repair_command(&self.volume.directory)),
        })
    }

    fn entries(&self, queue: QueueId, from: Seq, messages: usize, bytes: usize) -> Result<Vec<Entry>, StoreError> {
        let state = self.shared.state.lock();
        let Some(known) = state.index.queues.get(&queue) else { return Ok(Vec::new()) };
        let run = known.entries.run(from, messages, bytes);
        let segments: Vec<_> = run.iter().map(|(_, place)| state.segment(place.segment).cloned()).collect();
        drop(state);
        let entry = |((seq, place), segment): ((Seq, Place), Option<Segment>)| {
            let segment = segment.expect("what is alive is in a segment that is there");
            let state = self.read_at(&segment, place, |record| match record {
                Record::Entry { body, .. } => decode_delivery(body).ok().map(EntryState::Queued),
                Record::Release { .. } => Some(EntryState::Released),
                _ => None,
            })?;
            Ok(Entry { seq, state })
        };
        run.into_iter().zip(segments).map(entry).collect()
    }

    fn recovered(&self) -> Result<Recovered, StoreError> {
        // Before the first commit nobody else wants the lock.
        let state = self.shared.state.lock();
        let segment = |place: Place| state.segment(place.segment).expect("what is alive is in a segment that is there");
        let mut recovered = Recovered { lost_commits: self.lost_commits, ..Recovered::default() };
        for (&queue, known) in &state.index.queues {
            let record = self.read_at(segment(known.record), known.record, |record| match record {
                Record::Session { record, .. } => Some(record.into()),
                _ => None,
            })?;
            let next = Seq(known.next);
            recovered.sessions.push(RecoveredSession {
                queue,
                record,
                entries: known.entries.count(),
                bytes: known.entries.weight(),
                first: known.entries.first().unwrap_or(next),
                next,
                received: known.received.keys().copied().collect(),
                epoch: 0,
                sources: Vec::new(),
                returns: false,
            });
        }
        for (client, &place) in &state.index.wills {
            let record = self.read_at(segment(place), place, |record| match record {
                Record::Will { record, .. } => Some(record.into()),
                _ => None,
            })?;
            recovered.wills.push((client.clone(), record));
        }
        for &place in state.index.retained.values() {
            let event = self.read_at(segment(place), place, |record| match record {
                Record::Retained { event, .. } => decode_event(event).ok(),
                _ => None,
            })?;
            recovered.retained.push(Arc::new(event));
        }
        recovered.sessions.sort_unstable_by_key(|session| session.queue);
        Ok(recovered)
    }
}

impl DurableStore for DiskStore {
    fn commit(&self, transaction: Transaction) -> Receipt {
        self.shared.inbox.push(transaction)
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        self.shared.inbox.poll_room(context)
    }

    fn read(&self, queue: QueueId, from: Seq, messages: usize, bytes: usize) -> Reading<Vec<Entry>> {
        Reading::ready(self.entries(queue, from, messages, bytes))
    }

    fn new_queue(&self) -> QueueId {
        QueueId(self.shared.next_queue.fetch_add(1, Ordering::Relaxed))
    }

    fn recover(&self) -> Reading<Recovered> {
        Reading::ready(self.recovered())
    }

    fn stats(&self) -> StoreStats {
        self.shared.stats()
    }

    fn close(&self) {
        self.shared.inbox.close();
        // Whoever closes second waits until the first has. The last owner of the store may hear of an entry, let go of the store and
        // so find itself here on the writer's own thread.
        if let Some(writer) = self.writer.lock().take()
            && writer.thread().id() != std::thread::current().id()
            && writer.join().is_err()
        {
            tracing::error!("the thread of the durable store has panicked");
        }
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        self.close();
    }
}
