//! Keeps runs and finds them again. Owns: the folder, the names in it and how many stay. Must not know what is made of a run.
//! Invariant: a document is whole or not there (it is written aside and renamed), and what cannot be read is said, never skipped in silence.

mod find;
mod folder;

pub use find::{Found, find};
pub use folder::{Kept, folder, keep, list};

use std::path::PathBuf;

/// Why runs could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("there is no place for runs: neither FLUX_BENCH_RUNS nor XDG_DATA_HOME nor HOME is set")]
    NoFolder,
    #[error("{what} {}", .path.display())]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{} holds no runs of flux-bench", .path.display())]
    Unreadable { path: PathBuf, source: serde_json::Error },
    #[error("{} holds no runs of flux-bench: {why}", .path.display())]
    Foreign { path: PathBuf, why: String },
    #[error("there is no run '{name}' in {}", .folder.display())]
    Unknown { name: String, folder: PathBuf },
    #[error("'{name}' may be any of {candidates}")]
    Ambiguous { name: String, candidates: String },
}
