use crate::report::model::{Conclusion, LoadKind, Percentiles, Run, TargetRow, TargetVerdict, Tool};

use super::target::{Bound, Target};

/// Fewer latencies than this say nothing of the worst hundredth.
const SAMPLES_WANTED: u64 = 1_000;

/// A generator that notices due messages within this time is punctual whatever the server does.
const LAG_ALLOWED_MS: f64 = 1.0;

/// How much of the measured response time may be the generator's own lag.
const LAG_SHARE: f64 = 0.25;

/// Completes a run that was measured: targets, what was broken, what is doubtful, and the result. Objectives that already stand
/// among its targets count as they are; an interrupted run stays one.
pub fn judge(run: &mut Run, targets: &[Target]) {
    let rows: Vec<TargetRow> = targets.iter().filter(|target| target.applies(run)).map(|target| row(target, run)).collect();
    run.targets.extend(rows);
    run.violations = run.audit.as_ref().map(|audit| audit.violations_but(loses(run))).unwrap_or_default();
    run.doubts.extend(doubts(run));
    if run.connections.failed > 0 {
        run.failures.push(format!("{} connections could not be opened", run.connections.failed));
    }
    if run.connections.lost > 0 {
        run.failures.push(format!("{} connections were lost", run.connections.lost));
    }
    if let Some(recovery) = &run.connections.recovery {
        if recovery.sessions_lost > 0 {
            run.failures.push(format!("the server had not kept {} sessions", recovery.sessions_lost));
        }
        if recovery.connected_seconds.is_none() {
            run.failures.push(format!("only {} of {} clients came back", run.connections.returned, recovery.clients));
        }
    }
    let missed = run.targets.iter().any(|row| row.verdict == TargetVerdict::Fail);
    run.result = if run.result == Conclusion::Interrupted {
        Conclusion::Interrupted
    } else if !run.violations.is_empty() {
        Conclusion::AuditBroken
    } else if !run.doubts.is_empty() {
        Conclusion::Invalid
    } else if missed || !run.failures.is_empty() {
        Conclusion::Fail
    } else {
        Conclusion::Pass
    };
}

/// Pub/Sub delivers at most once between nodes, whatever the QoS of a message.
pub fn loses(run: &Run) -> bool {
    run.tool == Tool::Bus && run.scenario == "pubsub"
}

fn row(target: &Target, run: &Run) -> TargetRow {
    let bound = target.bound();
    let (verdict, got, reason) = verdict(target, bound, run);
    TargetRow {
        id: target.id.clone(),
        source: target.source.clone(),
        unit: target.unit().to_owned(),
        at_least: bound.at_least(),
        at_most: bound.at_most(),
        got,
        verdict,
        reason,
    }
}

fn verdict(target: &Target, bound: Bound, run: &Run) -> (TargetVerdict, Option<f64>, Option<String>) {
    let Some(metric) = target.metric else { return (TargetVerdict::NotTested, None, target.needs.clone()) };
    if let (Some(wanted), Some(ceiling)) = (bound.at_least(), metric.ceiling(run))
        && ceiling < wanted
    {
        return (TargetVerdict::NotTested, None, Some(format!("the run asks for {ceiling:.0}{}", metric.unit())));
    }
    match metric.of(run) {
        Ok(got) if bound.met_by(got) => (TargetVerdict::Pass, Some(got), None),
        Ok(got) => (TargetVerdict::Fail, Some(got), None),
        Err(reason) => (TargetVerdict::NotTested, None, Some(reason.to_owned())),
    }
}

/// Connections that are only held have no latencies to doubt.
fn sends(run: &Run) -> bool {
    run.tool != Tool::Mqtt || run.settings.publishers.is_some_and(|publishers| publishers > 0)
}

/// The generator's own lag (p99, ms) when it is too much of what was measured.
pub fn generator_late(run: &Run) -> Option<f64> {
    let latencies = &run.latency_milliseconds;
    let lag = latencies.generator_lag.as_ref()?.p99;
    let p99 = paced(run).map_or(0.0, |found| found.p99);
    (lag > LAG_ALLOWED_MS && lag > p99 * LAG_SHARE).then_some(lag)
}

/// From when messages were due. Who only publishes measures acknowledgements.
fn paced(run: &Run) -> Option<&Percentiles> {
    let latencies = &run.latency_milliseconds;
    latencies.response.as_ref().or(latencies.acknowledgement.as_ref())
}

