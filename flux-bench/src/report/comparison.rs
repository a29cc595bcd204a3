use flux_core::output::{Cell, Column, Document, Resource, Tone};

use crate::compare::{Comparison, Finding, Outcome};

use super::figures::{FIGURES, Unit};
use super::table::{finished, grid};

/// Figures as rows.
struct Findings;

impl Resource for Findings {
    type Item = Finding;

    const KIND: &'static str = "Comparison";

    fn columns() -> Vec<Column<Finding>> {
        vec![
            Self::column("FIGURE", |finding| Cell::text(&finding.figure)),
            Self::column("BEFORE", |finding| Cell::Number(rounded(finding.before))),
            Self::column("AFTER", |finding| Cell::Number(rounded(finding.after))),
            Self::wide("UNIT", |finding| Cell::text(&finding.unit)),
            Self::column("RATIO", |finding| Cell::maybe(finding.ratio, |ratio| Cell::Number(rounded(ratio)))),
            Self::wide("RATIO LOW", |finding| Cell::maybe(finding.ratio_low, |ratio| Cell::Number(rounded(ratio)))),
            Self::wide("RATIO HIGH", |finding| Cell::maybe(finding.ratio_high, |ratio| Cell::Number(rounded(ratio)))),
            Self::column("P", |finding| Cell::Number(rounded(finding.probability))),
            Self::column("NOISE", |finding| Cell::maybe(finding.noise, |noise| Cell::Number(rounded(noise)))),
            Self::wide("RUNS BEFORE", |finding| Cell::Count(finding.runs_before)),
            Self::wide("RUNS AFTER", |finding| Cell::Count(finding.runs_after)),
            Self::column("OUTCOME", |finding| Cell::word(word(finding.outcome), tone(finding.outcome))),
        ]
    }

    fn name(item: &Finding) -> String {
        item.figure.clone()
    }
}

/// For programs: the whole comparison; as rows its figures.
pub fn document(comparison: &Comparison) -> Document {
    Document::list::<Findings>(&comparison.findings).within("Comparison", comparison)
}

/// For people.
pub fn text(comparison: &Comparison) -> String {
    let mut table = grid(&["COMPARISON", "before", "after", "ratio", "95% of ratios", "p", "noise", "verdict"]);
    let share = |share: f64| format!("±{:.1}%", share * 100.0);
    for finding in &comparison.findings {
        let unit = unit(finding);
        let maybe = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        table.add_row([
            finding.title.clone(),
            unit.show(finding.before),
            unit.show(finding.after),
            maybe(finding.ratio.map(|ratio| format!("{ratio:.3}×"))),
            maybe(finding.ratio_low.zip(finding.ratio_high).map(|(low, high)| format!("{low:.3} – {high:.3}"))),
            format!("{:.3}", finding.probability),
            maybe(finding.noise.map(share)),
            word(finding.outcome).to_owned(),
        ]);
    }
    let count = |runs: fn(&Finding) -> u64| comparison.findings.iter().map(runs).max().unwrap_or(0);
    let (before, after) = (count(|finding| finding.runs_before), count(|finding| finding.runs_after));
    format!(
        "{}\nbefore: {} ({before} runs)   after: {} ({after} runs)\nRESULT  {}\n",
        finished(table, 1..7),
        comparison.before,
        comparison.after,
        conclusion(comparison)
    )
}

/// One sentence.
pub fn conclusion(comparison: &Comparison) -> String {
    let named = |outcome| {
        let of = comparison.findings.iter().filter(|finding| finding.outcome == outcome);
        of.map(|finding| finding.title.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (worse, better) = (named(Outcome::Regression), named(Outcome::Improvement));
    if comparison.too_few() {
        return "TOO FEW RUNS: at least 4 on each side can show a difference; use --runs 5".to_owned();
    }
    match (worse.as_str(), better.as_str()) {
        ("", "") => "SAME: no difference beyond chance and noise".to_owned(),
        ("", better) => format!("IMPROVEMENT of {better}"),
        (worse, "") => format!("REGRESSION of {worse}"),
        (worse, better) => format!("REGRESSION of {worse}; improvement of {better}"),
    }
}

fn unit(finding: &Finding) -> Unit {
    FIGURES.iter().find(|figure| figure.id == finding.figure).map_or(Unit::Count, |figure| figure.unit)
}

pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Regression => "REGRESSION",
        Outcome::Improvement => "IMPROVEMENT",
        Outcome::Same => "SAME",
        Outcome::TooFew => "TOO FEW RUNS",
    }
}

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Regression => Tone::Bad,
        Outcome::Improvement => Tone::Good,
        Outcome::Same => Tone::Plain,
        Outcome::TooFew => Tone::Warning,
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
