//! The thread that deletes segments. It waits for the disk so that the writer does not have to: what was moved out of a segment is
//! made safe before the segment goes, else a power failure could take messages that had been on the disk for weeks.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::commits::{Commits, Kept};
use super::segment;
use super::shared::Shared;
use super::volume::Volume;

/// Deletions that may wait for the disk. The writer keeps a segment for longer when there are more.
const WAITING: usize = 64;

pub(super) struct Retirement {
    /// Deleted, and with it everything older.
    pub(super) segment: u32,
    /// To be synchronised before: all that was written since the last time, up to commit `.1`. None where nothing was moved.
    pub(super) sync: Option<(Vec<Arc<File>>, u64)>,
}

pub(super) struct Keeper {
    sender: Option<SyncSender<Retirement>>,
    thread: Option<JoinHandle<Kept>>,
}

impl Keeper {
    pub(super) fn start(kept: Kept, volume: Arc<Volume>, commits: Arc<Commits>, shared: Arc<Shared>) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<Retirement>(WAITING);
        let thread = Builder::new().name("flux-store-keep".to_owned()).spawn(move || {
            let mut kept = kept;
            for retirement in receiver {
                if let Err(error) = retire(&retirement, &mut kept, &volume, &commits) {
                    tracing::error!(%error, "the durable store cannot synchronise its files; it refuses until it is restarted");
                    shared.broken.store(true, Ordering::Relaxed);
                    return kept;
                }
            }
            kept
        })?;
        Ok(Keeper { sender: Some(sender), thread: Some(thread) })
    }

    /// `false` when it cannot be taken now.
    pub(super) fn retire(&self, retirement: Retirement) -> Result<(), Retirement> {
        match self.sender.as_ref().map(|sender| sender.try_send(retirement)) {
            Some(Err(TrySendError::Full(retirement) | TrySendError::Disconnected(retirement))) => Err(retirement),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Finishes what waits and says how far it has come.
    pub(super) fn stop(&mut self) -> Option<Kept> {
        self.sender = None;
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

fn retire(retirement: &Retirement, kept: &mut Kept, volume: &Volume, commits: &Commits) -> std::io::Result<()> {
    kept.first = retirement.segment + 1;
    if let Some((files, number)) = &retirement.sync {
        for file in files {
            volume.sync(file)?;
        }
        volume.sync_names()?;
        kept.synced = *number;
    }
    commits.keep(kept, volume)?;
    if retirement.sync.is_some() {
        commits.sync(volume)?;
    }
    let path = segment::path(&volume.directory, retirement.segment);
    if let Err(error) = std::fs::remove_file(&path) {
        // It is not read any more; the next start deletes it.
        tracing::warn!(path = %path.display(), %error, "a segment that is not needed any more cannot be deleted");
    }
    Ok(())
}
