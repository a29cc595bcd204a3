use clap::{Parser, Subcommand, ValueEnum};

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
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        output: Format,
    },
    /// The design targets that runs are judged by
    Targets {
        #[command(subcommand)]
        command: TargetsCommand,
    },
}

#[derive(Debug, Subcommand)]
pub enum TargetsCommand {
    /// List every target with its bound and source
    #[command(alias = "ls")]
    List {
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        output: Format,
    },
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// {"apiVersion","kind","items"}
    Json,
}

impl Command {
    pub fn wants_json(&self) -> bool {
        let format = match self {
            Command::Mqtt(arguments) => arguments.output,
            Command::Selftest { output, .. } | Command::Targets { command: TargetsCommand::List { output } } => *output,
        };
        format == Format::Json
    }
}
