use crate::cli::defaults;
use crate::cli::mqtt::MqttArguments;
use crate::engine;
use crate::plan::settings::Settings;
use crate::report::failure::Failure;
use crate::report::measured::{self, Identity};
use crate::report::model::Run;
use crate::report::progress::Progress;
use crate::report::table;
use crate::verdict::{judge::judge, slo::demand, target};
use crate::watch::machine::Environment;
use crate::watch::process::Process;

use super::interrupt::interrupted;
use super::runs;
use super::show::show_or;

/// Runs, reports, and returns the exit code.
pub async fn mqtt(arguments: &MqttArguments) -> Result<u8, Failure> {
    let settings = defaults::settings(arguments)?;
    warn_of_limits(&settings);
    let mut progress = Progress::new(settings.connections());
    let mut run = measure(&settings, &settings.url, 1, &mut progress).await?;
    demand(&mut run, &arguments.judging.slo);
    judge(&mut run, &target::all());
    let result = run.result;
    let document = runs::document(std::slice::from_ref(&run));
    show_or(|| table::render(&run), &document, arguments.output)?;
    Ok(result.exit_code(arguments.judging.check))
}

/// One run of the server that is called `label`, not yet judged. Ctrl-C ends it early.
pub async fn measure(settings: &Settings, label: &str, round: u32, progress: &mut Progress) -> Result<Run, Failure> {
    let identity = Identity::now(settings.scenario.name(), label, round);
    let outcome = engine::run(settings.clone(), progress, interrupted()).await;
    progress.finish();
    let outcome = outcome.map_err(|error| Failure::from(&error))?;
    Ok(measured::mqtt(identity, settings, outcome, Environment::here()))
}

/// The server's descriptor limit is the other half of ours, and refusals at it are hard to read.
fn warn_of_limits(settings: &Settings) {
    let limit = settings.pid.and_then(|pid| Process::of(pid).descriptor_limit());
    if let Some(limit) = limit.filter(|limit| *limit < settings.connections() as u64) {
        eprintln!(
            "warning: the server may open {limit} descriptors and {} connections are wanted; raise its limit (ulimit -n, LimitNOFILE=)",
            settings.connections()
        );
    }
}
