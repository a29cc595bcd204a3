use std::path::PathBuf;

use crate::archive;
use crate::cli::command::Format;
use crate::cli::judging::Judging;
use crate::cli::keeping::Keeping;
use crate::report::failure::Failure;
use crate::report::model::{BenchRun, Conclusion, Run, Tool};
use crate::report::series::Series;
use crate::report::{bus, comparison, side as beside, table};

use super::compare::{Side, compared, side};
use super::rounds::Made;
use super::runs;
use super::show::{show_or, write};

/// What the user asked to be done with runs when they are made.
pub struct Ending<'a> {
    pub judging: &'a Judging,
    pub keeping: &'a Keeping,
    pub output: Format,
    /// What to compare with.
    pub against: Option<Side>,
}

impl<'a> Ending<'a> {
    /// Reads what is to be compared with, so that a mistake in its name shows before anything runs.
    pub fn new(judging: &'a Judging, keeping: &'a Keeping, output: Format) -> Result<Self, Failure> {
        let against = judging.against.as_deref().map(|names| side(&names.split(',').collect::<Vec<_>>())).transpose()?;
        Ok(Self { judging, keeping, output, against })
    }
}

/// Shows and keeps what was made; returns the exit code. Others' failings are shown and are not ours.
pub fn end(made: Made, ending: &Ending<'_>) -> Result<u8, Failure> {
    let Made { runs, interrupted } = made;
    let judging = ending.judging;
    let document = BenchRun::of(named_together(runs));
    let series = Series::all(&document.items);
    show_or(|| text(&series), &runs::document(&document.items), ending.output)?;
    keep(&document, ending.keeping);
    let ours = series.first().map_or(Conclusion::Interrupted, Series::conclusion);
    let code = if interrupted { Conclusion::Interrupted } else { ours }.exit_code(judging.check);
    let Some(before) = &ending.against else { return Ok(code) };
    let runs = series.first().map_or_else(Vec::new, |ours| ours.believable().into_iter().cloned().collect());
    let found = compared(before, &Side { name: "this run".to_owned(), runs }, judging.force)?;
    let text = comparison::text(&found);
    match ending.output {
        Format::Table | Format::Wide => write(&format!("\n{text}"))?,
        // Their document is of runs.
        _ => eprint!("{text}"),
    }
    // What cannot be believed or was broken weighs more than a comparison, a missed target less.
    Ok(if judging.check && found.regressed() && matches!(code, 0 | 3) { 5 } else { code })
}

/// The report for people: our run, and where there were more, all of them side by side.
pub fn text(series: &[Series<'_>]) -> String {
    if series.first().is_some_and(|ours| ours.median().tool == Tool::Bus) {
        return bus::text(series);
    }
    let mut text = series.first().map(|ours| table::render(ours.median())).unwrap_or_default();
    if series.len() > 1 || series.iter().any(|series| series.runs.len() > 1) {
        text.push('\n');
        text.push_str(&beside::by_side(series));
    }
    text
}

/// Runs of one invocation have one name, that of the document, and a number.
pub(super) fn named_together(mut runs: Vec<Run>) -> Vec<Run> {
    let name = runs.first().map(|run| run.id.clone()).unwrap_or_default();
    for (index, run) in runs.iter_mut().enumerate().skip(1) {
        run.id = format!("{name}.{}", index + 1);
    }
    runs
}

/// A run that cannot be kept was still made and shown: that it is not kept is a warning.
pub(super) fn keep(document: &BenchRun, keeping: &Keeping) {
    if keeping.no_save {
        return;
    }
    let folder = keeping.save.clone().map_or_else(archive::folder, Ok);
    let kept = folder.and_then(|folder: PathBuf| archive::keep(document, &folder));
    if let Err(error) = kept {
        eprintln!("warning: this run is not kept: {error}{}; --no-save does not try", source(&error));
    }
}

fn source(error: &dyn std::error::Error) -> String {
    error.source().map(|source| format!(": {source}")).unwrap_or_default()
}
