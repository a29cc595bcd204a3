use flux_core::output::{Document, SelectionError, Stdout, Style};

use crate::cli::command::{Format, Read};
use crate::report::failure::Failure;

/// Writes what a command found in the format that was asked for.
pub fn show(document: &Document, read: &Read) -> Result<(), Failure> {
    let text = document.render(read.output, &read.selection(), Style::of_stdout(false)).map_err(unselectable)?;
    write(&text)
}

/// For people `table`, for everyone else the document.
pub fn show_or(table: impl FnOnce() -> String, document: &Document, format: Format) -> Result<(), Failure> {
    match format {
        Format::Table | Format::Wide => write(&table()),
        _ => write(&document.render(format, &Default::default(), Style::of_stdout(false)).map_err(unselectable)?),
    }
}

/// A reader that has had enough (`| head`) is no failure.
pub fn write(text: &str) -> Result<(), Failure> {
    match Stdout::default().print(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(1, "output", "cannot write to standard output").cause(error.to_string()))
        }
        _ => Ok(()),
    }
}

fn unselectable(error: SelectionError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        SelectionError::UnknownColumn { known, .. } => failure.hint(format!("there are {known}")),
        SelectionError::NoColumns => failure.hint("leave --columns out, or use -o table, wide or csv"),
    }
}
