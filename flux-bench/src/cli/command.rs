use clap::{Args, Parser, Subcommand};
use flux_core::output::{Columns, Selection};

pub use flux_core::output::Format;

use super::mqtt::MqttArguments;

/// Loads an MQTT server in open loop and says whether it keeps its promises
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
    /// Prove that the measure measures, against a built-in server with known faults
    Selftest {
        /// Messages sent in each part
        #[arg(long, default_value = "20k", value_parser = super::quantity::count)]
        messages: usize,
        #[command(flatten)]
        read: Read,
    },
    /// The design targets that runs are judged by
    Targets {
        #[command(subcommand)]
        command: TargetsCommand,
    },
}

#[derive(Debug, Subcommand)]
pub enum TargetsCommand {
    /// List every target with its bound and how it is tested
    #[command(alias = "ls")]
    List {
        #[command(flatten)]
        read: Read,
    },
    /// What one target means, where it comes from and how to test it
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
            Command::Selftest { read, .. } => read.output,
            Command::Targets { command: TargetsCommand::List { read } | TargetsCommand::Explain { read, .. } } => read.output,
        };
        format == Format::Json
    }
}
