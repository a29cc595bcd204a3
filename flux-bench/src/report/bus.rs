use super::figures::FIGURES;
use super::model::{Conclusion, LoadKind, Run, TargetRow, TargetVerdict};
use super::number::{figure, grouped};
use super::series::Series;
use super::table::{finished, grid};
use crate::verdict::judge::loses;

/// One bus: what it reached unpaced, and how it was when it was not full.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub label: &'a str,
    pub full: Option<&'a Series<'a>>,
    pub paced: Option<&'a Series<'a>>,
}

/// What an unpaced run is called beside the paced one of the same bus.
const FULL: &str = " max";

/// The buses in the order they were first measured.
pub fn pairs<'a>(series: &'a [Series<'a>]) -> Vec<Pair<'a>> {
    let mut all: Vec<Pair<'a>> = vec![];
    for one in series {
        let full = one.runs.iter().any(|run| run.settings.load == LoadKind::Unpaced);
        let label = one.label.strip_suffix(FULL).filter(|_| full).unwrap_or(one.label);
        let at = all.iter().position(|pair| pair.label == label).unwrap_or_else(|| {
            all.push(Pair { label, full: None, paced: None });
            all.len() - 1
        });
        let place = if full { &mut all[at].full } else { &mut all[at].paced };
        *place = Some(one);
    }
    all
}

/// Of all buses together: the worst that any of them is.
pub fn conclusion(series: &[Series<'_>]) -> Conclusion {
    use Conclusion::{AuditBroken, Fail, Interrupted, Invalid, Pass};
    // A run that could not be believed was made again: what counts is whether any could.
    let of = |series: &Series<'_>| match series.conclusion() {
        Invalid => series.median().result,
        other => other,
    };
    let found: Vec<Conclusion> = series.iter().map(of).collect();
    [Interrupted, AuditBroken, Invalid, Fail].into_iter().find(|worst| found.contains(worst)).unwrap_or(Pass)
}

/// The comparison for people.
pub fn text(series: &[Series<'_>]) -> String {
    let Some(run) = series.first().map(Series::median) else { return String::new() };
    let pairs = pairs(series);
    let mut lines = vec![headline(run, series), comparison(&pairs)];
    let rows = targets(series);
    if !rows.is_empty() {
        lines.push(verdicts(&rows));
    }
    let count = |verdict| rows.iter().filter(|(_, row)| row.verdict == verdict).count();
    let [pass, fail, not_tested] = [TargetVerdict::Pass, TargetVerdict::Fail, TargetVerdict::NotTested].map(count);
    let word = match conclusion(series) {
        Conclusion::AuditBroken => "FAIL (audit broken)",
        Conclusion::Interrupted => "INTERRUPTED (partial)",
        other => other.word(),
    };
    lines.push(format!("RESULT  {word} ({pass} pass, {fail} fail, {not_tested} not tested)"));
    lines.extend(remarks(series));
    lines.join("\n") + "\n"
}

/// One line that says what was run.
pub fn headline(run: &Run, series: &[Series<'_>]) -> String {
    let settings = &run.settings;
    let rounds = series.iter().map(|series| series.runs.len()).max().unwrap_or(1);
    let mut parts = vec!["flux-bench bus".to_owned()];
    match settings.options.contains_key("in-process") {
        true => parts.push("in process, 1 → 1".to_owned()),
        false => parts.push(format!("{} pairs, {}", grouped(settings.publishers.unwrap_or_default()), settings.protocol)),
    }
    parts.extend(settings.qos.map(|qos| format!("QoS {qos}")));
    parts.push(format!("{} B", settings.size_bytes));
    if rounds > 1 {
        parts.push(format!("median of {rounds}"));
    }
    parts.push(format!("seed {}", settings.seed));
    parts.join(" · ")
}

fn comparison(pairs: &[Pair<'_>]) -> String {
    let mut table =
        grid(&["BUS", "ACROSS", "MAX RATE", "AT", "p50 ms", "p99 ms", "LOST", "DUP", "REORD", "REDIS/MSG", "CPU/MSG", "RESULT"]);
    for pair in pairs {
        table.add_row(pair.cells());
    }
    finished(table, 1..11)
}

impl Pair<'_> {
    /// The label, how much crosses nodes, the highest rate, the paced rate, p50 and p99 at it, what was lost, duplicated and reordered in
    /// any run, Redis commands and processor time per message, and the result.
    pub fn cells(&self) -> Vec<String> {
        let middle = |series: Option<&Series<'_>>, id: &str| {
            let figure = FIGURES.iter().find(|figure| figure.id == id)?;
            series?.middle(figure).map(|middle| middle.median)
        };
        let shown =
            |value: Option<f64>, unit: &str| value.map_or_else(|| "-".to_owned(), |value| format!("{}{unit}", figure(value)));
        let both: Vec<Series<'_>> = [self.full, self.paced].into_iter().flatten().cloned().collect();
        let any = self.paced.or(self.full);
        let every = || both.iter().flat_map(|series| &series.runs).filter_map(|run| run.audit.as_ref());
        let lost: u64 = every().map(|audit| audit.lost).sum();
        let allowed = lost > 0 && any.is_some_and(|series| loses(series.median()));
        vec![
            self.label.to_owned(),
            any.and_then(|series| series.median().settings.options.get("across").cloned()).unwrap_or_else(|| "-".to_owned()),
            shown(middle(self.full, "rate"), "/s"),
            shown(self.paced.and_then(|paced| paced.median().settings.messages_per_second), "/s"),
            shown(middle(self.paced, "p50"), ""),
            shown(middle(self.paced, "p99"), ""),
            if allowed { format!("{} (allowed)", grouped(lost)) } else { grouped(lost) },
            grouped(every().map(|audit| audit.duplicated).sum()),
            grouped(every().map(|audit| audit.reordered).sum()),
            shown(middle(any, "redis-commands"), ""),
            shown(middle(any, "server-cpu"), " µs"),
            conclusion(&both).word().to_owned(),
        ]
    }
}

/// Each target once: of the run in the middle of its series.
pub fn targets<'a>(series: &[Series<'a>]) -> Vec<(&'a str, &'a TargetRow)> {
    series.iter().flat_map(|series| series.median().targets.iter().map(|row| (series.label, row))).collect()
}

