use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::http::settings::{Body, Workload};

use super::command::Format;
use super::judging::Judging;
use super::keeping::Keeping;
use super::quantity::{Rate, bytes, count, rate};
use super::timing::Timing;
use super::watching::Watching;

const EXAMPLES: &str = "\
Examples:
  flux-bench http                              one event in each request, 5,000 requests/s for 10 s
  flux-bench http --rate max --conns 64        as fast as 64 connections are answered
  flux-bench http batch --batch 100 --rate 1k  100,000 events/s in batches of 100
  flux-bench http api --rate 500 -o json       reads, as an operator makes them
  flux-bench http api --path /health --rate 1k  any path of any server
  flux-bench http --slo 'p99<10ms,errors=0' --check

Exit codes: 0 pass, 1 could not run, 2 usage, 3 target or objective missed (with --check), 5 worse than
--against (with --check), 6 INVALID (the measurement cannot be believed), 130 interrupted";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct HttpArguments {
    #[command(flatten)]
    pub load: HttpLoad,

    /// Requests per second over all connections, or max [default: 5k; batch: 500]
    #[arg(long, value_parser = rate)]
    pub rate: Option<Rate>,

    #[command(flatten)]
    pub timing: Timing,

    #[command(flatten)]
    pub judging: Judging,

    #[command(flatten)]
    pub keeping: Keeping,

    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// What is asked of whom: all of a run but how much of it, for how long, and what becomes of the result.
#[derive(Debug, Args)]
pub struct HttpLoad {
    /// What is asked of the server
    #[arg(value_enum, default_value_t = Workload::Events)]
    pub workload: Workload,

    /// Server: http:// or https://
    #[arg(long, default_value = "http://127.0.0.1:3000", env = "FLUX_BENCH_HTTP_URL")]
    pub url: String,

    /// Bearer token, also for --nodes
    #[arg(long, env = "FLUX_TOKEN", hide_env_values = true)]
    pub token: Option<String>,

    /// Certificate authority to trust beside the system's (PEM)
    #[arg(long, value_name = "FILE", env = "FLUX_CA_FILE")]
    pub ca_file: Option<PathBuf>,

    /// Connections, kept alive; each has one request under way at most
    #[arg(long, value_name = "N", default_value = "50", value_parser = count)]
    pub conns: usize,

    /// Events in one request of batch
    #[arg(long, value_name = "N", default_value = "100", value_parser = count)]
    pub batch: usize,

    /// How events make a body of batch
    #[arg(long, value_enum, default_value_t = Body::Ndjson)]
    pub body: Body,

    /// Payload bytes of one event, 16 at least
    #[arg(long, default_value = "256", value_parser = bytes)]
    pub size: usize,

    /// Quality of service of the events
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: u8,

    /// Topics, in turn
    #[arg(long, value_name = "N", default_value = "10", value_parser = count)]
    pub topics: usize,

    /// What api reads, in turn [default: nodes, sessions, subscriptions, retained messages and events]
    #[arg(long = "path", value_name = "PATH")]
    pub paths: Vec<String>,

    /// An answer that takes longer is not waited for
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,

    /// Decides the payloads' filler
    #[arg(long, default_value_t = 42)]
    pub seed: u64,

    /// Threads of the generator [default: the cores, 2 at most]
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,

    #[command(flatten)]
    pub watching: Watching,
}
