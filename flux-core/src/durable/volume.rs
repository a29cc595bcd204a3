//! The one place where the store writes and synchronises files, so that tests can fill the disk and break it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Volume {
    pub(super) directory: PathBuf,
    #[cfg(any(test, feature = "test-util"))]
    pub(super) faults: super::faults::Faults,
}

impl Volume {
    pub(super) fn new(directory: PathBuf) -> Self {
        Volume {
            directory,
            #[cfg(any(test, feature = "test-util"))]
            faults: super::faults::Faults::default(),
        }
    }

    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
    }

    pub(super) fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        #[cfg(any(test, feature = "test-util"))]
        if let Err((fits, error)) = self.faults.take(bytes.len()) {
            file.write_all_at(&bytes[..fits], at)?;
            return Err(error);
        }
        file.write_all_at(bytes, at)
    }

    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(any(test, feature = "test-util"))]
        self.faults.sync()?;
        file.sync_data()
    }

    /// New and deleted names are not safe before this.
    pub(super) fn sync_names(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}
