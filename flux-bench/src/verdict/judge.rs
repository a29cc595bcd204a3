use crate::engine::outcome::Outcome;
use crate::plan::settings::{Load, Scenario, Settings};

use super::target::{Bound, Target};

/// Fewer latencies than this say nothing of the worst hundredth.
const SAMPLES_WANTED: u64 = 1_000;

/// A generator that notices due messages within this time is punctual whatever the server does.
const LAG_ALLOWED_MS: f64 = 1.0;

/// How much of the measured response time may be the generator's own lag.
const LAG_SHARE: f64 = 0.25;

/// Of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Fail,
    NotTested(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub target: Target,
    pub got: Option<f64>,
    pub verdict: Verdict,
}

/// Of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    Pass,
    /// A target was missed, or connections were lost.
    Fail,
    /// The QoS was broken.
    AuditBroken,
    /// The measurement cannot be believed.
    Invalid,
    Interrupted,
}

/// All that can be said of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub rows: Vec<Row>,
    /// What the QoS forbids and happened.
    pub violations: Vec<String>,
    /// Why the measurement cannot be believed.
    pub doubts: Vec<String>,
    /// What else went wrong.
    pub failures: Vec<String>,
    pub conclusion: Conclusion,
}

impl Conclusion {
    /// The process's exit code; a missed target only counts when it was asked for.
    pub fn exit_code(self, check: bool) -> u8 {
        match self {
            Conclusion::Pass => 0,
            Conclusion::Fail => u8::from(check) * 3,
            Conclusion::AuditBroken => 4,
            Conclusion::Invalid => 6,
            Conclusion::Interrupted => 130,
        }
    }
}

impl Judgement {
    pub fn count(&self, wanted: fn(&Verdict) -> bool) -> usize {
        self.rows.iter().filter(|row| wanted(&row.verdict)).count()
    }
}

pub fn judge(settings: &Settings, outcome: &Outcome, targets: Vec<Target>) -> Judgement {
    let rows: Vec<Row> =
        targets.into_iter().filter(|target| target.applies(settings)).map(|target| row(target, settings, outcome)).collect();
    let violations = outcome.audit.as_ref().map(|audit| audit.violations()).unwrap_or_default();
    let doubts = doubts(settings, outcome);
    let mut failures = vec![];
    if outcome.totals.failed > 0 {
        failures.push(format!("{} connections could not be opened", outcome.totals.failed));
    }
    if outcome.totals.lost > 0 {
        failures.push(format!("{} connections were lost", outcome.totals.lost));
    }
    let missed = rows.iter().any(|row| row.verdict == Verdict::Fail);
    let conclusion = if outcome.interrupted {
        Conclusion::Interrupted
    } else if !violations.is_empty() {
        Conclusion::AuditBroken
    } else if !doubts.is_empty() {
        Conclusion::Invalid
    } else if missed || !failures.is_empty() {
        Conclusion::Fail
    } else {
        Conclusion::Pass
    };
    Judgement { rows, violations, doubts, failures, conclusion }
}

fn row(target: Target, settings: &Settings, outcome: &Outcome) -> Row {
    let ceiling = target.metric.ceiling(settings);
    if let (Bound::AtLeast(bound), Some(ceiling)) = (target.bound(), ceiling)
        && ceiling < bound
    {
        let verdict = Verdict::NotTested(format!("the run asks for {ceiling:.0}{}", target.metric.unit()));
        return Row { target, got: None, verdict };
    }
    match target.metric.of(outcome) {
        Ok(got) => {
            let verdict = if target.bound().met_by(got) { Verdict::Pass } else { Verdict::Fail };
            Row { target, got: Some(got), verdict }
        }
        Err(reason) => Row { target, got: None, verdict: Verdict::NotTested(reason.to_owned()) },
    }
}

