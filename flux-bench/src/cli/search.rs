use std::time::Duration;

use clap::{Args, Subcommand};

use crate::search::LOWEST;
use crate::verdict::slo::Slo;

use super::command::Format;
use super::http::HttpLoad;
use super::mqtt::MqttLoad;
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
    pub load: MqttLoad,
    #[command(flatten)]
    pub searching: Searching,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SearchHttp {
    #[command(flatten)]
    pub load: HttpLoad,
    #[command(flatten)]
    pub searching: Searching,
}

/// What must hold, where and how closely to look, and how it is told.
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
    /// How long each probe measures
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    pub probe: Duration,
    /// What must hold, several with a comma between: p50, p90, p99, p99.9, max, mean, loss, duplicates, reordered, errors, cpu, memory
    #[arg(long, value_name = "OBJECTIVE", value_delimiter = ',', default_value = "p99<20ms,loss=0")]
    pub slo: Vec<Slo>,
    /// Exit 3 when no rate holds
    #[arg(long)]
    pub check: bool,
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Only to say that there is none: whoever knows the other commands tries it
    #[arg(long, hide = true)]
    pub rate: Option<String>,
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

impl Searching {
    /// One that a command makes itself, as part of what it does.
    pub fn quietly(from: f64, to: f64, precision: f64, probe: Duration, slo: Vec<Slo>) -> Self {
        Self { from, to, precision, probe, slo, check: false, output: Format::Table, rate: None }
    }
}
