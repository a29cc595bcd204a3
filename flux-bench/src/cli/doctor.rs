use clap::Args;

use super::command::Read;
use super::quantity::count;

const EXAMPLES: &str = "\
Examples:
  flux-bench doctor
  flux-bench doctor --conns 50k --url mqtt://192.0.2.7:1883
  flux-bench doctor --url http://127.0.0.1:3000 --url mqtt://127.0.0.1:1883 -o json

Every check is OK, WARNING (a run works, its figures want care) or CRITICAL (a run could not work).
Exit codes: 0 nothing is CRITICAL, 1 something is, 2 usage";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArguments {
    /// Server to look for; may be repeated [default: http://127.0.0.1:3000 and mqtt://127.0.0.1:1883]
    #[arg(long = "url", value_name = "URL", env = "FLUX_BENCH_URL", value_delimiter = ',')]
    pub urls: Vec<String>,

    /// Bearer token
    #[arg(long, env = "FLUX_TOKEN", hide_env_values = true)]
    pub token: Option<String>,

    /// Connections that a run is to hold
    #[arg(long, value_name = "N", default_value = "10k", value_parser = count)]
    pub conns: usize,

    #[command(flatten)]
    pub read: Read,
}