fn doubts(settings: &Settings, outcome: &Outcome) -> Vec<String> {
    let mut found = vec![];
    if settings.scenario == Scenario::Conns {
        return found;
    }
    if outcome.totals.shed > 0 {
        found.push(format!(
            "{} of {} messages were shed: they had waited ten seconds for the server to take them",
            outcome.totals.shed, outcome.totals.due
        ));
    }
    let measured = match settings.load {
        Load::Paced(_) => {
            let (lag, response) = (outcome.lag.percentiles().p99, outcome.response.percentiles());
            if lag > LAG_ALLOWED_MS && lag > response.p99 * LAG_SHARE {
                found.push(format!("the generator was late: its own lag (p99 {lag:.2} ms) is too much of what it measured"));
            }
            response.count
        }
        Load::Unpaced => outcome.service.percentiles().count,
    };
    if measured < SAMPLES_WANTED {
        found.push(format!("{measured} latencies are too few, {SAMPLES_WANTED} are needed"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::target;
    use super::*;
    use crate::audit::settle::{Audit, Class};
    use crate::plan::settings::test_settings;

    fn settings(rate: f64) -> Settings {
        Settings { load: Load::Paced(rate), publishers: 10, subscribers: 10, topics: 10, ..test_settings() }
    }

    /// A second at 50,000/s, 2 ms each, noticed within 0.1 ms.
    fn outcome() -> Outcome {
        let mut outcome = Outcome::empty(false, 1_000_000_000);
        outcome.delivered_in_window = 50_000;
        outcome.response.record_many(2_000_000, 50_000);
        outcome.lag.record_many(100_000, 50_000);
        outcome.totals.connected = 20;
        outcome.audit = Some(Audit { qos: 1, ..Default::default() });
        outcome
    }

    fn judged(rate: f64, outcome: &Outcome) -> Judgement {
        judge(&settings(rate), outcome, target::all())
    }

    #[test]
    fn what_the_run_did_not_try_is_not_tested() {
        let judgement = judged(50_000.0, &outcome());
        assert_eq!(judgement.conclusion, Conclusion::Pass);
        assert_eq!(judgement.rows[0].verdict, Verdict::Pass);
        assert!(matches!(judgement.rows[1].verdict, Verdict::NotTested(_)), "20 connections say nothing of 10,000");
        let slow = judged(40_000.0, &outcome());
        assert!(matches!(slow.rows[0].verdict, Verdict::NotTested(_)), "nor do 40,000/s of 50,000/s");
    }

    #[test]
    fn a_missed_target_fails_and_exits_3_only_when_checked() {
        let mut outcome = outcome();
        outcome.delivered_in_window = 30_000;
        let judgement = judged(50_000.0, &outcome);
        assert_eq!(judgement.conclusion, Conclusion::Fail);
        assert_eq!((judgement.conclusion.exit_code(false), judgement.conclusion.exit_code(true)), (0, 3));
    }

    #[test]
    fn a_late_generator_makes_the_run_invalid_but_a_slow_server_does_not() {
        let mut late = outcome();
        late.lag.record_many(1_900_000, 5_000);
        assert_eq!(judged(50_000.0, &late).conclusion, Conclusion::Invalid);
        // The same lag beside a server that takes 200 ms is not what is measured.
        late.response.record_many(200_000_000, 50_000);
        assert_eq!(judged(50_000.0, &late).conclusion, Conclusion::Pass);
    }

    #[test]
    fn shed_messages_or_too_few_samples_make_it_invalid() {
        let mut shed = outcome();
        shed.totals.shed = 1;
        assert_eq!(judged(50_000.0, &shed).conclusion.exit_code(false), 6);
        let mut few = outcome();
        few.response = Default::default();
        few.response.record_many(2_000_000, 999);
        assert_eq!(judged(50_000.0, &few).conclusion, Conclusion::Invalid);
    }

    #[test]
    fn a_broken_audit_outweighs_everything_but_an_interruption() {
        let mut broken = outcome();
        broken.totals.shed = 1;
        broken.audit = Some(Audit::of(vec![Class { qos: 1, lost: 1, ..Default::default() }]));
        assert_eq!(judged(50_000.0, &broken).conclusion.exit_code(false), 4);
        broken.interrupted = true;
        assert_eq!(judged(50_000.0, &broken).conclusion.exit_code(false), 130);
    }

    #[test]
    fn lost_connections_fail_the_run() {
        let mut outcome = outcome();
        outcome.totals.lost = 2;
        assert_eq!(judged(50_000.0, &outcome).conclusion, Conclusion::Fail);
    }
}
