use std::io::{self, Write};

use crate::cli::command::Format;
use crate::cli::defaults;
use crate::cli::mqtt::MqttArguments;
use crate::engine;
use crate::plan::settings::Settings;
use crate::report::failure::Failure;
use crate::report::progress::Progress;
use crate::report::{json, table};
use crate::verdict::{judge::judge, target};
use crate::watch::machine::Environment;
use crate::watch::process::Process;

/// Runs, reports, and returns the exit code.
pub async fn mqtt(arguments: &MqttArguments) -> Result<u8, Failure> {
    let settings = defaults::settings(arguments)?;
    warn_of_limits(&settings);
    let mut progress = Progress::new(settings.connections());
    let interrupt = async {
        // Without the signal the run ends by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let outcome = engine::run(settings.clone(), &mut progress, interrupt).await;
    progress.finish();
    let outcome = outcome.map_err(|error| Failure::from(&error))?;
    let judgement = judge(&settings, &outcome, target::all());
    let text = match arguments.output {
        Format::Table => table::render(&settings, &outcome, &judgement),
        Format::Json => format!("{:#}\n", json::render(&settings, &outcome, &judgement, &Environment::here())),
    };
    write(&text)?;
    Ok(judgement.conclusion.exit_code(arguments.check))
}

/// A reader that has had enough (`| head`) is no failure.
pub fn write(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(1, "output", "cannot write to standard output").cause(error.to_string()))
        }
        _ => Ok(()),
    }
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
