//! From a folder to a running store: lock it, read it, judge what is missing, begin where the last one ended.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use super::commits::{self, Acknowledged, Commits, Kept};
use super::log;
use super::port::StoreError;
use super::repair;
use super::scan::{Gap, Scan, io_error, repair_command};
use super::segment::{self, SegmentHeader};
use super::volume::Volume;

/// What a store begins with.
pub(super) struct Opened {
    pub(super) scan: Scan,
    pub(super) commits: Commits,
    pub(super) acknowledged: Acknowledged,
    pub(super) kept: Kept,
    pub(super) lost_commits: u64,
}

/// Held by one process at a time; the system lets go when it dies.
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started may have a copy for a moment.
        let _ = self.0.unlock();
    }
}

pub(super) fn lock(directory: &Path) -> Result<Lock, StoreError> {
    let path = directory.join("lock");
    let failed = io_error(&path);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(&failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: directory.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

pub(super) fn open(volume: &Volume) -> Result<Opened, StoreError> {
    let failed = io_error(&volume.directory);
    let mut scan = Scan::of(&volume.directory)?;
    let mut lost_commits = 0;
    if scan.is_fresh() {
        return create(volume, scan).map_err(failed);
    }
    let boot = commits::boot();
    if let Some(problem) = unacceptable(&scan, boot) {
        return Err(damaged(&volume.directory, problem));
    }
    if !scan.gaps.is_empty() {
        // The machine went down: what is gone had never been promised to survive that.
        lost_commits = scan.gaps.iter().map(Gap::count).sum();
        tracing::warn!(lost_commits, path = %volume.directory.display(), "commits of just before the machine went down are lost");
        repair::close_gaps(&volume.directory, &scan)?;
        scan = Scan::of(&volume.directory)?;
    }
    let orphans = scan.index.drop_orphans();
    if orphans > 0 {
        tracing::warn!(orphans, "stored messages of sessions that are lost, or had ended, are dropped");
    }
    resume(volume, scan, boot, lost_commits).map_err(failed)
}

/// Why this must not be opened as if nothing had happened.
fn unacceptable(scan: &Scan, boot: u128) -> Option<(String, String)> {
    let segment_name = |id: u32| segment::path(Path::new(""), id).display().to_string();
    let described = |id: &u32| {
        let problem = scan.problems.get(id).map(|problems| problems.join("; ")).unwrap_or_default();
        (segment_name(*id), problem)
    };
    let (Some(acknowledged), Some(kept)) = (scan.acknowledged, scan.kept) else {
        let problem = if scan.commits_damaged { "is damaged" } else { "is missing" };
        return Some(("commits".to_owned(), format!("{problem}: how much should be there is not known")));
    };
    let same_boot = acknowledged.boot == boot && boot != 0;
    // After a power failure only what was synchronised has to be there.
    let promised = if same_boot { u64::MAX } else { kept.synced };
    let first_missing = same_boot.then(|| scan.segments.front().filter(|segment| segment.id > kept.first)).flatten();
    if first_missing.is_some() {
        return Some((segment_name(kept.first), "the file is missing".to_owned()));
    }
    if let Some(gap) = scan.gaps.iter().find(|gap| gap.from <= promised) {
        let (name, details) = described(&gap.segment);
        let count: u64 = scan.gaps.iter().filter(|gap| gap.from <= promised).map(Gap::count).sum();
        let kind = if gap.partly { "damaged" } else { "missing" };
        let details = if details.is_empty() { details } else { format!(" ({details})") };
        return Some((
            name,
            format!("{count} stored commits are damaged or missing; the first is {}, which is {kind}{details}", gap.from),
        ));
    }
    // Nothing is missing, but something is not as it should be: a header, an unknown version.
    scan.problems.keys().next().filter(|_| same_boot || scan.gaps.is_empty()).map(described)
}

fn damaged(directory: &Path, (name, problem): (String, String)) -> StoreError {
    StoreError::Damaged {
        path: directory.join(name).display().to_string(),
        problem,
        hint: format!("{} keeps what is readable and moves the rest aside", repair_command(directory)),
    }
}

fn create(volume: &Volume, mut scan: Scan) -> io::Result<Opened> {
    let salt = rand::random();
    let commits = Commits::open(&volume.directory)?;
    let acknowledged = Acknowledged { boot: commits::boot(), last: 0, salt };
    let kept = Kept { first: 1, synced: 0 };
    commits.begin(&acknowledged, &kept, volume)?;
    commits.sync(volume)?;
    let first = log::create(&SegmentHeader { id: 1, salt, first: 1, next_queue: 1 }, volume, true)?;
    scan.segments.push_back(first);
    Ok(Opened { scan, commits, acknowledged, kept, lost_commits: 0 })
}

fn resume(volume: &Volume, scan: Scan, boot: u128, lost_commits: u64) -> io::Result<Opened> {
    for leftover in &scan.leftovers {
        std::fs::remove_file(leftover)?;
    }
    let (first, active) = scan.segments.front().zip(scan.segments.back()).expect("a store that is not fresh has a segment");
    if active.file.metadata()?.len() != active.length {
        active.file.set_len(active.length)?;
    }
    let old = scan.kept.unwrap_or(Kept { first: first.id, synced: 0 });
    let kept = Kept { first: first.id, synced: old.synced.min(scan.last) };
    let acknowledged = Acknowledged { boot, last: scan.last, salt: scan.salt.expect("it was needed to read anything") };
    let commits = Commits::open(&volume.directory)?;
    commits.acknowledge(&acknowledged, volume)?;
    commits.keep(&kept, volume)?;
    Ok(Opened { scan, commits, acknowledged, kept, lost_commits })
}
