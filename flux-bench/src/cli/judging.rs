use clap::Args;

/// How a run is judged, the same for every command that makes runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Judging options")]
pub struct Judging {
    /// Exit 3 when a target is missed
    #[arg(long)]
    pub check: bool,
}
