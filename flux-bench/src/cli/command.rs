use clap::{Args, Parser, Subcommand};
use flux_core::output::{Columns, Selection};

pub use flux_core::output::Format;

use super::bus::BusArguments;
use super::compare::CompareArguments;
use super::doctor::DoctorArguments;
use super::http::HttpArguments;
use super::mqtt::MqttArguments;
use super::report::ReportArguments;
use super::search::SearchCommand;

/// Loads MQTT and HTTP servers in open loop and says whether they keep their promises
#[derive(Debug, Parser)]
#[command(name = "flux-bench", version, max_term_width = 110, disable_help_subcommand = true)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure an MQTT server
    Mqtt(Box<MqttArguments>),
    /// Measure an HTTP server: events taken in, one or many in a request, and reads
    Http(Box<HttpArguments>),
    /// Compare what carries events between nodes, on nodes and a Redis that it starts itself
    Bus(Box<BusArguments>),
    /// Find the highest rate that a server holds
    Search {
        #[command(subcommand)]
        command: SearchCommand,
    },
    /// See whether a run on this machine can work and be believed
    Doctor(Box<DoctorArguments>),
    /// Prove that the measure measures, against a built-in server with known faults
    #[command(after_help = "Examples:\n  flux-bench selftest\n  flux-bench selftest --messages 2k -o json")]
    Selftest {
        /// Messages sent in each part
        #[arg(long, default_value = "20k", value_parser = super::quantity::count)]
        messages: usize,
        #[command(flatten)]
        read: Read,
    },
    /// Say whether runs are worse than others
    Compare(CompareArguments),
    /// Make a report of a run that was kept
    Report(ReportArguments),
    /// The runs that were kept
    Runs {
        #[command(subcommand)]
        command: RunsCommand,
    },
    /// The design targets that runs are judged by
    Targets {
        #[command(subcommand)]
        command: TargetsCommand,
    },
    /// A part of bus --in-process
    #[command(hide = true)]
    BusPart,
    /// The broker that --baseline rumqttd starts
    #[cfg(feature = "baseline")]
    #[command(hide = true)]
    BaselineBroker {
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=5))]
        protocol: u8,
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
    },
}

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List every run that was kept, the newest first
    #[command(
        alias = "ls",
        after_help = "Examples:\n  flux-bench runs list\n  flux-bench runs list --sort-by -rate --columns run,rate,p99_ms"
    )]
    List {
        #[command(flatten)]
        read: Read,
    },
    /// Show a run as it was shown when it was made
    #[command(after_help = "Examples:\n  flux-bench runs show latest\n  flux-bench runs show 20261124-190000 -o json")]
    Show {
        /// An id or its beginning, latest, or a file
        run: String,
        #[command(flatten)]
        read: Read,
    },
}

#[derive(Debug, Subcommand)]
pub enum TargetsCommand {
    /// List every target with its bound and how it is tested
    #[command(alias = "ls", after_help = "Examples:\n  flux-bench targets list\n  flux-bench targets list -o wide")]
    List {
        #[command(flatten)]
        read: Read,
    },
    /// What one target means, where it comes from and how to test it
    #[command(after_help = "Examples:\n  flux-bench targets explain single.message_rate")]
    Explain {
        /// As `targets list` shows it
        id: String,
        #[command(flatten)]
        read: Read,
    },
}

/// How a result is written: the flags of every command that reads.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output options")]
pub struct Read {
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Sort the rows by a column; -COLUMN from its end
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort_by: Option<String>,
    #[command(flatten)]
    pub columns: Columns,
}

impl Read {
    pub fn selection(&self) -> Selection {
        Selection { sort_by: self.sort_by.clone(), ..self.columns.selection() }
    }
}

impl Command {
    pub fn wants_json(&self) -> bool {
        let format = match self {
            Command::Mqtt(arguments) => arguments.output,
            Command::Report(arguments) => return arguments.json,
            Command::Compare(arguments) => arguments.read.output,
            Command::Http(arguments) => arguments.output,
            Command::Bus(arguments) => arguments.output,
            Command::Search { command: SearchCommand::Mqtt(arguments) } => arguments.searching.output,
            Command::Search { command: SearchCommand::Http(arguments) } => arguments.searching.output,
            Command::Doctor(arguments) => arguments.read.output,
            Command::Selftest { read, .. } => read.output,
            Command::Runs { command: RunsCommand::List { read } | RunsCommand::Show { read, .. } } => read.output,
            Command::BusPart => return false,
            #[cfg(feature = "baseline")]
            Command::BaselineBroker { .. } => return false,
            Command::Targets { command: TargetsCommand::List { read } | TargetsCommand::Explain { read, .. } } => read.output,
        };
        format == Format::Json
    }
}
