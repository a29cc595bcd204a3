use std::fmt::Write;

use super::axis::Axis;
use super::text::escape;

/// The drawing, in its own units; the text in it is 11 of them.
pub(super) const WIDTH: f64 = 520.0;
pub(super) const HEIGHT: f64 = 210.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 24.0;

/// With more points than this what appears under the pointer would weigh more than the plot.
const POINTS_TO_POINT_AT: usize = 150;

/// One curve.
#[derive(Debug, Clone)]
pub struct Line {
    /// In the legend.
    pub name: String,
    /// Its colour: `c0` to `c5`; with `dash` or `thin` where one colour has several lines.
    pub class: String,
    pub points: Vec<(f64, f64)>,
}

/// What a plot shows beside its curves.
pub struct Plot<'a> {
    pub title: &'a str,
    pub about: &'a str,
    pub x: Axis,
    pub y: Axis,
    pub x_label: &'a dyn Fn(f64) -> String,
    pub y_label: &'a dyn Fn(f64) -> String,
    /// Where the axis' own round numbers are not what readers look for.
    pub x_ticks: Option<Vec<f64>>,
    /// Not measured, up to here.
    pub shaded: Option<f64>,
    /// What happened when.
    pub marks: Vec<(f64, String)>,
}

pub(super) fn left(place: f64) -> f64 {
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

pub(super) fn top(place: f64) -> f64 {
    TOP + (1.0 - place) * (HEIGHT - TOP - BOTTOM)
}

/// A figure with its title, its legend and its drawing.
pub fn figure(title: &str, about: &str, legend: &[Line], drawing: &str) -> String {
    let key = |line: &Line| format!("<span class=\"key {}\"><i></i>{}</span>", line.class, escape(&line.name));
    let keys: String = if legend.len() > 1 { legend.iter().map(key).collect() } else { String::new() };
    format!(
        "<figure>\n<figcaption><b>{}</b> <span class=\"about\">{}</span><span class=\"keys\">{keys}</span></figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n{drawing}</svg>\n</figure>\n",
        escape(title),
        escape(about),
        escape(title),
    )
}

/// The lines of the grid and what stands at them.
pub fn grid(plot: &Plot<'_>) -> String {
    let mut svg = String::new();
    if let Some(until) = plot.shaded {
        let (from, to) = (left(0.0), left(plot.x.at(until)));
        let _ = writeln!(
            svg,
            "<rect class=\"shade\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"><title>warm-up, not measured</title></rect>",
            to - from,
            HEIGHT - TOP - BOTTOM
        );
    }
    for tick in plot.y.ticks() {
        let y = top(plot.y.at(tick));
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{:.1} {y:.1}H{:.1}\"/><text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            left(0.0),
            left(1.0),
            LEFT - 7.0,
            y + 3.8,
            escape(&(plot.y_label)(tick))
        );
    }
    for tick in plot.x_ticks.clone().unwrap_or_else(|| plot.x.ticks()) {
        let x = left(plot.x.at(tick));
        let class = if x > WIDTH - RIGHT - 12.0 { "x end" } else { "x" };
        let at = if class == "x" { x } else { WIDTH - RIGHT };
        let _ = writeln!(
            svg,
            "<text class=\"{class}\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
            HEIGHT - 7.0,
            escape(&(plot.x_label)(tick))
        );
    }
    for (at, text) in &plot.marks {
        let x = left(plot.x.at(*at));
        let _ = writeln!(
            svg,
            "<path class=\"mark\" d=\"M{x:.1} {TOP}V{:.1}\"/><text class=\"mark\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            HEIGHT - BOTTOM,
            x + 4.0,
            TOP + 10.0,
            escape(text)
        );
    }
    svg
}

pub fn draw(plot: &Plot<'_>, lines: &[Line]) -> String {
    let mut svg = grid(plot);
    for line in lines {
        let place = |(x, y): &(f64, f64)| (left(plot.x.at(*x)), top(plot.y.at(*y)));
        let mut path = String::new();
        for (index, point) in line.points.iter().enumerate() {
            let (x, y) = place(point);
            let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
        }
        let _ = writeln!(svg, "<path class=\"line {}\" d=\"{path}\"/>", line.class);
        if line.points.len() > POINTS_TO_POINT_AT {
            continue;
        }
        for point in &line.points {
            let (x, y) = place(point);
            let _ = writeln!(
                svg,
                "<circle class=\"dot {}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"><title>{}: {} at {}</title></circle>",
                line.class,
                escape(&line.name),
                escape(&(plot.y_label)(point.1)),
                escape(&(plot.x_label)(point.0))
            );
        }
    }
    figure(plot.title, plot.about, lines, &svg)
}
