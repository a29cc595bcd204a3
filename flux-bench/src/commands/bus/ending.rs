use crate::cli::bus::BusArguments;
use crate::report::bus;
use crate::report::failure::Failure;
use crate::report::model::{BenchRun, Conclusion};
use crate::report::series::Series;

use crate::commands::ending::{keep, named_together};
use crate::commands::rounds::Made;
use crate::commands::runs;
use crate::commands::show::show_or;

/// Shows and keeps what was made; returns the exit code. Every bus is ours.
pub fn end(made: Made, arguments: &BusArguments) -> Result<u8, Failure> {
    let Made { runs, interrupted } = made;
    if runs.is_empty() {
        return Err(Failure::new(if arguments.check { 3 } else { 1 }, "nothing", "no bus held any rate that was tried"));
    }
    let document = BenchRun::of(named_together(runs));
    let series = Series::all(&document.items);
    show_or(|| bus::text(&series), &runs::document(&document.items), arguments.output)?;
    keep(&document, &arguments.keeping);
    let conclusion = if interrupted { Conclusion::Interrupted } else { bus::conclusion(&series) };
    Ok(conclusion.exit_code(arguments.check))
}
