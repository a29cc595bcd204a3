use super::figures::{FIGURES, Figure};
use super::series::{Middle, Series};
use super::table::{finished, grid};

/// All servers beside ours, figure by figure: the median, how far the runs were apart, and the ratio to ours.
pub fn by_side(series: &[Series<'_>]) -> String {
    let Some(ours) = series.first() else { return String::new() };
    let mut header = vec![title(series)];
    header.extend(series.iter().map(|series| series.label.to_owned()));
    let mut table = grid(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let mut results = vec!["result".to_owned()];
    results.extend(series.iter().map(|series| series.conclusion().word().to_owned()));
    table.add_row(results);
    for figure in &FIGURES {
        if series.iter().all(|series| series.middle(figure).is_none()) {
            continue;
        }
        let mut row = vec![figure.title.to_owned()];
        row.extend(series.iter().enumerate().map(|(index, theirs)| {
            let reference = (index > 0).then(|| ours.middle(figure)).flatten();
            theirs
                .middle(figure)
                .map_or_else(|| "-".to_owned(), |middle| cell(figure, middle, reference, theirs.believable().len()))
        }));
        table.add_row(row);
    }
    let doubtful: usize = series.iter().map(|series| series.runs.len() - series.believable().len()).sum();
    let mut text = finished(table, 1..=series.len()) + "\n";
    if doubtful > 0 {
        text.push_str(&format!("! {doubtful} runs could not be believed and are left out of these figures\n"));
    }
    text
}

fn title(series: &[Series<'_>]) -> String {
    match series.iter().map(|series| series.runs.len()).max() {
        Some(runs) if runs > 1 => format!("SIDE BY SIDE  median of {runs}"),
        _ => "SIDE BY SIDE".to_owned(),
    }
}

fn cell(figure: &Figure, middle: Middle, ours: Option<Middle>, runs: usize) -> String {
    let mut text = figure.unit.show(middle.median);
    if runs > 1 && middle.median != 0.0 {
        text.push_str(&format!(" ±{:.0}%", middle.spread() * 100.0));
    }
    if let Some(ratio) = ours.and_then(|ours| ratio(middle, ours)) {
        text.push_str(&format!(" ({ratio})"));
    }
    text
}

/// Theirs by ours, `0.66×`; none of nothing.
pub(super) fn ratio(theirs: Middle, ours: Middle) -> Option<String> {
    (ours.median != 0.0).then(|| match theirs.median / ours.median {
        ratio if ratio >= 10.0 => format!("{ratio:.0}×"),
        ratio => format!("{ratio:.2}×"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::model::Run;
    use super::*;

    #[test]
    fn others_are_shown_with_their_ratio_to_ours() {
        let named = |label: &str, rate: f64| {
            let mut run: Run = fixture::run();
            run.label = label.to_owned();
            run.throughput.deliveries_per_second = Some(rate);
            run
        };
        let runs = [named("flux", 50_000.0), named("other", 30_000.0), named("other", 20_000.0), named("flux", 50_000.0)];
        let text = by_side(&Series::all(&runs));
        let rate = text.lines().find(|line| line.starts_with("rate")).expect("a line of rates");
        assert!(rate.contains("50,000/s ±0%") && rate.contains("25,000/s ±20% (0.50×)"), "{text}");
        assert!(text.starts_with("SIDE BY SIDE  median of 2"), "{text}");
    }
}
