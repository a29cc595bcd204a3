use std::path::PathBuf;

use clap::Args;
use flux_core::durable::repair;
use flux_core::node::store_folder;

use super::{Failure, print};

#[derive(Args)]
pub(super) struct Arguments {
    /// Data folder of the server
    #[arg(long, value_name = "PATH", env = "FLUX_NODE_DATA_DIR", hide_env_values = true, default_value = "flux-data")]
    data_dir: PathBuf,
    /// Look and report, change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let inside = store_folder(&arguments.data_dir);
    // The store names its own folder where it reports damage: that is taken as well.
    let folder = if inside.is_dir() { &inside } else { &arguments.data_dir };
    if !folder.join("lock").is_file() {
        let folder = arguments.data_dir.display();
        return Err(Failure::Other(format!(
            "there is no durable store in {folder}\n  hint: name the server's data folder with --data-dir"
        )));
    }
    let look = if arguments.dry_run { repair::check } else { repair::repair };
    let report = look(folder).map_err(|problem| Failure::Other(problem.to_string()))?;
    print(&format!("{report}\n"))?;
    if arguments.dry_run && !report.is_whole() {
        return Err(Failure::Other("the store is damaged\n  hint: without --dry-run it is repaired".to_owned()));
    }
    Ok(())
}
