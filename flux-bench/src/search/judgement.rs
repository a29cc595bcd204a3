use crate::report::model::{Run, TargetVerdict};
use crate::report::number::figure;
use crate::verdict::judge::generator_late;

use super::bracket::Vote;

/// The share of what was offered that has to be sent in the window: less means that the server holds the rate by falling behind.
const KEPT_UP: f64 = 0.97;

/// What one probe, judged by itself, says of its rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub vote: Vote,
    /// Why it does not hold.
    pub reason: Option<String>,
}

/// Of a run with its objectives among its targets.
pub fn judgement(run: &Run) -> Judgement {
    let miss = |reason: String| Judgement { vote: Vote::Misses, reason: Some(reason) };
    if let Some(lag) = generator_late(run) {
        let reason = format!("the generator is the limit: it was {} ms late itself (p99)", figure(lag));
        return Judgement { vote: Vote::Generator, reason: Some(reason) };
    }
    let missed = run.targets.iter().find(|row| row.verdict == TargetVerdict::Fail);
    if let Some(row) = missed {
        return miss(format!("{} is missed: {}", row.id, row.got()));
    }
    if run.messages.shed > 0 {
        return miss(format!("{} messages were shed", run.messages.shed));
    }
    let offered = run.settings.messages_per_second.unwrap_or_default();
    let sent = run.throughput.messages_in_window as f64 / run.throughput.window_seconds.max(f64::EPSILON);
    if sent < offered * KEPT_UP {
        return miss(format!("only {}/s were sent", figure(sent)));
    }
    match run.violations.iter().chain(&run.failures).chain(&run.doubts).next() {
        Some(reason) => miss(reason.clone()),
        None => Judgement { vote: Vote::Holds, reason: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::model::Percentiles;
    use crate::verdict::judge::judge;
    use crate::verdict::slo::demand;

    fn judged(change: impl FnOnce(&mut Run)) -> Judgement {
        let mut run = fixture::run();
        change(&mut run);
        demand(&mut run, &["p99<20ms".parse().unwrap(), "loss=0".parse().unwrap()]);
        judge(&mut run, &[]);
        judgement(&run)
    }

    #[test]
    fn a_probe_holds_when_everything_asked_of_it_does() {
        assert_eq!(judged(|_| {}).vote, Vote::Holds);
        let slow = judged(|run| {
            run.latency_milliseconds.response = Some(Percentiles { count: 50_000, p99: 34.2, ..Default::default() });
        });
        assert_eq!((slow.vote, slow.reason.as_deref()), (Vote::Misses, Some("p99<20ms is missed: 34.2 ms")));
        assert_eq!(judged(|run| run.messages.shed = 3).vote, Vote::Misses);
        assert_eq!(judged(|run| run.throughput.messages_in_window = 400_000).vote, Vote::Misses);
        assert_eq!(judged(|run| run.connections.lost = 1).vote, Vote::Misses);
    }

    #[test]
    fn a_generator_that_was_late_says_nothing_of_the_server() {
        let late = judged(|run| {
            let late = |p99| Some(Percentiles { count: 50_000, p99, ..Default::default() });
            (run.latency_milliseconds.generator_lag, run.latency_milliseconds.response) = (late(20.0), late(25.0));
        });
        assert_eq!(late.vote, Vote::Generator);
    }
}
