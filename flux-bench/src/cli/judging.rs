use clap::Args;

use crate::verdict::slo::Slo;

/// How a run is judged, the same for every command that makes runs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Judging options")]
pub struct Judging {
    /// Exit 3 when a target or an objective is missed, 5 when the run is worse --against another
    #[arg(long)]
    pub check: bool,

    /// What you want of the server, several with a comma between: p99<20ms,loss=0 (p50, p90, p99, p99.9, max, mean, rate, events,
    /// connects, connections, loss, duplicates, reordered, errors, cpu, memory)
    #[arg(long, value_name = "OBJECTIVE", value_delimiter = ',')]
    pub slo: Vec<Slo>,

    /// Compare with runs that were kept (an id or its beginning, latest, or a file); with --check exit 5 when this one is worse
    #[arg(long, value_name = "RUN")]
    pub against: Option<String>,

    /// Compare also with runs of different hardware, payload, QoS or load
    #[arg(long, requires = "against")]
    pub force: bool,
}
