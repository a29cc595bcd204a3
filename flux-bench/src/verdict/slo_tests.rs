use super::*;
use crate::report::fixture;
use crate::report::model::{Audit, Conclusion};
use crate::verdict::judge::judge;

fn slo(text: &str) -> Slo {
    text.parse().unwrap()
}

fn judged(mut run: Run, objectives: &[&str]) -> Run {
    demand(&mut run, &objectives.iter().map(|text| slo(text)).collect::<Vec<_>>());
    judge(&mut run, &[]);
    run
}

#[test]
fn objectives_are_read_as_people_write_them() {
    for (text, want) in [
        ("p99<20ms", "≤ 20 ms"),
        ("p99.9 <= 500us", "≤ 0.5 ms"),
        ("max<1s", "≤ 1,000 ms"),
        ("loss=0", "≤ 0"),
        ("loss<0.1%", "≤ 0.1%"),
        ("rate>=50k/s", "≥ 50,000/s"),
        ("memory<2GB", "≤ 2,000 MB"),
        ("cpu<1.5", "≤ 1.5 cores"),
    ] {
        assert_eq!(slo(text).row(&fixture::run()).want(), want, "{text}");
    }
}

#[test]
fn what_cannot_be_an_objective_says_why() {
    for (text, reason) in [
        ("p99", "is not an objective"),
        ("p98<1ms", "there is no figure 'p98'"),
        ("p99<20", "a time (500us"),
        ("p99=20ms", "say < or >"),
        ("loss=-1", "a count or a share"),
        ("rate>many", "a rate"),
        ("p99<<1ms", "a time"),
    ] {
        let error = text.parse::<Slo>().unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn an_objective_stands_among_the_targets_and_fails_the_run_when_missed() {
    let met = judged(fixture::run(), &["p99<20ms", "loss=0", "rate>=50k", "errors=0"]);
    assert_eq!((met.result, met.targets.len()), (Conclusion::Pass, 4), "{:?}", met.targets);
    let missed = judged(fixture::run(), &["p99<2ms"]);
    assert_eq!(missed.result.exit_code(true), 3, "2 ms are not less than 2 ms");
    assert_eq!(judged(fixture::run(), &["p99<=2ms"]).result, Conclusion::Pass);
}

#[test]
fn losses_are_counted_or_a_share() {
    let run = || {
        let mut run = fixture::run();
        run.settings.qos = Some(0);
        run.audit = Some(Audit { qos: 0, owed: 1_000, lost: 2, ..Default::default() });
        run
    };
    assert_eq!(judged(run(), &["loss=0"]).result, Conclusion::Fail);
    assert_eq!(judged(run(), &["loss<0.5%", "loss<=2"]).result, Conclusion::Pass);
    assert_eq!(judged(run(), &["loss<0.1%"]).targets[0].got, Some(0.2));
}

#[test]
fn over_http_a_loss_is_no_answer_and_an_error_no_success() {
    let mut run = fixture::run();
    (run.tool, run.audit) = (Tool::Http, None);
    (run.messages.sent, run.messages.acknowledged, run.messages.delivered) = (1_000, 998, 990);
    let run = judged(run, &["loss<=2", "errors<=1%", "errors<10"]);
    let got: Vec<_> = run.targets.iter().map(|row| (row.got, row.verdict)).collect();
    assert_eq!(got, [(Some(2.0), TargetVerdict::Pass), (Some(1.0), TargetVerdict::Pass), (Some(10.0), TargetVerdict::Fail)]);
}

#[test]
fn an_objective_that_the_run_cannot_answer_is_no_pass() {
    let mut unpaced = fixture::run();
    (unpaced.settings.load, unpaced.latency_milliseconds.response) = (LoadKind::Unpaced, None);
    let run = judged(unpaced, &["p99<20ms"]);
    assert_eq!((run.targets[0].verdict, run.result), (TargetVerdict::NotTested, Conclusion::Invalid));
    assert!(run.doubts[0].contains("needs a --rate"), "{:?}", run.doubts);
}
