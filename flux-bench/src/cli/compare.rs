use clap::Args;

use super::command::Read;

const EXAMPLES: &str = "\
Examples:
  flux-bench compare 20261124-190000 latest
  flux-bench compare before.json after.json --force
  flux-bench compare monday.json,tuesday.json latest -o json
  flux-bench compare latest#rumqttd latest         a baseline of the run and the server itself

A side is one set of runs or several with commas between, each an id or its beginning, latest, or a file; #SERVER picks
a server other than the first. A figure has changed when chance would show the difference in less than one of twenty
comparisons (Mann-Whitney U) and it is larger than the same server shows from run to run: --runs 5 on both sides.

Exit codes: 0 no regression, 1 could not read, 2 usage, or runs that cannot be compared, 5 regression";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArguments {
    /// The runs as they were
    pub before: String,
    /// The runs as they are
    pub after: String,
    /// Compare runs of different hardware, payload, QoS or load all the same
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub read: Read,
}

impl CompareArguments {
    /// Both sides, each with the names of its runs.
    pub fn sides(&self) -> [Vec<&str>; 2] {
        [self.before.split(',').collect(), self.after.split(',').collect()]
    }
}
