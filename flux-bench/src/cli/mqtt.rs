use std::time::Duration;

use clap::Args;

use crate::load::arrivals::Arrival;
use crate::plan::mix::Mix;
use crate::plan::settings::{Driver, Scenario};

use super::command::Format;
use super::judging::Judging;
use super::keeping::Keeping;
use super::quantity::{Offered, Rate, bytes, count, offered, rate};
use super::repeating::Repeating;
use super::target::TargetArguments;
use super::timing::Timing;
use super::watching::{HEADING, Watching};

const EXAMPLES: &str = "\
Examples:
  flux-bench mqtt                              10 pairs, QoS 1, 50,000 messages/s for 10 s
  flux-bench mqtt --conns 10000                the same over 5,000 pairs
  flux-bench mqtt --rate max --qos 0           as fast as the server takes them
  flux-bench mqtt --rate 5k --check            exit 3 when a target is missed
  flux-bench mqtt --slo 'p99<5ms,loss=0' --check
  flux-bench mqtt fan-out --subs 50 --rate max
  flux-bench mqtt fan-in --pubs 100 -o json
  flux-bench mqtt device --conns 5000          a fleet: telemetry of mixed QoS, rare commands
  flux-bench mqtt storm --subs 5000            all come back at once, 10 messages waiting for each
  flux-bench mqtt --rate 1k..50k/60s --arrival poisson
  flux-bench mqtt conns --conns 10k            connects per second, memory per connection
  flux-bench mqtt --runs 5 --baseline rumqttd  five rounds, in turns with a broker started beside
  flux-bench mqtt --url mqtts://127.0.0.1:8883 --insecure
  flux-bench mqtt --url ws://127.0.0.1:8083 --protocol 5
  flux-bench mqtt --url mqtt://n1:1883,mqtt://n2:1883 --nodes http://n1:3000

Exit codes: 0 pass, 1 could not run, 2 usage, 3 target or objective missed (with --check), 4 audit broken
(loss, duplicates or disorder that the QoS forbids), 6 INVALID (the measurement cannot be believed),
130 interrupted";

#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct MqttArguments {
    #[command(flatten)]
    pub load: MqttLoad,

    /// Messages per second over all publishers, FROM..TO/TIME, or max; conns, storm and retained: connections per second
    /// [default: as many as make 50,000 deliveries; device: 1 per device; conns, storm and retained: max]
    #[arg(long, value_parser = offered)]
    pub rate: Option<Offered>,

    #[command(flatten)]
    pub timing: Timing,

    #[command(flatten)]
    pub repeating: Repeating,

    #[command(flatten)]
    pub judging: Judging,

    #[command(flatten)]
    pub keeping: Keeping,

    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// Who sends what to whom: all of a run but how much of it, for how long, and what becomes of the result.
#[derive(Debug, Clone, Args)]
pub struct MqttLoad {
    /// Who talks to whom
    #[arg(value_enum, default_value_t = Scenario::Pair)]
    pub scenario: Scenario,

    /// Connections in all [default: publishers and subscribers; conns 10000, device 1001]
    #[arg(long, value_name = "N", value_parser = count)]
    pub conns: Option<usize>,

    /// Publishers [default: pair, pub and shared 10, fan-in 100, fan-out 1; with --conns as many as fit]
    #[arg(long, value_name = "N", value_parser = count)]
    pub pubs: Option<usize>,

    /// Subscribers [default: pair, sub, shared and retained 10, fan-in 1, fan-out 50, storm 1000; with --conns as many as fit]
    #[arg(long, value_name = "N", value_parser = count)]
    pub subs: Option<usize>,

    /// Topics, dealt out among the clients [default: pair and storm one per subscriber, retained 1000, otherwise one per publisher]
    #[arg(long, value_name = "N", value_parser = count)]
    pub topics: Option<usize>,

    /// Shared: subscriptions that the subscribers divide among them
    #[arg(long, value_name = "N", default_value = "1", value_parser = count)]
    pub groups: usize,

    /// Sub: the filter [default: #]. Pub: what topics begin with
    #[arg(long)]
    pub topic: Option<String>,

    /// Storm: messages that wait for each subscriber
    #[arg(long, value_name = "N", default_value = "10", value_parser = count)]
    pub queued: usize,

    /// Quality of service, publishing and subscribing: 0, 1, 2, or shares [default: 1; device: 0=70,1=25,2=5]
    #[arg(long, value_name = "QOS|MIX", value_parser = Mix::parse)]
    pub qos: Option<Mix>,

    /// Payload bytes, 32 at least
    #[arg(long, default_value = "256", value_parser = bytes)]
    pub size: usize,

    /// What messages say instead: text, @FILE, or - for standard input; a stamp is added, to JSON objects as a member
    #[arg(long, value_name = "TEXT|@FILE|-", conflicts_with = "size", allow_hyphen_values = true)]
    pub payload: Option<String>,

    /// Publish retained messages; they are removed at the end
    #[arg(long)]
    pub retain: bool,

    /// How messages are spread over the rate
    #[arg(long, value_enum, default_value_t = Arrival::Constant)]
    pub arrival: Arrival,

    /// Open the connections evenly over so long [default: as fast as possible]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub ramp: Option<Duration>,

    /// So many idle clients (with --persistent subscribers too) leave and come back each second
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub churn: Option<Rate>,

    /// After sending, wait for outstanding messages until none has come for so long
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    pub drain: Duration,

    /// Unacknowledged messages per publisher (QoS 1 and 2)
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub inflight: u16,

    /// Decides the payloads' filler
    #[arg(long, default_value_t = 42)]
    pub seed: u64,

    /// The MQTT client that makes the load
    #[arg(long, value_enum, default_value_t = Driver::Flux)]
    pub driver: Driver,

    /// Threads of the generator [default: the cores, 2 at most]
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,

    #[command(flatten)]
    pub target: TargetArguments,

    #[command(flatten)]
    pub watching: Watching,

    /// Bearer token for --nodes
    #[arg(long, env = "FLUX_TOKEN", hide_env_values = true, help_heading = HEADING)]
    pub token: Option<String>,
}
