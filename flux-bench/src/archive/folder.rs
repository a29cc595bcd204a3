use std::fs;
use std::path::{Path, PathBuf};

use crate::limits::RUNS_KEPT;
use crate::report::model::BenchRun;

use super::ArchiveError;
use super::find::read;

/// A document in the folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub path: PathBuf,
    pub bytes: u64,
    pub document: BenchRun,
}

/// FLUX_BENCH_RUNS, or flux-bench/runs in the user's data directory (XDG Base Directory Specification 0.8).
pub fn folder() -> Result<PathBuf, ArchiveError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("FLUX_BENCH_RUNS")
        // The specification has relative paths ignored.
        .or_else(|| set("XDG_DATA_HOME").filter(|path| path.is_absolute()).map(|data| data.join("flux-bench/runs")))
        .or_else(|| set("HOME").map(|home| home.join(".local/share/flux-bench/runs")))
        .ok_or(ArchiveError::NoFolder)
}

/// Writes the document under the name of its first run, and lets the oldest go where there are too many.
pub fn keep(document: &BenchRun, folder: &Path) -> Result<Option<PathBuf>, ArchiveError> {
    let Some(first) = document.items.first() else { return Ok(None) };
    let file = |what, path: &Path| {
        let path = path.to_owned();
        move |source| ArchiveError::File { what, path, source }
    };
    fs::create_dir_all(folder).map_err(file("cannot make the folder", folder))?;
    let path = folder.join(format!("{}.json", first.id));
    let aside = folder.join(format!(".{}.{}", first.id, std::process::id()));
    let text = serde_json::to_vec(document).expect("numbers and strings are JSON");
    fs::write(&aside, text).map_err(file("cannot write", &aside))?;
    fs::rename(&aside, &path).map_err(file("cannot write", &path))?;
    for old in names(folder)?.iter().rev().skip(RUNS_KEPT) {
        fs::remove_file(old).map_err(file("cannot remove", old))?;
    }
    Ok(Some(path))
}

/// Every document, the newest first, and beside them what could not be read.
pub fn list(folder: &Path) -> Result<(Vec<Kept>, Vec<ArchiveError>), ArchiveError> {
    let (mut kept, mut unreadable) = (vec![], vec![]);
    for path in names(folder)?.into_iter().rev() {
        match read(&path) {
            Ok(document) => kept.push(Kept { bytes: fs::metadata(&path).map_or(0, |meta| meta.len()), path, document }),
            Err(error) => unreadable.push(error),
        }
    }
    Ok((kept, unreadable))
}

/// The documents' paths, the oldest first: their names begin with when they were made.
pub(super) fn names(folder: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(source) => return Err(ArchiveError::File { what: "cannot read", path: folder.to_owned(), source }),
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<PathBuf> = paths.filter(|path| stem(path).is_some()).collect();
    names.sort();
    Ok(names)
}

/// The id of the document at `path`; none for what is not one of ours, which is left alone.
pub(super) fn stem(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    // 20261124-190000-…
    let dated = name.len() > 16
        && name.bytes().take(15).enumerate().all(|(at, byte)| if at == 8 { byte == b'-' } else { byte.is_ascii_digit() });
    dated.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn document(id: &str) -> BenchRun {
        let mut run = fixture::run();
        run.id = id.to_owned();
        BenchRun::of(vec![run])
    }

    #[test]
    fn what_is_kept_is_read_back_the_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        for id in ["20261124-190000-000-pair", "20261125-190000-000-pair"] {
            keep(&document(id), &inside).unwrap();
        }
        let (kept, unreadable) = list(&inside).unwrap();
        let ids: Vec<&str> = kept.iter().map(|kept| kept.document.items[0].id.as_str()).collect();
        assert_eq!((ids, unreadable.len()), (vec!["20261125-190000-000-pair", "20261124-190000-000-pair"], 0));
        assert_eq!(kept[0].document, document("20261125-190000-000-pair"));
    }

    #[test]
    fn the_oldest_go_and_what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.json"), "{}").unwrap();
        for number in 0..RUNS_KEPT + 3 {
            keep(&document(&format!("20261124-{number:06}-000-pair")), folder.path()).unwrap();
        }
        let left = names(folder.path()).unwrap();
        assert_eq!((left.len(), stem(&left[0])), (RUNS_KEPT, Some("20261124-000003-000-pair")));
        assert!(folder.path().join("notes.json").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_holds_nothing() {
        assert_eq!(list(Path::new("/nowhere/at/all")).unwrap().0, []);
    }

    #[test]
    fn a_damaged_document_is_said() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("20261124-190000-000-pair.json"), "{\"apiVersion\"").unwrap();
        let (kept, unreadable) = list(folder.path()).unwrap();
        assert_eq!((kept.len(), unreadable.len()), (0, 1));
    }
}
