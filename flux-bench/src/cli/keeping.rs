use std::path::PathBuf;

use clap::Args;

/// Where a run stays after it was shown, the same for every command that makes runs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Keeping options")]
pub struct Keeping {
    /// Keep the run in this folder [default: FLUX_BENCH_RUNS, or flux-bench/runs where the user's data is]
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
    /// Do not keep the run
    #[arg(long, conflicts_with = "save")]
    pub no_save: bool,
}
