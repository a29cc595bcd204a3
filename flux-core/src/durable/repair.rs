//! Looks at a store that does not open, keeps what is readable and moves what is damaged aside. Deletes nothing.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::commits::{self, Acknowledged, Commits, Kept};
use super::frame::{Frame, Piece, Pieces};
use super::open::lock;
use super::port::StoreError;
use super::scan::{Gap, Scan, io_error};
use super::segment::{self, SEGMENT_HEADER, SegmentHeader};
use super::volume::Volume;
use crate::types::{QueueId, Timestamp};

/// What a store holds and lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub path: PathBuf,
    /// What is wrong, file by file. Empty: nothing is.
    pub problems: Vec<String>,
    /// Every durable session.
    pub queues: Vec<QueueReport>,
    pub wills: usize,
    pub retained: usize,
    /// Group commits of which nothing could be read, and of which some could.
    pub commits_lost: u64,
    pub commits_damaged: u64,
    pub unreadable_bytes: u64,
    /// Messages whose session is lost.
    pub orphans: u64,
    /// Where the damaged files are now.
    pub moved_to: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueReport {
    pub queue: QueueId,
    pub kept: u64,
    /// Entries seen in damaged records. A commit that is lost altogether names nobody.
    pub lost: u64,
}

impl Report {
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}

/// What [`repair`] would find. Changes nothing.
pub fn check(path: &Path) -> Result<Report, StoreError> {
    let _lock = lock(path)?;
    let mut scan = Scan::of(path)?;
    Ok(report(path, &mut scan))
}

/// Makes a store that opens out of what is readable. The files that were damaged end up in `<path>.damaged-<milliseconds>/`.
pub fn repair(path: &Path) -> Result<Report, StoreError> {
    let _lock = lock(path)?;
    let mut scan = Scan::of(path)?;
    let mut report = report(path, &mut scan);
    if !report.is_whole() {
        let scan = Scan::of(path)?;
        report.moved_to = close_gaps(path, &scan)?;
    }
    Ok(report)
}

fn report(path: &Path, scan: &mut Scan) -> Report {
    let mut problems = Vec::new();
    if !scan.is_fresh() {
        if scan.commits_damaged {
            problems.push("commits: is damaged".to_owned());
        } else if scan.acknowledged.is_none() {
            problems.push("commits: is missing".to_owned());
        }
        if let (Some(kept), Some(first)) = (scan.kept, scan.segments.front()) {
            problems.extend((kept.first..first.id).map(|id| format!("{}: the file is missing", name(id))));
        }
    }
    for (id, found) in &scan.problems {
        problems.extend(found.iter().map(|problem| format!("{}: {problem}", name(*id))));
    }
    for gap in scan.gaps.iter().filter(|gap| !gap.partly) {
        problems.push(format!("{}: commits {} to {} are missing", name(gap.segment), gap.from, gap.to));
    }
    let mut suspects = std::mem::take(&mut scan.suspects);
    suspects.sort_unstable();
    suspects.dedup();
    suspects.retain(|(queue, seq)| !scan.index.queues.get(queue).is_some_and(|known| known.entries.contains(*seq)));
    let orphans = scan.index.drop_orphans();
    let mut queues: Vec<_> = scan
        .index
        .queues
        .iter()
        .map(|(&queue, known)| {
            let lost = suspects.iter().filter(|(suspect, _)| *suspect == queue).count() as u64;
            QueueReport { queue, kept: known.entries.count(), lost }
        })
        .collect();
    queues.sort_unstable_by_key(|report| report.queue);
    let commits = |partly| scan.gaps.iter().filter(|gap| gap.partly == partly).map(Gap::count).sum();
    Report {
        path: path.to_owned(),
        problems,
        queues,
        wills: scan.index.wills.len(),
        retained: scan.index.retained.len(),
        commits_lost: commits(false),
        commits_damaged: commits(true),
        unreadable_bytes: scan.unreadable_bytes,
        orphans,
        moved_to: None,
    }
}

fn name(id: u32) -> String {
    segment::path(Path::new(""), id).display().to_string()
}

/// Writes every segment that has a gap or a problem again, from what is intact in it, so that the numbers run through.
/// Returns where the originals are.
pub(super) fn close_gaps(directory: &Path, scan: &Scan) -> Result<Option<PathBuf>, StoreError> {
    let failed = io_error(directory);
    let aside = PathBuf::from(format!("{}.damaged-{}", directory.display(), Timestamp::now().as_millis()));
    let moved = rewrite_segments(directory, scan, &aside).map_err(&failed)?;
    let found = Scan::of(directory)?;
    begin_again(directory, &found, scan.salt.unwrap_or_default()).map_err(&failed)?;
    Ok(moved.then_some(aside))
}

