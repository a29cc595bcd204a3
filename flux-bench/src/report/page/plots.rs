use super::axis::Axis;
use super::heat::heat;
use super::lines::{Line, Plot, draw};
use super::text::section;
use crate::report::model::{Percentiles, Point, Run};
use crate::report::number::figure as figure_of;
use crate::report::series::Series;

/// Curves of more points than this are drawn of groups of them.
const POINTS: usize = 300;

pub fn all(series: &[Series<'_>]) -> String {
    let Some(ours) = series.first().map(Series::median) else { return String::new() };
    let medians: Vec<(&str, &Run)> = series.iter().map(|series| (series.label, series.median())).collect();
    let plots = [rate(&medians), latency(&medians), spectrum(&medians), heat(ours), processors(&medians), memory(&medians)];
    let drawn: String = plots.into_iter().flatten().collect();
    if drawn.is_empty() { String::new() } else { section("Charts", &format!("<div class=\"plots\">\n{drawn}</div>\n")) }
}

pub(super) fn seconds(value: f64) -> String {
    format!("{} s", figure_of(value))
}

pub(super) fn milliseconds(value: f64) -> String {
    match value {
        value if value >= 1.0 => figure_of(value),
        value => format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

pub(super) fn short(value: f64) -> String {
    let trimmed = |value: f64, unit: &str| format!("{}{unit}", format!("{value:.1}").trim_end_matches(".0"));
    match value {
        value if value >= 1e6 => trimmed(value / 1e6, "M"),
        value if value >= 1e3 => trimmed(value / 1e3, "k"),
        value => figure_of(value),
    }
}

/// The run without the seconds at its end in which nothing moved any more: they would look like a fall.
pub(super) fn busy(run: &Run) -> &[Point] {
    let points = &run.timeline.points;
    let moved = |point: &Point| point.delivered > 0 || point.sent.is_some_and(|sent| sent > 0);
    points.iter().rposition(moved).map_or(points, |last| &points[..=last])
}

/// Points in groups, so that there are not too many: sums of counts, the worst of latencies.
fn thinned(points: &[Point]) -> Vec<(f64, f64, &Point, f64)> {
    let together = points.len().div_ceil(POINTS).max(1);
    let mut from = 0.0;
    points
        .chunks(together)
        .map(|chunk| {
            let last = &chunk[chunk.len() - 1];
            let span = last.at_seconds - std::mem::replace(&mut from, last.at_seconds);
            let delivered: u64 = chunk.iter().map(|point| point.delivered).sum();
            let worst = chunk.iter().max_by(|one, other| p99(one).total_cmp(&p99(other))).unwrap_or(last);
            (last.at_seconds, delivered as f64, worst, span)
        })
        .collect()
}

fn p99(point: &Point) -> f64 {
    point.latency.map_or(0.0, |latency| latency.p99)
}

fn times(medians: &[(&str, &Run)]) -> Option<(Axis, Option<f64>)> {
    let end = medians.iter().filter_map(|(_, run)| busy(run).last()).map(|point| point.at_seconds).reduce(f64::max)?;
    let warm = medians.first().and_then(|(_, run)| run.timeline.points.iter().rfind(|point| point.warmup));
    Some((Axis::span(0.0, end), warm.map(|point| point.at_seconds)))
}

fn over_time(
    medians: &[(&str, &Run)],
    (title, about): (&str, &str),
    y: Axis,
    y_label: &dyn Fn(f64) -> String,
    lines: &[Line],
) -> Option<String> {
    let (x, shaded) = times(medians)?;
    let marks = medians.first().map(|(_, run)| &run.timeline.marks).into_iter().flatten();
    let marks = marks.map(|mark| (mark.at_seconds, mark.text.clone())).collect();
    Some(draw(&Plot { title, about, x, y, x_label: &seconds, y_label, x_ticks: None, shaded, marks }, lines))
}

fn highest(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(0.0, f64::max)
}

fn rate(medians: &[(&str, &Run)]) -> Option<String> {
    let line = |(index, (label, run)): (usize, &(&str, &Run))| Line {
        name: (*label).to_owned(),
        class: format!("c{index}"),
        // What is left for the last part of a second is no rate.
        points: thinned(busy(run))
            .into_iter()
            .filter(|(_, _, _, span)| *span >= 0.5)
            .map(|(at, delivered, _, span)| (at, delivered / span))
            .collect(),
    };
    let lines: Vec<Line> = medians.iter().enumerate().map(line).filter(|line| !line.points.is_empty()).collect();
    let most = highest(&lines);
    let unit = medians.first().map_or("deliveries", |(_, run)| run.unit());
    (most > 0.0)
        .then(|| over_time(medians, ("Rate", &format!("{unit} per second")), Axis::linear(0.0, most), &short, &lines))
        .flatten()
}

fn latency(medians: &[(&str, &Run)]) -> Option<String> {
    let of = |run: &Run, pick: fn(&Point) -> Option<f64>| -> Vec<(f64, f64)> {
        thinned(busy(run)).into_iter().filter_map(|(at, _, worst, _)| Some((at, pick(worst)?))).collect()
    };
    let p99: fn(&Point) -> Option<f64> = |point| point.latency.map(|latency| latency.p99);
    let lines: Vec<Line> = match medians {
        [(_, run)] => vec![
            Line {
                name: "p50".to_owned(),
                class: "c0".to_owned(),
                points: of(run, |point| point.latency.map(|latency| latency.p50)),
            },
            Line { name: "p99".to_owned(), class: "c1".to_owned(), points: of(run, p99) },
            Line {
                name: "max".to_owned(),
                class: "c2 dash".to_owned(),
                points: of(run, |point| point.latency.map(|latency| latency.max)),
            },
        ],
        several => several
            .iter()
            .enumerate()
            .map(|(index, (label, run))| Line { name: (*label).to_owned(), class: format!("c{index}"), points: of(run, p99) })
            .collect(),
    };
    let y = Axis::logarithmic(lines.iter().flat_map(|line| &line.points).map(|point| point.1))?;
    let about = if medians.len() == 1 { "ms in each second" } else { "p99 of each second, ms" };
    over_time(medians, ("Latency", about), y, &milliseconds, &lines)
}

/// The whole distribution: how large a share was at least as fast.
fn spectrum(medians: &[(&str, &Run)]) -> Option<String> {
    const NINES: [f64; 6] = [0.0, 0.9, 0.99, 0.999, 0.9999, 0.99999];
    let line = |name: &str, class: String, found: Option<&Percentiles>| {
        let found = found?;
        // The place of a quantile: how many times fewer remain.
        let points: Vec<(f64, f64)> = found
            .spectrum
            .iter()
            .filter(|point| point.quantile < 1.0 && point.milliseconds > 0.0)
            .map(|point| (1.0 / (1.0 - point.quantile), point.milliseconds))
            .collect();
        (points.len() > 1).then(|| Line { name: name.to_owned(), class, points })
    };
    let lines: Vec<Line> = match medians {
        [(_, run)] => {
            let found = &run.latency_milliseconds;
            let of = [
                ("response", "c0", &found.response),
                ("service", "c1", &found.service),
                ("generator lag", "c2 dash", &found.generator_lag),
            ];
            of.into_iter().filter_map(|(name, class, found)| line(name, class.to_owned(), found.as_ref())).collect()
        }
        several => several
            .iter()
            .enumerate()
            .filter_map(|(index, (label, run))| line(label, format!("c{index}"), run.latency_milliseconds.headline()))
            .collect(),
    };
    let furthest = lines.iter().flat_map(|line| &line.points).map(|point| point.0).fold(10.0, f64::max);
    let x = Axis::logarithmic([1.0, furthest].into_iter())?;
    let y = Axis::logarithmic(lines.iter().flat_map(|line| &line.points).map(|point| point.1))?;
    let share = |place: f64| {
        let percent = 100.0 - 100.0 / place;
        format!("{}%", format!("{percent:.4}").trim_end_matches('0').trim_end_matches('.'))
    };
    let x_ticks = NINES.iter().map(|quantile| (1.0 / (1.0 - quantile)).round()).filter(|place| *place <= furthest).collect();
    Some(draw(
        &Plot {
            title: "Distribution",
            about: "ms at most, for this share of all",
            x,
            y,
            x_label: &share,
            y_label: &milliseconds,
            x_ticks: Some(x_ticks),
            shaded: None,
            marks: vec![],
        },
        &lines,
    ))
}

/// One line for each server process, and for the generator where there is one server.
fn processes(medians: &[(&str, &Run)], of: impl Fn(&crate::report::model::ProcessSample) -> f64) -> Vec<Line> {
    let mut lines = vec![];
    for (index, (label, run)) in medians.iter().enumerate() {
        let points = || busy(run).iter();
        for (number, server) in run.servers.iter().enumerate() {
            let name = match (medians.len(), run.servers.len()) {
                (1, 1) => "server".to_owned(),
                (1, _) => server.name.clone(),
                (_, 1) => (*label).to_owned(),
                _ => format!("{label}: {}", server.name),
            };
            let found = points().filter_map(|point| Some((point.at_seconds, of(point.servers.get(number)?.as_ref()?)))).collect();
            let class = if medians.len() == 1 { format!("c{number}") } else { format!("c{index}") };
            lines.push(Line { name, class, points: found });
        }
    }
    if let [(_, run)] = medians {
        let generator = busy(run).iter().filter_map(|point| Some((point.at_seconds, of(point.generator.as_ref()?))));
        lines.push(Line { name: "generator".to_owned(), class: "c5 dash".to_owned(), points: generator.collect() });
    }
    lines.retain(|line| !line.points.is_empty());
    lines
}

fn processors(medians: &[(&str, &Run)]) -> Option<String> {
    let lines = processes(medians, |sample| sample.cores * 100.0);
    let most = highest(&lines);
    let label = |value: f64| format!("{}%", figure_of(value));
    (most > 0.0).then(|| over_time(medians, ("Processor", "100% is one core"), Axis::linear(0.0, most), &label, &lines)).flatten()
}

fn memory(medians: &[(&str, &Run)]) -> Option<String> {
    let lines = processes(medians, |sample| sample.resident_bytes as f64 / 1e6);
    let most = highest(&lines);
    (most > 0.0)
        .then(|| over_time(medians, ("Memory", "resident, MB"), Axis::linear(0.0, most), &|value| figure_of(value), &lines))
        .flatten()
}
