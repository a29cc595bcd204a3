use flux_core::output::{Cell, Column, Document, Resource, Tone, printable};

use crate::cli::doctor::DoctorArguments;
use crate::doctor::{Check, Level, facts, knock, look};
use crate::report::failure::Failure;

use super::show::show;

/// Where servers are unless told otherwise.
const DEFAULTS: [&str; 2] = ["http://127.0.0.1:3000", "mqtt://127.0.0.1:1883"];

/// Looks, shows, and returns the exit code: 1 when a run could not work.
pub async fn doctor(arguments: &DoctorArguments) -> Result<u8, Failure> {
    let named = !arguments.urls.is_empty();
    let urls = if named { arguments.urls.clone() } else { DEFAULTS.map(str::to_owned).to_vec() };
    let mut doors = vec![];
    for url in &urls {
        let door = knock(url, named, arguments.token.as_deref()).await;
        doors.push(door.map_err(|error| Failure::usage(error.to_string()).hint("--url http://HOST:PORT or mqtt://HOST:PORT"))?);
    }
    let checks = look(&facts(arguments.conns as u64, doors));
    let advice = advice(&checks);
    show(&Document::list::<Checks>(&checks).below(move |_| advice.clone()), &arguments.read)?;
    Ok(u8::from(checks.iter().any(|check| check.status == Level::Critical)))
}

/// What to do about everything that is not ok, below the table.
fn advice(checks: &[Check]) -> String {
    let hints = checks.iter().filter_map(|check| Some((check, check.hint.as_ref()?)));
    hints.map(|(check, hint)| format!("! {}   hint: {}\n", printable(&check.check), printable(hint))).collect()
}

struct Checks;

impl Resource for Checks {
    type Item = Check;

    const KIND: &'static str = "BenchCheck";

    fn columns() -> Vec<Column<Check>> {
        vec![
            Self::column("CHECK", |check| Cell::text(&check.check)),
            Self::column("STATUS", |check| {
                Cell::word(
                    check.status.word(),
                    match check.status {
                        Level::Ok => Tone::Good,
                        Level::Warning => Tone::Warning,
                        Level::Critical => Tone::Bad,
                    },
                )
            }),
            Self::column("DETAIL", |check| Cell::text(&check.detail)),
            Self::wide("HINT", |check| Cell::maybe(check.hint.as_ref(), Cell::text)),
        ]
    }

    fn name(item: &Check) -> String {
        item.check.clone()
    }
}
