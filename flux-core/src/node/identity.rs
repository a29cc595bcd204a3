use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::error::StartError;
use crate::types::NodeId;

/// The configured name, or one that is made up at the first start and kept in `data_dir/node-id`: the data belongs to it.
pub fn node_id(configured: Option<&NodeId>, data_dir: &Path) -> Result<NodeId, StartError> {
    if let Some(id) = configured {
        return Ok(id.clone());
    }
    let path = data_dir.join("node-id");
    let failed = |source: io::Error| StartError::Identity { path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(NodeId::new(text.trim())),
        Ok(_) => {}
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
        Err(problem) => return Err(failed(problem)),
    }
    let id = NodeId::new(format!("node-{:08x}", rand::random::<u32>()));
    let temporary = data_dir.join("node-id.new");
    let write = || {
        let mut file = File::create(&temporary)?;
        writeln!(file, "{id}")?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    write().map_err(failed)?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_up_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = node_id(None, folder.path()).unwrap();
        assert_eq!(node_id(None, folder.path()).unwrap(), first);
        assert_eq!(node_id(Some(&NodeId::new("mine")), folder.path()).unwrap(), NodeId::new("mine"));
        assert_ne!(node_id(None, tempfile::tempdir().unwrap().path()).unwrap(), first);
    }
}
