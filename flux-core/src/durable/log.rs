//! The end of the log: appends frames to the active segment and begins the next one.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::commits::{Acknowledged, Commits};
use super::frame::Frame;
use super::index::Place;
use super::record::Record;
use super::segment::{self, SEGMENT_HEADER, Segment, SegmentHeader};
use super::shared::Shared;
use super::volume::Volume;
use crate::types::AckLevel;
use crate::types::limits;

pub(super) struct Log {
    pub(super) volume: Arc<Volume>,
    pub(super) commits: Arc<Commits>,
    pub(super) shared: Arc<Shared>,
    pub(super) ack: AckLevel,
    /// The last commit.
    pub(super) acknowledged: Acknowledged,
    pub(super) active: Segment,
    /// Segments before the active one that were not synchronised since they were written.
    pub(super) unsynced: Vec<(u32, Arc<File>)>,
    /// A write failed half way: what it left behind the end has to go first.
    pub(super) torn: bool,
}

impl Log {
    /// Writes a frame as the next commit and takes it into the index. On an error nothing has happened.
    pub(super) fn append(&mut self, frame: &mut Frame) -> io::Result<()> {
        if self.shared.broken.load(Ordering::Relaxed) {
            return Err(io::Error::other("an earlier synchronisation failed"));
        }
        if self.torn {
            self.active.file.set_len(self.active.length)?;
            self.torn = false;
        }
        if self.active.length >= self.segment_bytes() {
            self.rotate()?;
        }
        let written = self.write(frame);
        self.torn = written.is_err();
        written?;
        let offset = u32::try_from(self.active.length).expect("a segment is shorter than 4 GiB");
        self.active.length += frame.len() as u64;
        let mut state = self.shared.state.lock();
        state.segments.back_mut().expect("the active segment").length = self.active.length;
        for (at, payload) in frame.records() {
            let place = Place { segment: self.active.id, offset: offset + at as u32, length: payload.len() as u32 };
            let record = Record::decode(payload).expect("it was encoded a moment ago");
            state.index.apply(&record, place);
        }
        Ok(())
    }

    fn write(&mut self, frame: &mut Frame) -> io::Result<()> {
        let next = Acknowledged { last: self.acknowledged.last + 1, ..self.acknowledged };
        self.volume.write_at(&self.active.file, frame.seal(next.last, 1), self.active.length)?;
        if self.ack == AckLevel::Replicated
            && let Err(error) = self.volume.sync(&self.active.file)
        {
            // The system may have dropped what it could not write and will not say so again.
            self.shared.broken.store(true, Ordering::Relaxed);
            return Err(error);
        }
        self.commits.acknowledge(&next, &self.volume)?;
        self.acknowledged = next;
        Ok(())
    }

    fn segment_bytes(&self) -> u64 {
        let all = self.shared.state.lock().disk_bytes();
        (all / 64).clamp(limits::SEGMENT_BYTES, limits::SEGMENT_BYTES_MOST)
    }

    /// Begins the next segment.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        let next_queue = self.shared.next_queue.load(Ordering::Relaxed);
        let header =
            SegmentHeader { id: self.active.id + 1, salt: self.acknowledged.salt, first: self.acknowledged.last + 1, next_queue };
        let next = create(&header, &self.volume, self.ack == AckLevel::Replicated)?;
        let sealed = std::mem::replace(&mut self.active, next.clone());
        if self.ack == AckLevel::Stored {
            self.unsynced.push((sealed.id, sealed.file));
        }
        self.shared.state.lock().segments.push_back(next);
        Ok(())
    }

    /// Makes all of it safe against a power failure.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        for (_, file) in self.unsynced.drain(..) {
            self.volume.sync(&file)?;
        }
        self.volume.sync(&self.active.file)?;
        self.volume.sync_names()
    }
}

/// A new, empty segment.
pub(super) fn create(header: &SegmentHeader, volume: &Volume, sync: bool) -> io::Result<Segment> {
    let path = segment::path(&volume.directory, header.id);
    let create = || {
        let file = volume.create(&path)?;
        volume.write_at(&file, &header.encode(), 0)?;
        if sync {
            volume.sync(&file)?;
            volume.sync_names()?;
        }
        Ok(file)
    };
    let file = create().inspect_err(|_: &io::Error| {
        // Empty as it is, it would be in the way of the next attempt's reader.
        let _ = std::fs::remove_file(&path);
    })?;
    Ok(Segment { id: header.id, file: Arc::new(file), length: SEGMENT_HEADER as u64 })
}
