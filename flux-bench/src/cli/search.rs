use std::time::Duration;

use clap::{Args, Subcommand};

use crate::search::LOWEST;

use super::http::HttpArguments;
use super::mqtt::MqttArguments;
use super::quantity::{Rate, rate};

const EXAMPLES: &str = "\
Examples:
  flux-bench search mqtt                       the highest rate with p99 below 20 ms and nothing lost
  flux-bench search mqtt fan-out --subs 50 --from 100
  flux-bench search http --conns 64 --slo 'p99<5ms,errors=0'
  flux-bench search http batch --probe 5s --precision 2% -o json

Exit codes: 0 found, 1 could not run, 2 usage, 3 no rate holds (with --check), 6 the generator was the limit
from the start or the probes contradict each other, 130 interrupted";

#[derive(Debug, Subcommand)]
pub enum SearchCommand {
    /// Messages per second over an MQTT server
    Mqtt(Box<SearchMqtt>),
    /// Requests per second of an HTTP server
    Http(Box<SearchHttp>),
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SearchMqtt {
    #[command(flatten)]
    pub load: MqttArguments,
    #[command(flatten)]
    pub searching: Searching,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SearchHttp {
    #[command(flatten)]
    pub load: HttpArguments,
    #[command(flatten)]
    pub searching: Searching,
}

/// Where and how closely to look. Objectives are those of --slo: p99<20ms,loss=0 unless told otherwise.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Search options")]
pub struct Searching {
    /// Where to begin, per second
    #[arg(long, default_value = "1k", value_parser = per_second)]
    pub from: f64,
    /// Nothing above is tried
    #[arg(long, default_value = "10M", value_parser = per_second)]
    pub to: f64,
    /// How close the rate that holds and the one that does not must come
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    pub precision: f64,
    /// How long each probe measures (in place of --duration)
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    pub probe: Duration,
}

fn per_second(text: &str) -> Result<f64, String> {
    match rate(text)? {
        Rate::PerSecond(rate) if rate >= LOWEST => Ok(rate),
        _ => Err(format!("a rate of {LOWEST} per second at least (1000, 5k): fewer answers say nothing of the worst hundredth")),
    }
}

/// "5%" or "5": as a share.
fn percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).parse::<f64>() {
        Ok(percent) if (0.5..=50.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("0.5% to 50%".to_owned()),
    }
}
