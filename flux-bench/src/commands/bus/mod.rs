//! `flux-bench bus`: every bus with the same load, in turns, on nodes and a Redis that are started for it.

mod alone;
mod contender;
mod ending;
mod failures;
mod nodes;

use crate::cli::bus::BusArguments;
use crate::report::failure::Failure;
use crate::report::model::{Conclusion, Run};
use crate::search::Limit;

use super::rounds::{LONGEST_REST, Made, at_rest};
use contender::{Contender, contenders};

/// Runs, reports, and returns the exit code.
pub async fn bus(arguments: &BusArguments) -> Result<u8, Failure> {
    let mut contenders = contenders(arguments)?;
    let made = rounds(&mut contenders, arguments).await?;
    let unfound: Vec<Limit> = contenders.iter().filter_map(|contender| contender.unfound).collect();
    ending::end(made, arguments, &unfound)
}

/// Every bus once in each round, in an order that moves on by one from round to round.
async fn rounds(contenders: &mut [Contender], arguments: &BusArguments) -> Result<Made, Failure> {
    let mut runs: Vec<Run> = vec![];
    let count = contenders.len();
    for round in 1..=arguments.rounds() {
        for turn in 0..count {
            let contender = &mut contenders[(turn + round as usize - 1) % count];
            let patience = if arguments.quick { LONGEST_REST / 5 } else { LONGEST_REST };
            if !runs.is_empty() && !at_rest(patience).await {
                return Ok(Made { runs, interrupted: true });
            }
            eprintln!("round {round} of {}: {}", arguments.rounds(), contender.label);
            let turn = match arguments.in_process {
                true => alone::turn(contender, arguments, round).await,
                false => nodes::turn(contender, arguments, round).await,
            };
            match turn {
                Ok(made) => runs.extend(made),
                Err(failure) if failure.exit == 130 && !runs.is_empty() => return Ok(Made { runs, interrupted: true }),
                Err(failure) => return Err(failure),
            }
            if runs.last().is_some_and(|run| run.result == Conclusion::Interrupted) {
                return Ok(Made { runs, interrupted: true });
            }
        }
    }
    Ok(Made { runs, interrupted: false })
}
