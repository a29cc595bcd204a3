use std::fs;

use crate::cli::report::{Form, ReportArguments};
use crate::report::failure::Failure;
use crate::report::{markdown::markdown, page::page};

use super::kept::find;
use super::show::write;

/// Makes a report of a run that was kept.
pub fn report(arguments: &ReportArguments) -> Result<u8, Failure> {
    let document = find(&arguments.run)?.document;
    let title = document.items.first().map(|run| run.id.clone()).unwrap_or_default();
    let text = match arguments.form() {
        Form::Html => page(&document, &title),
        Form::Markdown => markdown(&document.items),
        Form::Json => serde_json::to_string_pretty(&document).expect("numbers and strings are JSON") + "\n",
    };
    match &arguments.out {
        None => write(&text)?,
        Some(path) => {
            fs::write(path, &text).map_err(|error| {
                Failure::new(1, "output", format!("cannot write {}", path.display())).cause(error.to_string())
            })?;
            eprintln!("wrote {} ({} KB)", path.display(), text.len().div_ceil(1_024));
        }
    }
    Ok(0)
}