fn rewrite_segments(directory: &Path, scan: &Scan, aside: &Path) -> io::Result<bool> {
    let mut touched: Vec<u32> = scan.gaps.iter().map(|gap| gap.segment).chain(scan.problems.keys().copied()).collect();
    touched.sort_unstable();
    touched.dedup();
    let mut moved = false;
    if let Some(salt) = scan.salt {
        for &id in &touched {
            moved |= rewrite(directory, id, salt, scan, aside)?;
        }
    }
    if scan.commits_damaged {
        std::fs::create_dir_all(aside)?;
        std::fs::rename(commits::path(directory), aside.join("commits"))?;
        moved = true;
    }
    Ok(moved)
}

/// What is there is from now on what has to be there.
fn begin_again(directory: &Path, found: &Scan, salt: u64) -> io::Result<()> {
    let volume = Volume::new(directory.to_owned());
    let commits = Commits::open(directory)?;
    let first = found.segments.front().map_or(1, |segment| segment.id);
    let acknowledged = Acknowledged { boot: commits::boot(), last: found.last, salt };
    commits.begin(&acknowledged, &Kept { first, synced: found.last }, &volume)?;
    commits.sync(&volume)?;
    volume.sync_names()
}

/// `true` when there was a file to move aside.
fn rewrite(directory: &Path, id: u32, salt: u64, scan: &Scan, aside: &Path) -> io::Result<bool> {
    let path = segment::path(directory, id);
    let exists = path.exists();
    let bytes = if exists { std::fs::read(&path)? } else { Vec::new() };
    let numbers = scan.gaps.iter().filter(|gap| gap.segment == id && !gap.partly);
    let frames = Pieces::new(&bytes, SEGMENT_HEADER.min(bytes.len()), salt).filter_map(|piece| match piece {
        Piece::Frame(frame) if frame.header.number <= scan.last => Some(frame),
        Piece::Frame(_) | Piece::Damage { .. } => None,
    });
    let frames: Vec<_> = frames.collect();
    // The end that is missing was the end of everything: `commits` is told, nothing has to stand for it.
    let gap_end = numbers.clone().map(|gap| gap.to).filter(|to| *to <= scan.last).max();
    let header = SegmentHeader::decode(&bytes).ok();
    let starts = frames.first().map(|frame| frame.header.number + 1 - u64::from(frame.header.covers));
    let first = header.map(|header| header.first).or(starts.into_iter().chain(numbers.map(|gap| gap.from)).min());
    let first = first.unwrap_or(scan.last + 1);
    let new = path.with_extension("new");
    let file = File::create(&new)?;
    let mut out = io::BufWriter::new(&file);
    let header = SegmentHeader { id, salt, first, next_queue: scan.index.next_queue };
    io::Write::write_all(&mut out, &header.encode())?;
    let mut next = first;
    let mut frame = Frame::new(salt);
    for found in frames.iter().filter(|found| found.header.number >= first) {
        if found.header.number < next {
            continue;
        }
        frame.clear();
        for (_, payload) in &found.intact {
            if super::record::Record::decode(payload).is_ok() {
                frame.push(|bytes| bytes.extend_from_slice(payload));
            }
        }
        write_frame(&mut out, &mut frame, next, found.header.number)?;
        next = found.header.number + 1;
    }
    if let Some(end) = gap_end.filter(|end| *end >= next) {
        frame.clear();
        write_frame(&mut out, &mut frame, next, end)?;
    }
    io::Write::flush(&mut out)?;
    drop(out);
    file.sync_all()?;
    if exists {
        std::fs::create_dir_all(aside)?;
        let kept = aside.join(path.file_name().unwrap_or_default());
        // Another folder of the same file system as a rule; a copy where it is not.
        std::fs::rename(&path, &kept).or_else(|_| std::fs::copy(&path, &kept).map(drop))?;
    }
    std::fs::rename(&new, &path)?;
    Ok(exists)
}

fn write_frame(out: &mut impl io::Write, frame: &mut Frame, from: u64, to: u64) -> io::Result<()> {
    let covers = u32::try_from(to - from + 1).map_err(|_| io::Error::other("more commits are missing than a store can have"))?;
    out.write_all(frame.seal(to, covers))
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole() {
            let entries: u64 = self.queues.iter().map(|queue| queue.kept).sum();
            let (sessions, retained, wills) = (self.queues.len(), self.retained, self.wills);
            return write!(
                formatter,
                "{}: whole: {sessions} sessions with {entries} messages, {retained} retained messages, {wills} wills",
                self.path.display()
            );
        }
        writeln!(formatter, "{}: damaged", self.path.display())?;
        for problem in &self.problems {
            writeln!(formatter, "  {problem}")?;
        }
        writeln!(
            formatter,
            "lost: {} commits altogether, {} in part, {} bytes unreadable, {} messages without their session",
            self.commits_lost, self.commits_damaged, self.unreadable_bytes, self.orphans
        )?;
        for QueueReport { queue, kept, lost } in &self.queues {
            writeln!(formatter, "  session {}: {kept} messages kept, {lost} known to be lost", queue.0)?;
        }
        write!(formatter, "kept: {} sessions, {} retained messages, {} wills", self.queues.len(), self.retained, self.wills)?;
        if let Some(moved_to) = &self.moved_to {
            write!(formatter, "\nthe damaged files are in {}", moved_to.display())?;
        }
        Ok(())
    }
}
