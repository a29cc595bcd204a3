use flux_core::output::{Cell, Column, Document, Resource};
use schemars::JsonSchema;
use serde::Serialize;

use crate::archive::{self, ArchiveError, Found, Kept};
use crate::cli::command::{Format, Read};
use crate::report::bus;
use crate::report::failure::Failure;
use crate::report::model::{Conclusion, Tool};
use crate::report::series::Series;

use super::runs::{document, tone};
use super::show::{show, write};

/// What was kept of one invocation, as it is listed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptRun {
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    pub tool: String,
    pub scenario: String,
    /// Ours first.
    pub servers: Vec<String>,
    /// Of each server.
    pub rounds: u64,
    pub result: Conclusion,
    /// Of the first server: the median of its runs.
    pub per_second: Option<f64>,
    pub p99_milliseconds: Option<f64>,
    pub path: String,
    pub bytes: u64,
}

struct KeptRuns;

impl Resource for KeptRuns {
    type Item = KeptRun;

    const KIND: &'static str = "KeptRun";

    fn columns() -> Vec<Column<KeptRun>> {
        vec![
            Self::column("RUN", |kept| Cell::text(&kept.id)),
            Self::wide("STARTED AT", |kept| Cell::text(&kept.started_at)),
            Self::column("TOOL", |kept| Cell::text(&kept.tool)),
            Self::column("SCENARIO", |kept| Cell::text(&kept.scenario)),
            Self::column("SERVERS", |kept| Cell::text(kept.servers.join(", "))),
            Self::column("ROUNDS", |kept| Cell::Count(kept.rounds)),
            Self::column("RESULT", |kept| Cell::word(kept.result.word(), tone(kept.result))),
            Self::column("RATE", |kept| Cell::maybe(kept.per_second, Cell::Rate)),
            Self::column("P99 MS", |kept| Cell::maybe(kept.p99_milliseconds, |ms| Cell::Number((ms * 100.0).round() / 100.0))),
            Self::wide("BYTES", |kept| Cell::Bytes(kept.bytes)),
            Self::wide("PATH", |kept| Cell::text(&kept.path)),
        ]
    }

    fn name(item: &KeptRun) -> String {
        item.id.clone()
    }
}

pub fn list(read: &Read) -> Result<u8, Failure> {
    let folder = archive::folder().map_err(|error| failure(&error))?;
    let (kept, unreadable) = archive::list(&folder).map_err(|error| failure(&error))?;
    for error in unreadable {
        eprintln!("warning: {error}{}", cause(&error).map(|cause| format!(": {cause}")).unwrap_or_default());
    }
    let listed: Vec<KeptRun> = kept.iter().filter_map(listed).collect();
    show(&Document::list::<KeptRuns>(&listed), read)?;
    Ok(0)
}

fn listed(kept: &Kept) -> Option<KeptRun> {
    let series = Series::all(&kept.document.items);
    let ours = series.first()?;
    let median = ours.median();
    let mut scenario = median.scenario.clone();
    let (servers, result, latency) = match median.tool {
        // The same buses twice, full and paced: the one says how much, the other how fast.
        Tool::Bus => {
            let pairs = bus::pairs(&series);
            if pairs.len() > 1 {
                "all".clone_into(&mut scenario);
            }
            let paced = pairs.first().and_then(|pair| pair.paced).map(Series::median);
            (pairs.iter().map(|pair| pair.label.to_owned()).collect(), bus::conclusion(&series), paced.unwrap_or(median))
        }
        _ => (series.iter().map(|series| series.label.to_owned()).collect(), ours.conclusion(), median),
    };
    Some(KeptRun {
        id: kept.document.items.first()?.id.clone(),
        started_at: kept.document.items.first()?.started_at.clone(),
        tool: median.tool.name().to_owned(),
        scenario,
        servers,
        rounds: series.iter().map(|series| series.runs.len()).max().unwrap_or(0) as u64,
        result,
        per_second: median.headline_rate(),
        p99_milliseconds: latency.latency_milliseconds.headline().map(|found| found.p99),
        path: kept.path.display().to_string(),
        bytes: kept.bytes,
    })
}

/// The run as it was shown when it was made.
pub fn one(name: &str, read: &Read) -> Result<u8, Failure> {
    let found = find(name)?;
    match read.output {
        Format::Table if read.columns.columns.is_empty() => write(&super::ending::text(&Series::all(&found.document.items)))?,
        _ => show(&document(&found.document.items), read)?,
    }
    Ok(0)
}

/// The document that was asked for.
pub(super) fn find(name: &str) -> Result<Found, Failure> {
    archive::folder().and_then(|folder| archive::find(name, &folder)).map_err(|error| failure(&error))
}

fn failure(error: &ArchiveError) -> Failure {
    let code = match error {
        ArchiveError::Unknown { .. } => "unknown-run",
        ArchiveError::Ambiguous { .. } => "ambiguous-run",
        _ => "archive",
    };
    let exit = if matches!(error, ArchiveError::Unknown { .. } | ArchiveError::Ambiguous { .. }) { 2 } else { 1 };
    let mut failure = Failure::new(exit, code, error.to_string());
    if let Some(cause) = cause(error) {
        failure = failure.cause(cause);
    }
    failure.hint("flux-bench runs list shows what is kept; a file works as well")
}

fn cause(error: &dyn std::error::Error) -> Option<String> {
    error.source().map(ToString::to_string)
}