fn doubts(run: &Run) -> Vec<String> {
    let mut found = vec![];
    if !sends(run) || run.connections.recovery.is_some() {
        return found;
    }
    if run.messages.shed > 0 {
        found.push(format!(
            "{} of {} messages were shed: they had waited ten seconds for the server to take them",
            run.messages.shed, run.messages.due
        ));
    }
    let latencies = &run.latency_milliseconds;
    let measured = match run.settings.load {
        LoadKind::Paced => {
            if let Some(lag) = generator_late(run) {
                found.push(format!("the generator was late: its own lag (p99 {lag:.2} ms) is too much of what it measured"));
            }
            paced(run).map_or(0, |found| found.count)
        }
        LoadKind::Unpaced => latencies.service.as_ref().or(latencies.acknowledgement.as_ref()).map_or(0, |found| found.count),
    };
    // A server that refuses everything has failed, however few latencies that leaves.
    let refused = run.tool == Tool::Http && run.messages.acknowledged >= SAMPLES_WANTED && run.messages.delivered == 0;
    // Who only publishes at QoS 0 measures nothing.
    let alone = run.tool == Tool::Mqtt && run.settings.subscribers == Some(0);
    let measures = !alone || run.settings.qos.is_some_and(|qos| qos > 0);
    if measures && measured < SAMPLES_WANTED && !refused {
        found.push(format!("{measured} latencies are too few, {SAMPLES_WANTED} are needed"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::target;
    use super::*;
    use crate::audit::settle::Class;
    use crate::report::fixture;
    use crate::report::model::{Audit, Percentiles, Recovery};

    fn lag(run: &mut Run, p99: f64) {
        run.latency_milliseconds.generator_lag = Some(Percentiles { count: 50_000, p99, ..Default::default() });
    }

    fn judged(mut run: Run) -> Run {
        judge(&mut run, &target::all());
        run
    }

    fn verdict_of(run: &Run, id: &str) -> TargetVerdict {
        run.targets.iter().find(|row| row.id == id).expect("the run touches it").verdict
    }

    #[test]
    fn what_the_run_did_not_try_is_not_tested() {
        let run = judged(fixture::run());
        assert_eq!(run.result, Conclusion::Pass, "{run:?}");
        assert_eq!(verdict_of(&run, "single.message_rate"), TargetVerdict::Pass);
        assert_eq!(verdict_of(&run, "single.mqtt_connections"), TargetVerdict::NotTested, "20 connections say nothing of 10,000");
        let mut slow = fixture::run();
        slow.settings.messages_per_second = Some(40_000.0);
        assert_eq!(verdict_of(&judged(slow), "single.message_rate"), TargetVerdict::NotTested, "nor do 40,000/s of 50,000/s");
    }

    #[test]
    fn what_needs_a_cluster_is_touched_by_no_run() {
        assert!(judged(fixture::run()).targets.iter().all(|row| row.id.starts_with("single.") || row.id.starts_with("goal.")));
    }

    #[test]
    fn a_missed_target_fails_and_exits_3_only_when_checked() {
        let mut run = fixture::run();
        run.throughput.deliveries_per_second = Some(30_000.0);
        let run = judged(run);
        assert_eq!(run.result, Conclusion::Fail);
        assert_eq!((run.result.exit_code(false), run.result.exit_code(true)), (0, 3));
    }

    #[test]
    fn a_missed_objective_counts_like_a_target() {
        let mut run = fixture::run();
        run.targets.push(TargetRow {
            id: "p99<1ms".to_owned(),
            source: "--slo".to_owned(),
            unit: "ms".to_owned(),
            at_least: None,
            at_most: Some(1.0),
            got: Some(2.0),
            verdict: TargetVerdict::Fail,
            reason: None,
        });
        assert_eq!(judged(run).result, Conclusion::Fail);
    }

    #[test]
    fn a_late_generator_makes_the_run_invalid_but_a_slow_server_does_not() {
        let mut late = fixture::run();
        lag(&mut late, 1.9);
        assert_eq!(judged(late.clone()).result, Conclusion::Invalid);
        // The same lag beside a server that takes 200 ms is not what is measured.
        late.latency_milliseconds.response = Some(Percentiles { count: 50_000, p99: 200.0, ..Default::default() });
        assert_eq!(judged(late).result, Conclusion::Pass);
    }

    #[test]
    fn shed_messages_or_too_few_samples_make_it_invalid() {
        let mut shed = fixture::run();
        shed.messages.shed = 1;
        assert_eq!(judged(shed).result.exit_code(false), 6);
        let mut few = fixture::run();
        few.latency_milliseconds.response = Some(Percentiles { count: 999, ..Default::default() });
        assert_eq!(judged(few).result, Conclusion::Invalid);
    }

    #[test]
    fn who_only_publishes_is_judged_by_acknowledgements_and_at_qos_0_by_none() {
        let mut alone = fixture::run();
        alone.settings.subscribers = Some(0);
        (alone.latency_milliseconds.response, alone.audit) = (None, None);
        let few = Some(Percentiles { count: 999, p99: 1.0, ..Default::default() });
        alone.latency_milliseconds.acknowledgement = few;
        assert_eq!(judged(alone.clone()).result, Conclusion::Invalid);
        (alone.latency_milliseconds.acknowledgement, alone.settings.qos) = (None, Some(0));
        assert_eq!(judged(alone).result, Conclusion::Pass);
    }

    #[test]
    fn sessions_that_were_not_kept_and_clients_that_stay_away_fail_a_storm() {
        let storm = |sessions_lost, connected_seconds| {
            let mut run = fixture::run();
            let recovery = Recovery { clients: 10, sessions_lost, connected_seconds, ..Default::default() };
            (run.connections.recovery, run.connections.returned) = (Some(recovery), 9);
            judged(run)
        };
        assert_eq!(storm(0, Some(1.0)).result, Conclusion::Pass);
        assert_eq!(storm(1, Some(1.0)).failures, ["the server had not kept 1 sessions"]);
        assert_eq!(storm(0, None).failures, ["only 9 of 10 clients came back"]);
    }

    #[test]
    fn a_broken_audit_outweighs_everything_but_an_interruption() {
        let mut broken = fixture::run();
        broken.messages.shed = 1;
        broken.audit = Some(Audit::of(vec![Class { qos: 1, lost: 1, ..Default::default() }]));
        assert_eq!(judged(broken.clone()).result.exit_code(false), 4);
        broken.result = Conclusion::Interrupted;
        assert_eq!(judged(broken).result.exit_code(false), 130);
    }

    #[test]
    fn lost_connections_fail_the_run() {
        let mut run = fixture::run();
        run.connections.lost = 2;
        assert_eq!(judged(run).result, Conclusion::Fail);
    }
}
