use std::path::{Path, PathBuf};

use super::child::is_in_path;

/// The program that is a node.
pub const CORE: &str = "flux-core";

/// Where a node's program is: the one that was named, the one beside this program, or the one a shell would find.
pub fn core(named: Option<&Path>) -> Option<PathBuf> {
    match named {
        Some(path) => path.is_file().then(|| path.to_owned()),
        None => beside().or_else(|| is_in_path(Path::new(CORE)).then(|| PathBuf::from(CORE))),
    }
}

fn beside() -> Option<PathBuf> {
    let folder = std::env::current_exe().ok()?.parent()?.to_owned();
    Some(folder.join(CORE)).filter(|path| path.is_file())
}
