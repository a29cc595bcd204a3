use std::time::Duration;

use clap::Args;

/// For how long, the same for every command that makes runs.
#[derive(Debug, Clone, Copy, Args)]
pub struct Timing {
    /// How long to measure
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration, env = "FLUX_BENCH_DURATION")]
    pub duration: Duration,

    /// How long to send before measuring
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration, env = "FLUX_BENCH_WARMUP")]
    pub warmup: Duration,
}
