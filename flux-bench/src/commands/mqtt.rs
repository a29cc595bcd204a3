use crate::cli::mqtt::MqttArguments;
use crate::engine;
use crate::plan::settings::Settings;
use crate::report::failure::Failure;
use crate::report::measured::{self, Identity};
use crate::report::model::Run;
use crate::report::progress::Progress;
use crate::verdict::{judge::judge, slo::demand, target};
use crate::watch::machine::Environment;
use crate::watch::process::Process;
use crate::watch::servers::Subject;

use super::contender::contenders;
use super::ending::{Ending, end};
use super::interrupt::interrupted;
use super::rounds::rounds;

/// Runs, reports, and returns the exit code.
pub async fn mqtt(arguments: &MqttArguments) -> Result<u8, Failure> {
    let ending = Ending::new(&arguments.judging, &arguments.keeping, arguments.output)?;
    let contenders = contenders(arguments)?;
    let made = rounds(&contenders, arguments).await?;
    end(made, &ending)
}

/// One run of the server that is called `label`, not yet judged. Ctrl-C ends it early.
pub async fn measure(settings: &Settings, label: &str, round: u32, progress: &mut Progress) -> Result<Run, Failure> {
    warn_of_limits(settings);
    let identity = Identity::now(settings.scenario.name(), label, round);
    let outcome = engine::run(settings.clone(), progress, interrupted()).await;
    progress.finish();
    let outcome = outcome.map_err(|error| Failure::from(&error))?;
    warn_of_unwatched(&outcome.unwatched);
    Ok(measured::mqtt(identity, settings, outcome, Environment::here()))
}

pub(super) fn judged(mut run: Run, arguments: &MqttArguments) -> Run {
    demand(&mut run, &arguments.judging.slo);
    judge(&mut run, &target::all());
    run
}

/// The server's descriptor limit is the other half of ours, and refusals at it are hard to read.
fn warn_of_limits(settings: &Settings) {
    let limit = |subject: &Subject| match subject {
        Subject::Process(pid) => Process::of(*pid).descriptor_limit(),
        Subject::Node(_) => None,
    };
    // Clients are dealt out evenly.
    let wanted = settings.connections().div_ceil(settings.servers.len().max(1)) as u64;
    let lowest = settings.watched.iter().filter_map(limit).min();
    if let Some(limit) = lowest.filter(|limit| *limit < wanted) {
        eprintln!(
            "warning: the server may open {limit} descriptors and {wanted} connections are wanted; raise its limit (ulimit -n, LimitNOFILE=)"
        );
    }
}

/// What a cluster costs is the sum of all its nodes.
pub(super) fn warn_of_unwatched(ids: &[String]) {
    if !ids.is_empty() {
        eprintln!("warning: what {} used is not counted: of the same cluster, and not among --nodes", ids.join(", "));
    }
}
