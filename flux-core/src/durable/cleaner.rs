//! Gives disk space back: segments in which nothing is alive are deleted, and where the live is little among the dead it is moved to
//! the end, a frame at a time between group commits. Always the oldest segment: whatever a removal refers to is older than itself.

use std::io;
use std::os::unix::fs::FileExt;

use super::frame::{FRAME_HEADER, Frame, FrameHeader, RECORD_HEADER, record};
use super::index::{Again, Place};
use super::keeper::{Keeper, Retirement};
use super::log::Log;
use super::record::Record;
use super::segment::{SEGMENT_HEADER, Segment};
use crate::types::bytes::Reader;
use crate::types::limits;

pub(super) struct Cleaner {
    keeper: Keeper,
    frame: Frame,
    buffer: Vec<u8>,
    /// The segment that is being emptied, and where its next frame begins.
    at: (u32, u64),
    /// Something was moved that has not been synchronised.
    moved: bool,
    /// A segment could not be read back: nothing more is moved, and a start will say what is damaged.
    stuck: bool,
}

/// More is kept than twice what is alive: worth moving.
fn too_much(disk: u64, live: u64, slack: u64) -> bool {
    disk > live.saturating_mul(2).saturating_add(slack)
}

impl Cleaner {
    pub(super) fn new(keeper: Keeper, salt: u64) -> Self {
        Cleaner { keeper, frame: Frame::new(salt), buffer: Vec::new(), at: (0, 0), moved: false, stuck: false }
    }

    /// Deletes what is dead and reads at most about `budget` bytes of what is to be moved. `idle`: nobody is waiting.
    /// Returns whether there is more to do.
    pub(super) fn clean(&mut self, log: &mut Log, budget: usize, idle: bool) -> io::Result<bool> {
        let mut left = budget;
        loop {
            let state = log.shared.state.lock();
            let oldest = state.segments.front().expect("the active segment").clone();
            let (disk, live, live_in_it) = (state.disk_bytes(), state.index.live(), state.index.live_of(oldest.id));
            drop(state);
            let slack = if idle { limits::STORE_SLACK_IDLE_BYTES } else { limits::STORE_SLACK_BYTES };
            let active = oldest.id == log.active.id;
            if !active && live_in_it == 0 {
                if !self.retire(log, &oldest) {
                    return Ok(false);
                }
            } else if self.stuck || !too_much(disk, live, slack) || (active && !idle) {
                return Ok(false);
            } else if left == 0 {
                return Ok(true);
            } else if active {
                log.rotate()?;
            } else {
                match self.move_frame(log, &oldest)? {
                    Some(bytes) => left = left.saturating_sub(bytes),
                    None => self.stuck = true,
                }
            }
        }
    }

    /// Moves what is alive in the next frame of `segment` and says how long the frame is; `None` where it cannot be read.
    fn move_frame(&mut self, log: &mut Log, segment: &Segment) -> io::Result<Option<usize>> {
        if self.at.0 != segment.id {
            self.at = (segment.id, SEGMENT_HEADER as u64);
        }
        let at = self.at.1;
        let mut header = [0; FRAME_HEADER];
        if at >= segment.length || segment.file.read_exact_at(&mut header, at).is_err() {
            tracing::error!(segment = segment.id, at, "a segment cannot be read to its end: it is kept");
            return Ok(None);
        }
        let salt = log.acknowledged.salt;
        let Some(header) = FrameHeader::decode(&header, salt) else {
            tracing::error!(
                segment = segment.id,
                at,
                "a segment is damaged: it is kept; stop the server and run flux-core repair"
            );
            return Ok(None);
        };
        self.buffer.resize(header.length as usize, 0);
        segment.file.read_exact_at(&mut self.buffer, at + FRAME_HEADER as u64)?;
        self.frame.clear();
        let state = log.shared.state.lock();
        let mut offset = 0;
        while offset < self.buffer.len() {
            let rest = &self.buffer[offset..];
            let Some(payload) = record(rest, salt) else {
                tracing::error!(
                    segment = segment.id,
                    at,
                    "a record is damaged: its segment is kept; stop the server and run flux-core repair"
                );
                return Ok(None);
            };
            let place = Place {
                segment: segment.id,
                offset: (at + (FRAME_HEADER + offset) as u64) as u32,
                length: Reader(rest).u32().unwrap_or_default(),
            };
            offset += RECORD_HEADER + payload.len();
            let Ok(found) = Record::decode(payload) else { return Ok(None) };
            match (state.index.again(&found, place), found) {
                (Again::No, _) => {}
                (Again::Session(next), Record::Session { queue, record, .. }) => {
                    self.frame.push(|out| Record::Session { queue, next, record }.encode(out));
                }
                (Again::Next(queue, next), _) => self.frame.push(|out| Record::Next { queue, next }.encode(out)),
                (Again::Same | Again::Session(_), _) => self.frame.push(|out| out.extend_from_slice(payload)),
            }
        }
        drop(state);
        if !self.frame.is_empty() {
            log.append(&mut self.frame)?;
            self.moved = true;
        }
        let length = FRAME_HEADER + header.length as usize;
        self.at.1 += length as u64;
        self.buffer.shrink_to(limits::COMMIT_FRAME_BYTES);
        Ok(Some(length))
    }

    /// `false` when the keeper is busy: later, then.
    fn retire(&mut self, log: &mut Log, oldest: &Segment) -> bool {
        log.unsynced.retain(|(id, _)| *id != oldest.id);
        let sync = self.moved.then(|| {
            let mut files: Vec<_> = log.unsynced.iter().map(|(_, file)| file.clone()).collect();
            files.push(log.active.file.clone());
            (files, log.acknowledged.last)
        });
        if self.keeper.retire(Retirement { segment: oldest.id, sync }).is_err() {
            return false;
        }
        if std::mem::take(&mut self.moved) {
            log.unsynced.clear();
        }
        let mut state = log.shared.state.lock();
        state.segments.pop_front();
        state.index.forget_segment(oldest.id);
        true
    }

    /// Finishes the deletions and makes everything safe.
    pub(super) fn finish(&mut self, log: &mut Log) -> io::Result<()> {
        let kept = self.keeper.stop();
        log.sync()?;
        if let Some(mut kept) = kept {
            kept.synced = log.acknowledged.last;
            log.commits.keep(&kept, &log.volume)?;
            log.commits.sync(&log.volume)?;
        }
        Ok(())
    }
}
