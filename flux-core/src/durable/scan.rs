//! Reads a whole store: what is alive in it, and what should be there and is not. Changes nothing.
//!
//! Commits are numbered without gaps. A number that is missing is a loss, whatever the reason; everything else about damage is
//! detail for the message.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::commits::{self, Acknowledged, Commits, Kept};
use super::frame::{FRAME_HEADER, FoundFrame, Piece, Pieces};
use super::index::{Index, Place};
use super::port::StoreError;
use super::record::Record;
use super::segment::{self, HeaderError, SEGMENT_HEADER, Segment, SegmentHeader};
use crate::types::{QueueId, Seq};

pub(super) fn io_error(path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::Io { path: path.display().to_string(), source }
}

/// What to tell the user to run. The store of a server is the folder `durable` in its data directory.
pub(super) fn repair_command(directory: &Path) -> String {
    let data_dir = directory.parent().filter(|_| directory.ends_with("durable")).unwrap_or(directory);
    format!("flux-core repair --data-dir {}", data_dir.display())
}

/// Commits that should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from: u64,
    pub(super) to: u64,
    /// The segment that should have held them.
    pub(super) segment: u32,
    /// Some of what they held could be read.
    pub(super) partly: bool,
}

impl Gap {
    pub(super) fn count(&self) -> u64 {
        self.to - self.from + 1
    }
}

#[derive(Default)]
pub(super) struct Scan {
    pub(super) index: Index,
    pub(super) segments: VecDeque<Segment>,
    /// Files of before `kept.first`, or of a segment that was just being created.
    pub(super) leftovers: Vec<PathBuf>,
    pub(super) acknowledged: Option<Acknowledged>,
    pub(super) kept: Option<Kept>,
    /// The file `commits` is there and makes no sense.
    pub(super) commits_damaged: bool,
    pub(super) salt: Option<u64>,
    /// The last commit that was found.
    pub(super) last: u64,
    pub(super) gaps: Vec<Gap>,
    /// For people, by segment.
    pub(super) problems: BTreeMap<u32, Vec<String>>,
    pub(super) unreadable_bytes: u64,
    /// Entries that seem to have stood where a record is damaged.
    pub(super) suspects: Vec<(QueueId, Seq)>,
}

impl Scan {
    pub(super) fn of(directory: &Path) -> Result<Scan, StoreError> {
        Scan::read(directory).map_err(io_error(directory))?.map_err(|(path, error)| StoreError::Damaged {
            path: path.display().to_string(),
            problem: error.to_string(),
            hint: "use the flux-core that wrote it, or a newer one".to_owned(),
        })
    }

    /// The inner error: a file of another version, which must not be judged.
    fn read(directory: &Path) -> io::Result<Result<Scan, (PathBuf, HeaderError)>> {
        let mut scan = Scan::default();
        if commits::path(directory).exists() {
            match Commits::open(directory)?.read()? {
                Some(Some((acknowledged, kept))) => {
                    (scan.acknowledged, scan.kept, scan.salt) = (Some(acknowledged), Some(kept), Some(acknowledged.salt));
                }
                Some(None) => scan.commits_damaged = true,
                None => {}
            }
        }
        let mut files = segment::list(directory)?;
        let first = scan.kept.map_or(0, |kept| kept.first);
        files.retain(|(id, path)| {
            let needed = *id >= first;
            if !needed {
                scan.leftovers.push(path.clone());
            }
            needed
        });
        // The salt is the same everywhere: any readable header gives it.
        let mut headers = Vec::new();
        for (_, path) in &files {
            let header = read_header(path)?;
            if let Err(error @ HeaderError::Version(_)) = header {
                return Ok(Err((path.clone(), error)));
            }
            headers.push(header);
        }
        scan.salt = scan.salt.or_else(|| headers.iter().find_map(|header| header.ok().map(|header| header.salt)));
        let count = files.len();
        for (position, ((id, path), header)) in files.into_iter().zip(headers).enumerate() {
            scan.read_segment(id, path, header, position + 1 == count)?;
        }
        let acknowledged = scan.acknowledged.map_or(0, |acknowledged| acknowledged.last);
        if acknowledged > scan.last {
            let segment = scan.segments.back().map_or(first.max(1), |segment| segment.id);
            scan.gaps.push(Gap { from: scan.last + 1, to: acknowledged, segment, partly: false });
        }
        Ok(Ok(scan))
    }

    /// Nothing was ever stored here.
    pub(super) fn is_fresh(&self) -> bool {
        self.segments.is_empty() && !self.commits_damaged && self.acknowledged.is_none_or(|acknowledged| acknowledged.last == 0)
    }

    fn problem(&mut self, segment: u32, what: String) {
        self.problems.entry(segment).or_default().push(what);
    }

