use schemars::JsonSchema;
use serde::Serialize;

use crate::report::figures::{Better, FIGURES, Figure};
use crate::report::model::Run;

use super::bootstrap::{apart, median, noise, ratio_of_medians};
use super::mann_whitney::{least_probability, probability};

/// What chance alone may show in one of twenty comparisons is no difference.
const SIGNIFICANT: f64 = 0.05;

/// How a figure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Outcome {
    #[serde(rename = "REGRESSION")]
    Regression,
    #[serde(rename = "IMPROVEMENT")]
    Improvement,
    /// No difference that chance and noise would not explain.
    #[serde(rename = "SAME")]
    Same,
    /// So few runs cannot show any.
    #[serde(rename = "TOO FEW RUNS")]
    TooFew,
}

/// One figure of both sides.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub figure: String,
    pub title: String,
    pub unit: String,
    pub higher_is_better: bool,
    /// Medians.
    pub before: f64,
    pub after: f64,
    pub runs_before: u64,
    pub runs_after: u64,
    /// After by before; absent where before is nothing.
    pub ratio: Option<f64>,
    /// The interval that holds the ratio with 95 %.
    pub ratio_low: Option<f64>,
    pub ratio_high: Option<f64>,
    /// Two-sided, Mann-Whitney U.
    pub probability: f64,
    /// What the same server shows from one set of runs to the next, as a share; absent where one run says nothing of it.
    pub noise: Option<f64>,
    pub outcome: Outcome,
}

/// All figures that both sides have.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    pub before: String,
    pub after: String,
    pub findings: Vec<Finding>,
}

impl Comparison {
    pub fn regressed(&self) -> bool {
        self.findings.iter().any(|finding| finding.outcome == Outcome::Regression)
    }

    /// No figure has enough runs to show anything.
    pub fn too_few(&self) -> bool {
        self.findings.iter().all(|finding| finding.outcome == Outcome::TooFew)
    }
}

/// `after` against `before`.
pub fn compare(before: (&str, &[&Run]), after: (&str, &[&Run])) -> Comparison {
    let findings = FIGURES.iter().filter_map(|figure| finding(figure, before.1, after.1)).collect();
    Comparison { before: before.0.to_owned(), after: after.0.to_owned(), findings }
}

fn finding(figure: &Figure, before: &[&Run], after: &[&Run]) -> Option<Finding> {
    let values = |runs: &[&Run]| runs.iter().filter_map(|run| (figure.of)(run)).collect::<Vec<f64>>();
    let (a, b) = (values(before), values(after));
    let (first, second) = (median(&a)?, median(&b)?);
    let ratio = ratio_of_medians(&a, &b);
    let probability = probability(&a, &b);
    let noise = noise(&a).into_iter().chain(noise(&b)).reduce(f64::max);
    let beyond_noise = match (ratio, noise) {
        (Some(ratio), Some(noise)) => apart(ratio.ratio) > noise,
        // From nothing to something is beyond any share.
        (None, _) => second != first,
        (Some(_), None) => false,
    };
    let outcome = if least_probability(a.len(), b.len()) >= SIGNIFICANT {
        Outcome::TooFew
    } else if probability >= SIGNIFICANT || !beyond_noise {
        Outcome::Same
    } else if (second > first) == (figure.better == Better::Higher) {
        Outcome::Improvement
    } else {
        Outcome::Regression
    };
    Some(Finding {
        figure: figure.id.to_owned(),
        title: figure.title.to_owned(),
        unit: figure.unit.name().to_owned(),
        higher_is_better: figure.better == Better::Higher,
        before: first,
        after: second,
        runs_before: a.len() as u64,
        runs_after: b.len() as u64,
        ratio: ratio.map(|found| found.ratio),
        ratio_low: ratio.map(|found| found.low),
        ratio_high: ratio.map(|found| found.high),
        probability,
        noise,
        outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    /// Runs that differ in their rate and their p99.
    fn runs(rates: &[f64], p99: f64) -> Vec<Run> {
        let run = |rate: &f64| {
            let mut run = fixture::run();
            run.throughput.deliveries_per_second = Some(*rate);
            run.latency_milliseconds.response.as_mut().unwrap().p99 = p99 * (1.0 + (rate % 7.0) / 500.0);
            run
        };
        rates.iter().map(run).collect()
    }

    fn outcome(before: &[Run], after: &[Run], figure: &str) -> Outcome {
        let (before, after): (Vec<&Run>, Vec<&Run>) = (before.iter().collect(), after.iter().collect());
        let found = compare(("a", &before), ("b", &after));
        found.findings.iter().find(|finding| finding.figure == figure).unwrap().outcome
    }

    const STEADY: [f64; 5] = [50_000.0, 50_101.0, 49_903.0, 50_205.0, 49_804.0];

    #[test]
    fn a_fifth_less_is_a_regression_and_a_fifth_more_an_improvement() {
        let before = runs(&STEADY, 2.0);
        assert_eq!(outcome(&before, &runs(&STEADY.map(|rate| rate * 0.8), 2.0), "rate"), Outcome::Regression);
        assert_eq!(outcome(&before, &runs(&STEADY.map(|rate| rate * 1.2), 2.0), "rate"), Outcome::Improvement);
        assert_eq!(outcome(&before, &runs(&STEADY, 3.0), "p99"), Outcome::Regression, "more latency is worse");
    }

    #[test]
    fn what_is_within_the_noise_is_the_same() {
        let noisy = [40_000.0, 60_000.0, 45_000.0, 55_000.0, 50_000.0];
        assert_eq!(outcome(&runs(&noisy, 2.0), &runs(&noisy.map(|rate| rate * 0.97), 2.0), "rate"), Outcome::Same);
        assert_eq!(outcome(&runs(&STEADY, 2.0), &runs(&STEADY, 2.0), "rate"), Outcome::Same);
    }

    #[test]
    fn what_is_gone_is_worse_however_noisy_it_was() {
        let noisy = [20_000.0, 60_000.0, 25_000.0, 55_000.0, 50_000.0];
        assert_eq!(outcome(&runs(&noisy, 2.0), &runs(&noisy.map(|rate| rate / 1_000.0), 2.0), "rate"), Outcome::Regression);
    }

    #[test]
    fn a_difference_that_is_sure_but_small_is_the_same() {
        // Every run of one side is above every run of the other, by less than the runs of one side differ.
        let before = [100.0, 104.0, 108.0, 112.0, 116.0];
        let after = [117.0, 117.5, 118.0, 118.5, 119.0];
        assert!(probability(&before, &after) < 0.01);
        let found = outcome(&runs(&before.map(|rate| rate * 100.0), 2.0), &runs(&after.map(|rate| rate * 100.0), 2.0), "rate");
        assert_eq!(found, Outcome::Same);
    }

    #[test]
    fn three_runs_each_show_nothing_and_say_so() {
        let (before, after) = (runs(&STEADY[..3], 2.0), runs(&STEADY.map(|rate| rate / 2.0)[..3], 2.0));
        assert_eq!(outcome(&before, &after, "rate"), Outcome::TooFew);
        let one: Vec<&Run> = before.iter().take(1).collect();
        assert!(compare(("a", &one), ("b", &one)).too_few());
    }

    #[test]
    fn loss_where_there_was_none_is_a_regression() {
        let before = runs(&STEADY, 2.0);
        let mut after = runs(&STEADY, 2.0);
        for (index, run) in after.iter_mut().enumerate() {
            run.audit.as_mut().unwrap().lost = 10 + index as u64;
        }
        assert_eq!(outcome(&before, &after, "lost"), Outcome::Regression);
    }
}
