use std::process::ExitCode;

use clap::Parser;
use flux_bench::cli::command::{Command, CommandLine, RunsCommand, TargetsCommand};
use flux_bench::cli::search::SearchCommand;
use flux_bench::commands;
use flux_bench::report::failure::Failure;

/// As flux-core's: a bus that is measured without its server has the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    let json = command.wants_json();
    match run(command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.report(json);
            ExitCode::from(failure.exit)
        }
    }
}

fn run(command: Command) -> Result<u8, Failure> {
    if matches!(command, Command::BusPart) {
        return flux_bench::alone::part().map(|()| 0).map_err(|error| Failure::new(1, "part", error));
    }
    // The workers have threads and runtimes of their own; this one only watches.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(1, "runtime", "cannot start").cause(error.to_string()))?;
    match command {
        Command::Mqtt(arguments) => runtime.block_on(commands::mqtt::mqtt(&arguments)),
        Command::Http(arguments) => runtime.block_on(commands::http::http(&arguments)),
        Command::Bus(arguments) => runtime.block_on(commands::bus::bus(&arguments)),
        Command::Search { command: SearchCommand::Mqtt(arguments) } => {
            runtime.block_on(commands::search::search_mqtt(&arguments))
        }
        Command::Search { command: SearchCommand::Http(arguments) } => {
            runtime.block_on(commands::search::search_http(&arguments))
        }
        Command::Doctor(arguments) => runtime.block_on(commands::doctor::doctor(&arguments)),
        Command::Selftest { messages, read } => runtime.block_on(commands::selftest::selftest(messages, &read)),
        Command::Compare(arguments) => commands::compare::compare(&arguments),
        Command::Report(arguments) => commands::report::report(&arguments),
        Command::Runs { command: RunsCommand::List { read } } => commands::kept::list(&read),
        Command::Runs { command: RunsCommand::Show { run, read } } => commands::kept::one(&run, &read),
        Command::BusPart => Ok(0),
        #[cfg(feature = "baseline")]
        Command::BaselineBroker { protocol, connections } => flux_bench::baseline::serve(protocol, connections)
            .map(|()| 0)
            .map_err(|error| Failure::new(1, "baseline", "rumqttd does not run").cause(error.to_string())),
        Command::Targets { command: TargetsCommand::List { read } } => commands::targets::list(&read),
        Command::Targets { command: TargetsCommand::Explain { id, read } } => commands::targets::explain(&id, &read),
    }
}
