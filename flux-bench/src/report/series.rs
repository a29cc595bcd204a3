use super::figures::Figure;
use super::model::{Conclusion, LoadKind, Run};

/// All runs of one server, in the order they were made; never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    pub label: &'a str,
    pub runs: Vec<&'a Run>,
}

/// A figure over several runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Middle {
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

impl<'a> Series<'a> {
    /// One for each server; the first is ours.
    pub fn all(runs: &'a [Run]) -> Vec<Self> {
        let mut all: Vec<Self> = vec![];
        for run in runs {
            match all.iter_mut().find(|series| series.label == run.label) {
                Some(series) => series.runs.push(run),
                None => all.push(Self { label: &run.label, runs: vec![run] }),
            }
        }
        all
    }

    /// The runs whose figures count: those that can be believed, or all where there is none.
    pub fn believable(&self) -> Vec<&'a Run> {
        let sound = |run: &&&Run| !matches!(run.result, Conclusion::Invalid | Conclusion::Interrupted);
        let sound: Vec<&Run> = self.runs.iter().filter(sound).copied().collect();
        if sound.is_empty() { self.runs.clone() } else { sound }
    }

    /// The run in the middle: by latency where the rate was given, by rate where it was not, by connects where nothing was sent.
    pub fn median(&self) -> &'a Run {
        let mut runs = self.believable();
        let key = |run: &Run| match (run.settings.load, run.latency_milliseconds.headline()) {
            (LoadKind::Paced, Some(latency)) => latency.p99,
            _ => run.headline_rate().unwrap_or(run.connections.connects_per_second),
        };
        runs.sort_by(|one, other| key(one).total_cmp(&key(other)));
        runs[(runs.len() - 1) / 2]
    }

    pub fn middle(&self, figure: &Figure) -> Option<Middle> {
        let mut values: Vec<f64> = self.believable().into_iter().filter_map(figure.of).collect();
        values.sort_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) };
        Some(Middle { median, lowest, highest })
    }

    /// Of all runs together: one broken audit is one too many, a doubt or a missed target counts where the middle has it.
    pub fn conclusion(&self) -> Conclusion {
        let any = |wanted| self.runs.iter().any(|run| run.result == wanted);
        let doubtful = self.runs.iter().filter(|run| run.result == Conclusion::Invalid).count();
        if any(Conclusion::Interrupted) {
            Conclusion::Interrupted
        } else if any(Conclusion::AuditBroken) {
            Conclusion::AuditBroken
        } else if doubtful * 2 > self.runs.len() {
            Conclusion::Invalid
        } else {
            self.median().result
        }
    }
}

impl Middle {
    /// Half the range, as a share of the median.
    pub fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.highest - self.lowest) / 2.0 / self.median }
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::FIGURES;
    use super::super::fixture;
    use super::*;

    fn runs(of: &[(&str, f64, Conclusion)]) -> Vec<Run> {
        let run = |(label, p99, result): &(&str, f64, Conclusion)| {
            let mut run = fixture::run();
            run.label = (*label).to_owned();
            run.result = *result;
            run.latency_milliseconds.response.as_mut().expect("it is paced").p99 = *p99;
            run
        };
        of.iter().map(run).collect()
    }

    #[test]
    fn the_median_is_of_the_runs_that_can_be_believed() {
        use Conclusion::*;
        let runs = runs(&[("a", 1.0, Pass), ("b", 9.0, Pass), ("a", 2.0, Pass), ("a", 50.0, Invalid), ("a", 3.0, Pass)]);
        let series = Series::all(&runs);
        let p99 = &FIGURES[2];
        assert_eq!(series.iter().map(|series| (series.label, series.runs.len())).collect::<Vec<_>>(), [("a", 4), ("b", 1)]);
        assert_eq!(series[0].middle(p99), Some(Middle { median: 2.0, lowest: 1.0, highest: 3.0 }));
        assert_eq!((p99.of)(series[0].median()), Some(2.0));
        assert_eq!(series[0].middle(p99).map(|middle| middle.spread()), Some(0.5));
    }

    #[test]
    fn one_broken_audit_breaks_them_all_but_one_doubt_does_not() {
        use Conclusion::*;
        let of = |results: &[Conclusion]| {
            let runs = runs(&results.iter().map(|result| ("a", 1.0, *result)).collect::<Vec<_>>());
            Series::all(&runs)[0].conclusion()
        };
        assert_eq!(of(&[Pass, AuditBroken, Pass]), AuditBroken);
        assert_eq!(of(&[Pass, Invalid, Pass]), Pass);
        assert_eq!(of(&[Invalid, Invalid, Pass]), Invalid);
        assert_eq!(of(&[Pass, Interrupted]), Interrupted);
    }
}
