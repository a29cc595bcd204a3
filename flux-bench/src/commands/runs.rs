use flux_core::output::{Cell, Column, Document, Resource, Tone};

use crate::report::model::{BenchRun, Conclusion, Percentiles, Run};

/// Runs as rows: what `-o csv` prints of a run, and `runs show`.
pub struct Runs;

impl Resource for Runs {
    type Item = Run;

    const KIND: &'static str = BenchRun::KIND;

    fn columns() -> Vec<Column<Run>> {
        let latency = |pick: fn(&Percentiles) -> f64| {
            move |run: &Run| Cell::maybe(run.latency_milliseconds.headline().map(pick), |ms| Cell::Number(rounded(ms)))
        };
        let audit = |pick: fn(&crate::report::model::Audit) -> u64| {
            move |run: &Run| Cell::maybe(run.audit.as_ref().map(pick), Cell::Count)
        };
        vec![
            Self::column("RUN", |run| Cell::text(&run.id)),
            Self::wide("STARTED AT", |run| Cell::text(&run.started_at)),
            Self::column("SERVER", |run| Cell::text(&run.label)),
            Self::wide("TOOL", |run| Cell::text(run.tool.name())),
            Self::column("SCENARIO", |run| Cell::text(&run.scenario)),
            Self::wide("ROUND", |run| Cell::Count(u64::from(run.round))),
            Self::column("RESULT", |run| Cell::word(run.result.word(), tone(run.result))),
            Self::wide("QOS", |run| Cell::maybe(run.settings.qos, |qos| Cell::Count(u64::from(qos)))),
            Self::wide("SIZE", |run| Cell::Count(run.settings.size_bytes)),
            Self::wide("CONNECTIONS", |run| Cell::Count(run.settings.connections)),
            Self::wide("OFFERED", |run| Cell::maybe(run.settings.messages_per_second, Cell::Number)),
            Self::column("RATE", |run| Cell::maybe(run.headline_rate(), Cell::Rate)),
            Self::column("P50", latency(|found| found.p50)),
            Self::column("P99", latency(|found| found.p99)),
            Self::wide("P99 9", latency(|found| found.p999)),
            Self::wide("MAX", latency(|found| found.max)),
            Self::column("LOST", audit(|audit| audit.lost)),
            Self::wide("DUPLICATED", audit(|audit| audit.duplicated)),
            Self::wide("REORDERED", audit(|audit| audit.reordered)),
            Self::wide("CONNECTS PER SECOND", |run| Cell::Rate(run.connections.connects_per_second)),
            Self::wide("SERVER CORES", |run| Cell::maybe(run.server_cores(), |cores| Cell::Number(rounded(cores)))),
            Self::wide("SERVER US PER DELIVERY", |run| {
                Cell::maybe(run.costs.server_microseconds_per_delivery, |cost| Cell::Number(rounded(cost)))
            }),
            Self::wide("SERVER RSS PEAK", |run| Cell::maybe(run.server_resident_peak(), Cell::Bytes)),
            Self::wide("GENERATOR CORES", |run| Cell::Number(rounded(run.generator.cores))),
        ]
    }

    fn name(item: &Run) -> String {
        item.id.clone()
    }
}

pub fn document(runs: &[Run]) -> Document {
    Document::list::<Runs>(runs)
}

/// µs of a ms are as exact as a histogram is.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

pub(super) fn tone(result: Conclusion) -> Tone {
    match result {
        Conclusion::Pass => Tone::Good,
        Conclusion::Fail | Conclusion::AuditBroken => Tone::Bad,
        Conclusion::Invalid | Conclusion::Interrupted => Tone::Warning,
    }
}
