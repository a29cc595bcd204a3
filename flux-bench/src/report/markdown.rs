use super::bounds::{self, Bounds};
use super::figures::FIGURES;
use super::model::Run;
use super::series::Series;
use super::table::headline;
use super::{number, side};

/// For a pull request: the verdict, the figures, the targets, what was wrong, and how it was made.
pub fn markdown(runs: &[Run]) -> String {
    let series = Series::all(runs);
    let Some(ours) = series.first() else { return String::new() };
    let run = ours.median();
    let mut text = format!("### {}: {}\n\n", ours.conclusion().word(), escape(&headline(run)));
    text.push_str(&figures(&series));
    if !run.targets.is_empty() {
        text.push_str("\n| target | want | got | verdict |\n|---|---:|---:|---|\n");
        for row in &run.targets {
            let reason = row.reason.as_ref().map(|reason| format!(" ({})", escape(reason))).unwrap_or_default();
            text.push_str(&format!(
                "| {} | {} | {} | {}{reason} |\n",
                escape(&row.id),
                row.want(),
                row.got(),
                row.verdict.word()
            ));
        }
    }
    text.push('\n');
    for reason in run.violations.iter().chain(&run.doubts).chain(&run.failures) {
        text.push_str(&format!("- **{}**\n", escape(reason)));
    }
    for offence in run.audit.iter().flat_map(|audit| &audit.first_offences).take(5) {
        let sequence = offence.sequence.map_or_else(String::new, |sequence| format!(", number {sequence}"));
        text.push_str(&format!("- {}: `{}`{sequence}\n", offence.kind.name(), escape(&offence.topic)));
    }
    let Bounds { bounded_by, notes, .. } = bounds::of(run);
    text.extend(bounded_by.map(|what| format!("- bounded by: {}\n", escape(&what))));
    text.extend(notes.iter().map(|note| format!("- note: {}\n", escape(note))));
    let machine = &run.environment;
    text.push_str(&format!(
        "\n<details><summary>How it was made</summary>\n\n```\n{}\n```\n\n{} × {}, Linux {}, flux-bench {} ({} build), {}, run `{}`\n\n</details>\n",
        machine.command.join(" ").replace("```", ""),
        machine.cores,
        escape(&machine.cpu),
        escape(&machine.kernel),
        escape(&machine.version),
        if machine.optimised { "release" } else { "debug" },
        run.started_at,
        run.id,
    ));
    text
}

fn figures(series: &[Series<'_>]) -> String {
    let labels: Vec<String> = series.iter().map(|series| escape(series.label)).collect();
    let mut text = format!("| | {} |\n|---|{}\n", labels.join(" | "), "---:|".repeat(series.len()));
    for figure in FIGURES.iter().filter(|figure| series.iter().any(|series| series.middle(figure).is_some())) {
        let cells = series.iter().enumerate().map(|(index, theirs)| {
            let Some(middle) = theirs.middle(figure) else { return "–".to_owned() };
            let spread = match theirs.believable().len() {
                1 => String::new(),
                _ if middle.median == 0.0 => String::new(),
                _ => format!(" ±{:.0}%", middle.spread() * 100.0),
            };
            let ratio = series[0].middle(figure).filter(|_| index > 0).and_then(|ours| side::ratio(middle, ours));
            format!("{}{spread}{}", figure.unit.show(middle.median), ratio.map(|ratio| format!(" ({ratio})")).unwrap_or_default())
        });
        text.push_str(&format!("| {} | {} |\n", figure.title, cells.collect::<Vec<_>>().join(" | ")));
    }
    if series.iter().any(|series| series.runs.len() > 1) {
        let runs = series.iter().map(|series| series.runs.len()).max().unwrap_or(1);
        text.push_str(&format!(
            "\nMedians of {} runs in turns; the ratio is to the first column.\n",
            number::grouped(runs as u64)
        ));
    }
    text
}

/// Text that neither ends a cell nor becomes markup.
fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn it_reads_like_a_comment_on_a_pull_request() {
        let mut other = fixture::run();
        other.label = "a|b".to_owned();
        other.throughput.deliveries_per_second = Some(25_000.0);
        let text = markdown(&[fixture::run(), other]);
        assert!(text.starts_with("### PASS: flux-bench mqtt pair"), "{text}");
        assert!(text.contains("| | flux | a\\|b |\n|---|---:|---:|\n| rate | 50,000/s | 25,000/s (0.50×) |"), "{text}");
        assert!(text.contains("flux-bench mqtt pair\n```"), "{text}");
    }
}
