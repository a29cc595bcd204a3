use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser};

use crate::commands::Noun;
use crate::context::{Context, Global};
use crate::failure::{Exit, Failure};

/// Sees and steers FLUX IOT nodes
///
/// A noun, then a verb: fluxctl sessions list. Results go to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "fluxctl", version, max_term_width = 120, subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, after_help = EXAMPLES, after_long_help = LONG_EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    noun: Noun,
}

const EXAMPLES: &str = "\
Examples:
  fluxctl cluster status --watch
  fluxctl sessions list --away -o json
  fluxctl events publish plant/7/temperature 21.5
  fluxctl events tail 'plant/#' --count 10";

const LONG_EXAMPLES: &str = "\
Examples:
  fluxctl cluster status --watch
  fluxctl sessions list --away -o json
  fluxctl events publish plant/7/temperature 21.5
  fluxctl events tail 'plant/#' --count 10

Exit codes:
  0  done                     5  refused as unsafe, or in conflict
  1  failed                   6  unhealthy
  2  usage, or not confirmed  7  timed out
  3  not found                8  no server reachable
  4  not allowed             10  changes pending (--dry-run)";

/// Parses, runs, reports: the only way out of the process is the exit code returned here.
pub fn run(arguments: Vec<OsString>) -> Result<(), Exit> {
    let (json, colour) = foresee(&arguments);
    let mut command = Cli::command();
    if !colour {
        command = command.color(ColorChoice::Never);
    }
    let mut context_first = false;
    let parsed = command.try_get_matches_from_mut(arguments).and_then(|matches| {
        let typed = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        context_first = typed("context") && !typed("url");
        Cli::from_arg_matches(&matches)
    });
    let mut cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage(&error, json),
    };
    cli.global.context_first = context_first;
    let json = cli.global.wants_json();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(cli.noun.run(&Context::new(cli.global, Cli::command))),
        Err(error) => Err(Failure::new(Exit::Failed, "system", "cannot start").cause(error.to_string())),
    };
    result.map_err(|failure| {
        failure.report(json);
        failure.exit()
    })
}

/// Help and version are no errors; a wrong command line is one, in the format that the line asks for.
fn usage(error: &clap::Error, json: bool) -> Result<(), Exit> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return Ok(());
    }
    if json {
        let text = error.to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Failure::usage(what).hint("fluxctl --help").report(true);
    } else {
        let _ = error.print();
    }
    Err(Exit::Usage)
}

/// What a command line says about reporting its own mistakes: whether as JSON, whether in colour.
fn foresee(arguments: &[OsString]) -> (bool, bool) {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let json = words.iter().any(|word| matches!(word.as_ref(), "-ojson" | "-o=json" | "--output=json"))
        || words.windows(2).any(|pair| matches!(pair[0].as_ref(), "-o" | "--output") && pair[1] == "json");
    (json, !words.iter().any(|word| word == "--no-color"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_has_no_contradictions() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  fluxctl"), "no examples in the help of{path}");
            let long = help.lines().find(|line| line.chars().count() > 98);
            assert_eq!(long, None, "a line that breaks in a terminal of 100 columns, in the help of{path}");
            command.get_subcommands().for_each(|subcommand| check(subcommand, &path));
        }
        check(&Cli::command(), "");
    }
}
