use std::path::{Path, PathBuf};

use flux_core::durable::{DiskStore, Options, StoreError};

pub(crate) fn open(folder: &Path) -> DiskStore {
    DiskStore::open(folder, Options::default()).expect("the store opens")
}

/// The message of the refusal to open.
pub(crate) fn refusal(folder: &Path) -> String {
    match DiskStore::open(folder, Options::default()) {
        Err(error @ StoreError::Damaged { .. }) => error.to_string(),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("it opened"),
    }
}

pub(crate) fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    found.sort();
    found
}

pub(crate) fn disk_bytes(folder: &Path) -> u64 {
    segments(folder).iter().map(|path| path.metadata().expect("readable").len()).sum()
}

/// What a process killed now would leave: files as the system has them. (Copied oldest first; the store is quiet meanwhile.)
pub(crate) fn copy(folder: &Path) -> tempfile::TempDir {
    let target = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("readable").path();
        std::fs::copy(&path, target.path().join(path.file_name().expect("it has a name"))).expect("copied");
    }
    target
}

/// Changes a file in place.
pub(crate) fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("readable");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("writable");
}

/// Where `needle` stands for the `nth` time (from 0).
pub(crate) fn position(bytes: &[u8], needle: &[u8], nth: usize) -> usize {
    bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).nth(nth).expect("it is there").0
}
