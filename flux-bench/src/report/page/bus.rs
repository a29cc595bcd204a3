use super::axis::Axis;
use super::lines::{Line, Plot, draw};
use super::plots::{self, milliseconds, short};
use super::text::{badge, escape, section, table};
use crate::report::bus::{Pair, conclusion, headline, pairs, targets};
use crate::report::model::{LoadKind, TargetVerdict};
use crate::report::number::{figure, grouped};
use crate::report::series::Series;

/// What a comparison of buses is opened for: the result and all of them beside each other.
pub fn summary(series: &[Series<'_>]) -> String {
    let Some(run) = series.first().map(Series::median) else { return String::new() };
    let found = conclusion(series);
    let tone = match found.exit_code(true) {
        0 => "good",
        3 | 4 => "bad",
        _ => "warn",
    };
    let rows = targets(series);
    let count = |verdict| rows.iter().filter(|(_, row)| row.verdict == verdict).count();
    format!(
        "<header class=\"{tone}\">\n<p class=\"verdict\">{}</p>\n<h1>{}</h1>\n<p class=\"when\">{} · {} targets met, {} missed</p>\n</header>\n{}{}",
        escape(found.word()),
        escape(headline(run, series).trim_start_matches("flux-bench ")),
        escape(&run.started_at.replace('T', " ").replace('Z', " UTC")),
        count(TargetVerdict::Pass),
        count(TargetVerdict::Fail),
        wrong(series),
        comparison(series)
    )
}

fn wrong(series: &[Series<'_>]) -> String {
    let mut items = vec![];
    for one in series {
        for run in &one.runs {
            let reasons = run.violations.iter().chain(&run.doubts).chain(&run.failures);
            items.extend(reasons.map(|reason| format!("<li class=\"wrong\">{}: {}</li>\n", escape(one.label), escape(reason))));
        }
    }
    items.truncate(12);
    if items.is_empty() { String::new() } else { format!("<ul class=\"remarks\">\n{}</ul>\n", items.concat()) }
}

fn comparison(series: &[Series<'_>]) -> String {
    let header = [
        "Bus",
        "across nodes",
        "highest rate",
        "then paced at",
        "p50 ms",
        "p99 ms",
        "lost",
        "duplicated",
        "reordered",
        "Redis commands per message",
        "CPU per message",
        "result",
    ];
    let row = |pair: &Pair<'_>| {
        let cells = pair.cells();
        let last = cells.len() - 1;
        cells.iter().enumerate().map(|(at, cell)| if at == last { badge(cell) } else { escape(cell) }).collect()
    };
    let rows: Vec<Vec<String>> = pairs(series).iter().map(row).collect();
    section("Side by side", &table(&header.map(str::to_owned), &rows))
}

/// Every target that any of the buses touches.
pub fn verdicts(series: &[Series<'_>]) -> String {
    let header = ["Target", "Of", "Want", "Got", "Verdict"].map(str::to_owned);
    let rows: Vec<Vec<String>> = targets(series)
        .iter()
        .map(|(label, row)| {
            vec![
                format!("{}<small>{}</small>", escape(&row.id), escape(&row.source)),
                escape(label),
                escape(&row.want()),
                escape(&row.got()),
                badge(row.verdict.word()),
            ]
        })
        .collect();
    if rows.is_empty() { String::new() } else { section("Targets", &table(&header, &rows)) }
}

/// Latency over load, and the paced runs over time: what is full shows only that it is.
pub fn charts(series: &[Series<'_>]) -> String {
    let is_paced = |series: &&Series<'_>| series.median().settings.load == LoadKind::Paced;
    let paced: Vec<Series<'_>> = series.iter().filter(is_paced).cloned().collect();
    let over_load =
        latency_over_load(series).map(|plot| section("Latency over load", &format!("<div class=\"plots\">\n{plot}</div>\n")));
    over_load.unwrap_or_default() + &plots::all(if paced.is_empty() { series } else { &paced })
}

fn latency_over_load(series: &[Series<'_>]) -> Option<String> {
    let line = |(index, pair): (usize, &Pair<'_>)| {
        let both = [pair.paced, pair.full].into_iter().flatten().map(Series::median);
        let mut points: Vec<(f64, f64)> =
            both.filter_map(|run| Some((run.headline_rate()?, run.latency_milliseconds.headline()?.p99))).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        Line { name: pair.label.to_owned(), class: format!("c{index}"), points }
    };
    let all = pairs(series);
    let lines: Vec<Line> = all.iter().enumerate().map(line).filter(|line| line.points.len() > 1).collect();
    let most = lines.iter().flat_map(|line| &line.points).map(|point| point.0).fold(0.0, f64::max);
    let y = Axis::logarithmic(lines.iter().flat_map(|line| &line.points).map(|point| point.1))?;
    Some(draw(
        &Plot {
            title: "p99 when paced and when full",
            about: "ms, from when due (full: from when sent), over deliveries per second",
            x: Axis::linear(0.0, most),
            y,
            x_label: &short,
            y_label: &milliseconds,
            x_ticks: None,
            shaded: None,
            marks: vec![],
        },
        &lines,
    ))
}

/// What redis-benchmark reached, where it was asked.
pub fn limits(series: &[Series<'_>]) -> String {
    let full = series.iter().filter(|series| series.median().settings.load == LoadKind::Unpaced);
    let found = full.filter_map(|series| Some((series.label, series.median().throughput.redis_limit_per_second?)));
    let rows: Vec<Vec<String>> = found.map(|(label, limit)| vec![escape(label), format!("{}/s", figure(limit))]).collect();
    match rows.is_empty() {
        true => String::new(),
        false => {
            section("redis-benchmark on the same Redis, pipelined", &table(&["Of".to_owned(), grouped(1) + " connection"], &rows))
        }
    }
}
