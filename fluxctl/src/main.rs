//! `fluxctl` sees and steers FLUX IOT nodes through their HTTP API; it links nothing of the server.
//!
//! Flags → [`context::Context`] → a command → a [`flux_core::output::Document`] on standard output, or a [`failure::Failure`] on standard
//! error and its exit code. Imports go down: main, cli, commands, mqtt, watch and pages, confirm, context, known, target, contexts, failure,
//! interrupt.

mod cli;
mod commands;
mod confirm;
mod context;
mod contexts;
mod failure;
mod interrupt;
mod known;
mod mqtt;
mod pages;
mod target;
mod watch;

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::CompleteEnv;

fn main() -> ExitCode {
    // The shell asks for completions through the environment; everything else of a command line is then not for us to judge.
    CompleteEnv::with_factory(cli::Cli::command).var(commands::COMPLETION_VARIABLE).complete();
    match cli::run(std::env::args_os().collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => ExitCode::from(exit as u8),
    }
}