fn verdicts(rows: &[(&str, &TargetRow)]) -> String {
    let mut table = grid(&["DESIGN TARGET", "of", "want", "got", "verdict"]);
    for (label, row) in rows {
        let reason = row.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        table.add_row([row.id.clone(), (*label).to_owned(), row.want(), row.got(), format!("{}{reason}", row.verdict.word())]);
    }
    finished(table, 2..4)
}

/// What was wrong, of which bus.
fn remarks(series: &[Series<'_>]) -> Vec<String> {
    let mut lines = vec![];
    for one in series {
        for run in &one.runs {
            let wrong = run.violations.iter().chain(&run.doubts).chain(&run.failures);
            lines.extend(wrong.map(|reason| format!("! {}, round {}: {reason}", one.label, run.round)));
        }
    }
    let runs = || series.iter().flat_map(|series| &series.runs);
    let full = series.iter().filter(|series| series.median().settings.load == LoadKind::Unpaced);
    let limits = full.filter_map(|series| Some((series.label, series.median().throughput.redis_limit_per_second?)));
    let limits: Vec<String> = limits.map(|(label, limit)| format!("{} ({label})", figure(limit))).collect();
    if !limits.is_empty() {
        lines.push(format!("note: redis-benchmark's commands per second on the same Redis, pipelined: {}", limits.join(", ")));
    }
    if runs().any(|run| !run.environment.optimised) {
        lines.push("note: this was a debug build of flux-bench; build with --release before believing a rate".to_owned());
    }
    lines
}
