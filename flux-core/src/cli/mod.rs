//! The command line of `flux-core`. Owns: flags, what commands print, exit codes (0 ok, 1 failed, 2 usage or configuration).
//! Must not know: how anything is done.

mod arguments;
mod check_config;
mod config_reference;
mod hash_password;
mod prompt;
mod repair;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flux_core::config::Problems;
use flux_core::node::{self, StartError};

use arguments::ConfigArguments;

/// The FLUX IOT server: MQTT and HTTP in, durable sessions, one binary.
#[derive(Parser)]
#[command(name = "flux-core", version, arg_required_else_help = true, max_term_width = 120)]
#[command(after_help = "Examples:
  flux-core serve
  flux-core serve --data-dir /var/lib/flux --set mqtt.max_connections=20000
  flux-core config-reference -o toml > flux.toml && flux-core serve --config flux.toml")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server until SIGTERM or Ctrl-C
    #[command(after_help = "Without any flag it listens on 127.0.0.1 (MQTT 1883, HTTP 3000) and keeps its data in ./flux-data.
Every key can also be set by an environment variable (mqtt.listen: FLUX_MQTT_LISTEN). File < environment < flags.

Examples:
  flux-core serve
  flux-core serve --mqtt-listen 127.0.0.1:0 --http-listen 127.0.0.1:0    # free ports, printed
  flux-core serve --mqtt-listen 0.0.0.0:1883 --set security.password_file=users
  flux-core serve --config flux.toml --set log.level=debug")]
    Serve(ConfigArguments),
    /// Read the configuration as serve would, tell every problem or what is set, and start nothing
    #[command(after_help = "Examples:
  flux-core check-config --config flux.toml
  flux-core check-config --config flux.toml --all -o json")]
    CheckConfig(check_config::Arguments),
    /// List every configuration key with its type, default and meaning
    #[command(after_help = "Examples:
  flux-core config-reference
  flux-core config-reference -o toml > flux.toml    # a complete file that changes nothing
  flux-core config-reference -o json")]
    ConfigReference(config_reference::Arguments),
    /// Hash a password for security.users or security.password_file
    #[command(after_help = "The password is asked for on a terminal, or read from the first line of standard input.

Examples:
  flux-core hash-password --user alice >> users
  printf secret | flux-core hash-password
  printf secret | flux-core hash-password --scram    # for SCRAM-SHA-256, and plain passwords too")]
    HashPassword(hash_password::Arguments),
    /// Look at a durable store that does not open, keep what is readable and move the rest aside
    #[command(
        after_help = "Stop the server first. Nothing is deleted: damaged files are moved beside the store, and what was lost is listed.

Examples:
  flux-core repair --data-dir flux-data --dry-run    # only look; exit code 1 if something is damaged
  flux-core repair --data-dir flux-data"
    )]
    Repair(repair::Arguments),
    /// Print the version
    Version,
}

enum Failure {
    Configuration(Problems),
    Start(StartError),
    Other(String),
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Failure::Configuration(problems)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Failure::Start(error)
    }
}

pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(arguments) => serve(&arguments),
        Command::CheckConfig(arguments) => check_config::run(&arguments),
        Command::ConfigReference(arguments) => config_reference::run(&arguments),
        Command::HashPassword(arguments) => hash_password::run(&arguments),
        Command::Repair(arguments) => repair::run(&arguments),
        Command::Version => print(&format!("flux-core {}\n", env!("CARGO_PKG_VERSION"))),
    };
    let (text, code) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Configuration(problems)) => (problems.to_string(), 2),
        Err(Failure::Start(error)) => (error.to_string(), 1),
        Err(Failure::Other(text)) => (text, 1),
    };
    // Nobody may be listening on standard error; the exit code still tells.
    let _ = writeln!(io::stderr(), "error: {text}");
    ExitCode::from(code)
}

fn serve(arguments: &ConfigArguments) -> Result<(), Failure> {
    Ok(node::run(&arguments.load()?)?)
}

/// Data goes to standard output. A reader that closed it (`| head`) has what it wanted.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(problem) if problem.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Other(format!("standard output: {problem}"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
