use flux_core::output::{Cell, Column, Document, Resource, Tone};

use crate::cli::command::{Format, Read};
use crate::report::failure::Failure;
use crate::report::number::grouped;
use crate::selftest::{self, Part};

use super::show::{show, write};

struct Parts;

impl Resource for Parts {
    type Item = Part;

    const KIND: &'static str = "Selftest";

    fn columns() -> Vec<Column<Part>> {
        vec![
            Self::column("PART", |part| Cell::text(&part.name)),
            Self::column("RESULT", |part| match part.holds() {
                true => Cell::word("PASS", Tone::Good),
                false => Cell::word("FAIL", Tone::Bad),
            }),
        ]
    }

    fn name(item: &Part) -> String {
        item.name.clone()
    }
}

/// Runs every part; exit code 1 when the measure did not measure.
pub async fn selftest(messages: usize, read: &Read) -> Result<u8, Failure> {
    let parts = selftest::run(messages, None).await.map_err(|error| Failure::new(1, "selftest", error.to_string()))?;
    let exact = parts.iter().all(Part::holds);
    match read.output {
        Format::Table if read.columns.columns.is_empty() => write(&story(&parts, exact))?,
        _ => show(&Document::list::<Parts>(&parts), read)?,
    }
    Ok(u8::from(!exact))
}

fn story(parts: &[Part], exact: bool) -> String {
    let mut lines = vec!["SELFTEST  a server with known faults, and what flux-bench says of it".to_owned()];
    for part in parts {
        lines.push(part.name.clone());
        for figure in &part.figures {
            lines.push(format!(
                "  {:<28} {:>3} {:>12}   reported {:>12}   {}",
                figure.name,
                figure.relation(),
                grouped(figure.planted),
                grouped(figure.reported),
                if figure.holds() { "ok" } else { "WRONG" },
            ));
        }
    }
    lines.push(format!("RESULT  {}", if exact { "PASS: the measure measures" } else { "FAIL: do not believe this build" }));
    lines.join("\n") + "\n"
}
