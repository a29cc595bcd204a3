use crate::cli::bus::BusArguments;
use crate::report::bus;
use crate::report::failure::Failure;
use crate::report::model::{BenchRun, Conclusion};
use crate::report::series::Series;
use crate::search::Limit;

use crate::commands::ending::{keep, named_together};
use crate::commands::rounds::Made;
use crate::commands::runs;
use crate::commands::show::show_or;

/// Shows and keeps what was made; returns the exit code. Every bus is ours, also one that a search found no rate for.
pub fn end(made: Made, arguments: &BusArguments, unfound: &[Limit]) -> Result<u8, Failure> {
    let Made { runs, interrupted } = made;
    let missing = match unfound {
        [] => None,
        limits if limits.contains(&Limit::Objective) => Some(Conclusion::Fail),
        // The generator was the limit, or the probes contradict each other: that says nothing of the bus.
        _ => Some(Conclusion::Invalid),
    };
    if runs.is_empty() {
        let error = match missing {
            Some(Conclusion::Fail) => "no bus holds any rate that was tried",
            _ => "nothing was found: the generator was the limit, or the probes contradict each other",
        };
        // What was asked for is not there, so that this is no success without --check either.
        let code = missing.unwrap_or(Conclusion::Invalid).exit_code(true);
        return Err(Failure::new(code, "nothing-found", error).hint("a machine that is less busy, or --slo with what is enough"));
    }
    let document = BenchRun::of(named_together(runs));
    let series = Series::all(&document.items);
    show_or(|| bus::text(&series), &runs::document(&document.items), arguments.output)?;
    keep(&document, &arguments.keeping);
    let conclusion = match (bus::conclusion(&series), missing) {
        _ if interrupted => Conclusion::Interrupted,
        (Conclusion::Pass, Some(missing)) => missing,
        (found, _) => found,
    };
    Ok(conclusion.exit_code(arguments.check))
}
