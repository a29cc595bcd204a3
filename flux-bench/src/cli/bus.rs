use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::verdict::slo::Slo;

use super::command::Format;
use super::keeping::Keeping;
use super::quantity::{Rate, bytes, count, rate};
use super::timing::Timing;

const EXAMPLES: &str = "\
Examples:
  flux-bench bus all                           every bus with the same load, and a table beside the targets
  flux-bench bus all --quick --check           the same in less than three minutes; exit 3 when a target is missed
  flux-bench bus hybrid --cross-node 20% --runs 3
  flux-bench bus streams --rate 10k --qos 1 -o json
  flux-bench bus pubsub --search               the highest rate at the latency that the design asks for
  flux-bench bus all --in-process              the buses alone: no MQTT, one process publishes, one receives
  flux-bench bus memory --in-process --rate 100k

It starts what it needs on free ports and ends it: nodes of flux-core (beside this program, or --core), and
redis-server unless --redis-url names one that runs.

Exit codes: 0 pass, 1 could not run, 2 usage, 3 target or objective missed (with --check), 4 audit broken
(loss, duplicates or disorder that bus and QoS forbid), 6 INVALID (the measurement cannot be believed),
130 interrupted";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BusArguments {
    /// What carries events between nodes
    #[arg(value_enum, default_value_t = Which::All)]
    pub which: Which,

    /// The bus alone, without MQTT and without nodes: from one process to another (memory: within one)
    #[arg(long)]
    pub in_process: bool,

    /// Redis that runs already (several URLs of a Redis Cluster with commas) [default: one is started]
    #[arg(long, value_name = "URL", env = "FLUX_BENCH_REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// The program of the nodes [default: flux-core beside this one]
    #[arg(long, value_name = "PATH", env = "FLUX_BENCH_CORE")]
    pub core: Option<PathBuf>,

    /// Subscribers that are not on their publisher's node [default: 100%; all also shows hybrid with 20%]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub cross_node: Option<f64>,

    /// Publishers, each with a subscriber of its own (--in-process: 1)
    #[arg(long, value_name = "N", default_value = "10", value_parser = count)]
    pub pairs: usize,

    /// Quality of service
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: u8,

    /// Payload bytes, 32 at least
    #[arg(long, default_value = "256", value_parser = bytes)]
    pub size: usize,

    /// Messages per second over all publishers, or max [default: max, and then the rate for which the design
    /// names a latency (memory 100k, pubsub 50k, streams 30k, hybrid 80k), half of max where that is less; --in-process: half of max]
    #[arg(long, value_parser = rate)]
    pub rate: Option<Rate>,

    /// In place of a rate: find the highest that holds --slo [default: nothing lost, p99 as the design asks of the bus]
    #[arg(long, conflicts_with_all = ["rate", "in_process"])]
    pub search: bool,

    /// Short runs, and one round
    #[arg(long)]
    pub quick: bool,

    /// Rounds; every bus runs once in each, in an order that changes from round to round
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,

    #[command(flatten)]
    pub timing: Timing,

    /// Decides the payloads' filler
    #[arg(long, default_value_t = 42)]
    pub seed: u64,

    /// What you want of every bus, several with a comma between: p99<20ms,loss=0 (p50, p90, p99, p99.9, max, mean, rate, loss,
    /// duplicates, reordered, cpu, memory)
    #[arg(long, value_name = "OBJECTIVE", value_delimiter = ',')]
    pub slo: Vec<Slo>,

    /// Exit 3 when a target or an objective is missed
    #[arg(long)]
    pub check: bool,

    #[command(flatten)]
    pub keeping: Keeping,

    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// Which buses are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// One node, nothing between
    Memory,
    /// Redis Pub/Sub
    Pubsub,
    /// Redis Streams
    Streams,
    /// Local first; between nodes Pub/Sub at QoS 0, Streams at QoS 1 and 2
    Hybrid,
    /// All of them, in turns
    All,
}

/// How long and how often when it has to be quick: long enough for a percentile, short enough to wait for.
const QUICK: Timing = Timing { duration: Duration::from_secs(3), warmup: Duration::from_secs(1) };

impl BusArguments {
    pub fn timing(&self) -> Timing {
        match self.quick {
            true => Timing { duration: self.timing.duration.min(QUICK.duration), warmup: self.timing.warmup.min(QUICK.warmup) },
            false => self.timing,
        }
    }

    pub fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.runs }
    }
}

/// "20%" or "20": as a share.
fn share(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("0% to 100%".to_owned()),
    }
}
