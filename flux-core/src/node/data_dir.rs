use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::StartError;

/// Creates the data folder if it is missing, finds out whether it can be written, and returns its absolute path.
pub fn prepare_data_dir(path: &Path) -> Result<PathBuf, StartError> {
    let failed = |source: io::Error| StartError::DataDir { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(failed)?;
    let probe = path.join(".writable");
    fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(failed)?;
    fs::canonicalize(path).map_err(failed)
}
