use std::fmt::Write;

use super::axis::Axis;
use super::lines::{Plot, figure, grid, left, top};
use super::plots::{busy, milliseconds, seconds};
use crate::report::model::{Point, Run};
use crate::report::number::grouped;

/// More columns than this are narrower than what a screen shows apart.
const COLUMNS: usize = 150;

/// Every delivery by when it came and how long it took: the darker the more. None where that was not recorded.
pub fn heat(run: &Run) -> Option<String> {
    let (points, rows) = (busy(run), &run.timeline.heat_milliseconds);
    let end = points.last()?.at_seconds;
    // Each row begins where the one below ends; they are a fifth of a power of two apart.
    let low = |row: usize| if row == 0 { rows[0] / 1.19 } else { rows[row - 1] };
    let y = Axis::logarithmic(rows.iter().copied().chain(rows.first().map(|_| low(0))))?;
    let plot = Plot {
        title: "Every message",
        about: "latency in ms; the stronger the more",
        x: Axis::span(0.0, end),
        y,
        x_label: &seconds,
        y_label: &milliseconds,
        x_ticks: None,
        shaded: None,
        marks: vec![],
    };
    let mut svg = grid(&plot);
    let together = points.len().div_ceil(COLUMNS);
    let columns: Vec<(f64, Vec<u64>)> =
        points.chunks(together).map(|chunk| (chunk[chunk.len() - 1].at_seconds, sums(chunk, rows.len()))).collect();
    let most = columns.iter().flat_map(|(_, counts)| counts).copied().max().filter(|most| *most > 0)? as f64;
    let mut from = 0.0;
    for (to, counts) in &columns {
        let (x, width) = (left(plot.x.at(from)), left(plot.x.at(*to)) - left(plot.x.at(from)));
        for (row, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (upper, lower) = (top(y.at(rows[row])), top(y.at(low(row))));
            // By its logarithm: one message in a million is what is looked for.
            let strength = 0.12 + 0.88 * (*count as f64).ln_1p() / most.ln_1p();
            let _ = writeln!(
                svg,
                "<rect class=\"heat\" x=\"{x:.1}\" y=\"{upper:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill-opacity=\"{strength:.2}\">\
                 <title>{} up to {} at {}</title></rect>",
                lower - upper,
                grouped(*count),
                milliseconds(rows[row]),
                seconds(*to)
            );
        }
        from = *to;
    }
    Some(figure(plot.title, plot.about, &[], &svg))
}

fn sums(points: &[Point], rows: usize) -> Vec<u64> {
    let mut sums = vec![0; rows];
    for point in points {
        for (sum, count) in sums.iter_mut().zip(&point.heat) {
            *sum += count;
        }
    }
    sums
}
