use crate::cli::http::HttpArguments;
use crate::cli::http_defaults;
use crate::http::{self, settings::Settings};
use crate::report::failure::Failure;
use crate::report::measured::Identity;
use crate::report::measured_http;
use crate::report::model::{Conclusion, Run};
use crate::report::progress::Progress;
use crate::verdict::{judge::judge, slo::demand, target};
use crate::watch::machine::Environment;

use super::ending::{Ending, end};
use super::interrupt::interrupted;
use super::mqtt::warn_of_unwatched;
use super::rounds::Made;

/// Runs, reports, and returns the exit code.
pub async fn http(arguments: &HttpArguments) -> Result<u8, Failure> {
    let ending = Ending::new(&arguments.judging, &arguments.keeping, arguments.output)?;
    let settings = http_defaults::settings(&arguments.load, arguments.rate, arguments.timing)?;
    let mut progress = Progress::new(settings.connections).moving("answered");
    let mut run = measure(&settings, &settings.url, 1, &mut progress).await?;
    demand(&mut run, &arguments.judging.slo);
    judge(&mut run, &target::all());
    let interrupted = run.result == Conclusion::Interrupted;
    end(Made { runs: vec![run], interrupted }, &ending)
}

/// One run of the server that is called `label`, not yet judged. Ctrl-C ends it early.
pub async fn measure(settings: &Settings, label: &str, round: u32, progress: &mut Progress) -> Result<Run, Failure> {
    let identity = Identity::now(settings.workload.name(), label, round);
    let outcome = http::run(settings.clone(), progress, interrupted()).await;
    progress.finish();
    let outcome = outcome.map_err(|error| Failure::from(&error))?;
    warn_of_unwatched(&outcome.unwatched);
    Ok(measured_http::http(identity, settings, outcome, Environment::here()))
}
