use std::time::{Duration, Instant};

use crate::cli::mqtt::MqttArguments;
use crate::report::failure::Failure;
use crate::report::model::{Conclusion, Run};
use crate::report::progress::Progress;
use crate::watch::machine::Machine;

use super::contender::Contender;
use super::interrupt::interrupted;
use super::mqtt::{judged, measure};

/// Between two runs the machine comes to rest: busy at most so much, looked at so often, waited for at most so long.
const AT_REST: f64 = 0.2;
const LOOK: Duration = Duration::from_millis(250);
pub(super) const LONGEST_REST: Duration = Duration::from_secs(5);

/// What was made, in the order it was made; ours first.
#[derive(Debug)]
pub struct Made {
    pub runs: Vec<Run>,
    /// The user ended it early.
    pub interrupted: bool,
}

/// Every contender once in each round. The order moves on by one from round to round, so that nobody always runs after the same other.
pub async fn rounds(contenders: &[Contender], arguments: &MqttArguments) -> Result<Made, Failure> {
    let mut made = Made { runs: vec![], interrupted: false };
    let turns = contenders.len() as u32 * arguments.repeating.runs;
    for round in 1..=arguments.repeating.runs {
        for turn in 0..contenders.len() {
            let contender = &contenders[(turn + round as usize - 1) % contenders.len()];
            if !made.runs.is_empty() && !at_rest(LONGEST_REST).await {
                made.interrupted = true;
                return Ok(made);
            }
            if turns > 1 {
                eprintln!("run {} of {turns}: {}, round {round}", made.runs.len() + 1, contender.label);
            }
            match one(contender, arguments, round).await {
                Ok(run) => {
                    made.interrupted |= run.result == Conclusion::Interrupted;
                    made.runs.push(run);
                }
                Err(failure) if failure.exit == 130 => made.interrupted = true,
                Err(failure) if made.runs.iter().any(|run| run.label == contender.label) => {
                    eprint!("warning: round {round} of {} is missing\n{}", contender.label, failure.as_text());
                }
                Err(failure) => return Err(failure),
            }
            if made.interrupted {
                return if made.runs.is_empty() {
                    Err(Failure::new(130, "interrupted", "stopped before the load began"))
                } else {
                    Ok(made)
                };
            }
        }
    }
    Ok(made)
}

async fn one(contender: &Contender, arguments: &MqttArguments, round: u32) -> Result<Run, Failure> {
    let turn = contender.turn()?;
    let mut progress = Progress::new(turn.settings.connections());
    let run = measure(&turn.settings, &contender.label, round, &mut progress).await?;
    Ok(judged(run, arguments))
}

/// Waits for the machine, not longer than `patience`; false when the user had enough.
pub(super) async fn at_rest(patience: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < patience {
        let machine = Machine::look();
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = interrupted() => return false,
        }
        if machine.used(0.0).busy.is_none_or(|busy| busy < AT_REST) {
            break;
        }
    }
    true
}