    fn read_segment(
        &mut self,
        id: u32,
        path: PathBuf,
        header: Result<SegmentHeader, HeaderError>,
        newest: bool,
    ) -> io::Result<()> {
        let bytes = std::fs::read(&path)?;
        if newest && bytes.len() < SEGMENT_HEADER {
            // Killed between creating the file and writing its header: it never held anything.
            self.leftovers.push(path);
            return Ok(());
        }
        let promised = self.acknowledged.is_none_or(|acknowledged| acknowledged.last > self.last);
        if newest && header.is_err() && !promised && !self.segments.is_empty() {
            // The machine went down before the header had reached the disk: nothing that counts is behind it.
            self.leftovers.push(path);
            return Ok(());
        }
        let expected_id = self.segments.back().map(|segment| segment.id + 1);
        for missing in expected_id.unwrap_or(id)..id {
            self.problem(missing, "the file is missing".to_owned());
        }
        match header {
            Ok(header) => {
                self.index.next_queue = self.index.next_queue.max(header.next_queue);
                if self.segments.is_empty() {
                    self.last = header.first.saturating_sub(1);
                } else if header.first > self.last + 1 {
                    self.gap(header.first - 1, id - 1);
                }
            }
            Err(error) => self.problem(id, error.to_string()),
        }
        let mut length = SEGMENT_HEADER.min(bytes.len()) as u64;
        let mut damage = 0;
        if let Some(salt) = self.salt {
            for piece in Pieces::new(&bytes, length as usize, salt) {
                match piece {
                    Piece::Frame(frame) => {
                        if let Some(end) = self.frame(id, &frame, header.is_err()) {
                            length = end;
                        }
                    }
                    Piece::Damage { at, length } => {
                        damage += length as u64;
                        // Only a problem if something is missing: an end that was never acknowledged is not.
                        if !newest {
                            self.problem(id, format!("{length} bytes at {at} cannot be read"));
                        }
                    }
                }
            }
        }
        if !newest {
            self.unreadable_bytes += damage;
        }
        let file = Arc::new(OpenOptions::new().read(true).write(true).open(&path)?);
        self.segments.push_back(Segment { id, file, length });
        Ok(())
    }

    /// Numbers up to `to` are missing.
    fn gap(&mut self, to: u64, segment: u32) {
        self.gaps.push(Gap { from: self.last + 1, to, segment, partly: false });
        self.last = to;
    }

    /// Takes what a frame holds; returns where it ends if it counts.
    fn frame(&mut self, id: u32, frame: &FoundFrame<'_>, first_unknown: bool) -> Option<u64> {
        let header = &frame.header;
        let start = header.number.saturating_sub(u64::from(header.covers) - 1);
        if start <= self.last && self.last > 0 && !(first_unknown && self.segments.is_empty()) {
            self.problem(id, format!("commit {} at {} stands where it should not", header.number, frame.at));
            return None;
        }
        let acknowledged = self.acknowledged.is_none_or(|acknowledged| header.number <= acknowledged.last);
        if !frame.whole && !acknowledged {
            return None;
        }
        if start > self.last + 1 {
            if first_unknown && self.segments.is_empty() {
                self.last = start - 1;
            } else {
                self.gap(start - 1, id);
            }
        }
        if !frame.whole {
            self.problem(id, format!("commit {} at {} is damaged", header.number, frame.at));
            self.gaps.push(Gap { from: header.number, to: header.number, segment: id, partly: true });
            let intact: usize = frame.intact.iter().map(|(_, payload)| payload.len()).sum();
            self.unreadable_bytes += u64::from(header.length).saturating_sub(intact as u64);
            let entries = frame.damaged.iter().filter_map(|bytes| match Record::decode(bytes) {
                Ok(Record::Entry { queue, seq, .. }) => Some((queue, seq)),
                _ => None,
            });
            self.suspects.extend(entries);
        }
        for (at, payload) in &frame.intact {
            let place = Place { segment: id, offset: *at as u32, length: payload.len() as u32 };
            match Record::decode(payload) {
                Ok(record) => self.index.apply(&record, place),
                Err(error) => {
                    self.problem(id, format!("a record at {at} {error}"));
                    self.gaps.push(Gap { from: header.number, to: header.number, segment: id, partly: true });
                }
            }
        }
        self.last = header.number;
        Some((frame.at + FRAME_HEADER) as u64 + u64::from(header.length))
    }
}

fn read_header(path: &Path) -> io::Result<Result<SegmentHeader, HeaderError>> {
    let mut bytes = Vec::with_capacity(SEGMENT_HEADER);
    io::Read::read_to_end(&mut io::Read::take(File::open(path)?, SEGMENT_HEADER as u64), &mut bytes)?;
    Ok(SegmentHeader::decode(&bytes))
}
