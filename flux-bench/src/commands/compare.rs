use crate::cli::command::Format;
use crate::cli::compare::CompareArguments;
use crate::compare::{self, Comparison};
use crate::report::comparison::{self, document};
use crate::report::failure::Failure;
use crate::report::model::Run;
use crate::report::series::Series;

use super::kept::find;
use super::show::{show, write};

/// Compares runs that were kept; exit code 5 when something is worse.
pub fn compare(arguments: &CompareArguments) -> Result<u8, Failure> {
    let [before, after] = arguments.sides();
    let (before, after) = (side(&before)?, side(&after)?);
    let found = compared(&before, &after, arguments.force)?;
    match arguments.read.output {
        Format::Table if arguments.read.columns.columns.is_empty() && arguments.read.sort_by.is_none() => {
            write(&comparison::text(&found))?;
        }
        _ => show(&document(&found), &arguments.read)?,
    }
    Ok(u8::from(found.regressed()) * 5)
}

/// Runs of one server that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    pub name: String,
    pub runs: Vec<Run>,
}

/// The runs that `names` mean, each with `#SERVER` or of its first server.
pub fn side(names: &[&str]) -> Result<Side, Failure> {
    let mut runs = vec![];
    for name in names {
        let (name, server) = name.rsplit_once('#').map_or((*name, None), |(name, server)| (name, Some(server)));
        let document = find(name)?.document;
        let series = Series::all(&document.items);
        let wanted = |series: &&Series<'_>| server.is_none_or(|server| series.label == server);
        let Some(found) = series.iter().find(wanted) else {
            let servers: Vec<&str> = series.iter().map(|series| series.label).collect();
            let server = server.unwrap_or_default();
            return Err(Failure::usage(format!("there is no server '{server}' in {name}"))
                .hint(format!("there are {}", servers.join(", "))));
        };
        let left_out = found.runs.len() - found.believable().len();
        if left_out > 0 {
            eprintln!("warning: {left_out} runs of {name} could not be believed and are left out");
        }
        runs.extend(found.believable().into_iter().cloned());
    }
    Ok(Side { name: names.join(","), runs })
}

/// Refuses what cannot be compared, unless it was forced.
pub fn compared(before: &Side, after: &Side, force: bool) -> Result<Comparison, Failure> {
    let Some(reference) = before.runs.first() else { return Err(Failure::usage("there is nothing to compare with")) };
    for run in before.runs.iter().chain(&after.runs) {
        let differences = compare::differences(reference, run);
        if differences.is_empty() {
            continue;
        }
        let differences = differences.join("; ");
        if !force {
            return Err(Failure::new(2, "not-comparable", "these runs did not measure the same thing")
                .cause(differences)
                .hint("compare runs with the same settings on the same machine, or say --force"));
        }
        eprintln!("warning: these runs did not measure the same thing: {differences}");
        break;
    }
    let (first, second): (Vec<&Run>, Vec<&Run>) = (before.runs.iter().collect(), after.runs.iter().collect());
    Ok(compare::compare((&before.name, &first), (&after.name, &second)))
}
