use std::fs;
use std::path::{Path, PathBuf};

use crate::limits::RUN_BYTES;
use crate::report::model::{API_VERSION, BenchRun};

use super::ArchiveError;
use super::folder::{names, stem};

/// A document that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub path: PathBuf,
    pub document: BenchRun,
}

/// `latest`, an id or the beginning of one, or a file.
pub fn find(name: &str, folder: &Path) -> Result<Found, ArchiveError> {
    let path = if name.contains('/') || Path::new(name).is_file() { PathBuf::from(name) } else { kept(name, folder)? };
    Ok(Found { document: read(&path)?, path })
}

fn kept(name: &str, folder: &Path) -> Result<PathBuf, ArchiveError> {
    let unknown = || ArchiveError::Unknown { name: name.to_owned(), folder: folder.to_owned() };
    let mut names = names(folder)?;
    if name == "latest" {
        return names.pop().ok_or_else(unknown);
    }
    let wanted = document_of(name);
    if let Some(exact) = names.iter().find(|path| stem(path) == Some(wanted)) {
        return Ok(exact.clone());
    }
    names.retain(|path| stem(path).is_some_and(|stem| stem.starts_with(wanted)));
    match names.as_slice() {
        [] => Err(unknown()),
        [one] => Ok(one.clone()),
        several => Err(ArchiveError::Ambiguous {
            name: name.to_owned(),
            candidates: several.iter().filter_map(|path| stem(path)).take(5).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Runs that were made together differ by `.2`, `.3` and are one document, which has the name of the first.
fn document_of(id: &str) -> &str {
    match id.rsplit_once('.') {
        Some((first, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => first,
        _ => id,
    }
}

pub(super) fn read(path: &Path) -> Result<BenchRun, ArchiveError> {
    let file = |source| ArchiveError::File { what: "cannot read", path: path.to_owned(), source };
    let foreign = |why: String| ArchiveError::Foreign { path: path.to_owned(), why };
    let bytes = fs::metadata(path).map_err(file)?.len();
    if bytes > RUN_BYTES {
        return Err(foreign(format!("it has {bytes} bytes")));
    }
    let text = fs::read(path).map_err(file)?;
    let document: BenchRun =
        serde_json::from_slice(&text).map_err(|source| ArchiveError::Unreadable { path: path.to_owned(), source })?;
    if (document.api_version.as_str(), document.kind.as_str()) != (API_VERSION, BenchRun::KIND) {
        return Err(foreign(format!("it is a {} of {}", document.kind, document.api_version)));
    }
    if document.items.is_empty() {
        return Err(foreign("its list of runs is empty".to_owned()));
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::super::keep;
    use super::*;
    use crate::report::fixture;

    fn store() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for id in ["20261124-190000-000-pair", "20261125-190000-000-pair", "20261125-200000-000-conns"] {
            let mut run = fixture::run();
            run.id = id.to_owned();
            keep(&BenchRun::of(vec![run]), folder.path()).unwrap();
        }
        folder
    }

    #[test]
    fn a_run_is_found_by_id_beginning_or_file_or_as_the_latest() {
        let folder = store();
        let id = |name: &str| find(name, folder.path()).unwrap().document.items[0].id.clone();
        assert_eq!(id("20261124-190000-000-pair"), "20261124-190000-000-pair");
        assert_eq!(id("20261124"), "20261124-190000-000-pair");
        assert_eq!(id("20261125-190000-000-pair.3"), "20261125-190000-000-pair", "the third of a document");
        assert_eq!(id("latest"), "20261125-200000-000-conns");
        assert_eq!(id(folder.path().join("20261124-190000-000-pair.json").to_str().unwrap()), "20261124-190000-000-pair");
    }

    #[test]
    fn what_is_not_there_or_not_clear_is_said() {
        let folder = store();
        assert!(matches!(find("20270101", folder.path()), Err(ArchiveError::Unknown { .. })));
        assert!(matches!(find("20261125", folder.path()), Err(ArchiveError::Ambiguous { .. })));
        assert!(matches!(find("latest", Path::new("/nowhere")), Err(ArchiveError::Unknown { .. })));
        let other = folder.path().join("other.json");
        std::fs::write(&other, r#"{"apiVersion":"flux/v1","kind":"Target","items":[]}"#).unwrap();
        assert!(find(other.to_str().unwrap(), folder.path()).unwrap_err().to_string().contains("it is a Target"));
    }
}
