use crate::cli::bus::{BusArguments, Which};
use crate::report::failure::Failure;
use crate::search::Limit;
use crate::wire::stamp::STAMP_BYTES;

/// A bus that takes part.
#[derive(Debug, Clone, PartialEq)]
pub struct Contender {
    pub label: String,
    pub bus: &'static str,
    /// The share of subscribers on another node than their publisher's; None where there is one node.
    pub across: Option<f64>,
    /// Of the paced run, messages per second: from what the first unpaced one reached, the same in every round.
    pub paced: Option<f64>,
    /// A search found no rate for it, and what ended the search.
    pub unfound: Option<Limit>,
}

impl Contender {
    /// The messages per second for which the design names a latency.
    pub fn design_rate(&self) -> f64 {
        match self.bus {
            "memory" => 100_000.0,
            "pubsub" => 50_000.0,
            "streams" => 30_000.0,
            _ => 80_000.0,
        }
    }
}

/// How much of its traffic a hybrid bus keeps within a node in the design's own example.
const LOCAL: f64 = 0.8;

pub fn contenders(arguments: &BusArguments) -> Result<Vec<Contender>, Failure> {
    let refusals = [
        (arguments.pairs == 0, "--pairs is 1 at least"),
        (arguments.size < STAMP_BYTES, "--size is 32 at least: time stamp and sequence number need that"),
        (arguments.size > crate::plan::limits::LARGEST_PAYLOAD, "--size is 16M at most"),
        (arguments.timing.duration.is_zero(), "--duration is longer than 0"),
        (
            arguments.search && arguments.slo.iter().any(crate::verdict::slo::Slo::is_rate),
            "a search finds the rate: it is no objective",
        ),
    ];
    if let Some((_, refusal)) = refusals.into_iter().find(|(wrong, _)| *wrong) {
        return Err(Failure::usage(refusal));
    }
    let share = arguments.cross_node.unwrap_or(1.0);
    let one = |bus: &'static str| Contender {
        label: bus.to_owned(),
        bus,
        across: (bus != "memory").then_some(share),
        paced: None,
        unfound: None,
    };
    Ok(match arguments.which {
        Which::Memory => vec![one("memory")],
        Which::Pubsub => vec![one("pubsub")],
        Which::Streams => vec![one("streams")],
        Which::Hybrid => vec![one("hybrid")],
        Which::All => {
            let mut all = vec![one("memory"), one("pubsub"), one("streams"), one("hybrid")];
            if arguments.cross_node.is_none() {
                let label = format!("hybrid {:.0}% local", LOCAL * 100.0);
                all.push(Contender { label, across: Some(1.0 - LOCAL), ..one("hybrid") });
            }
            all
        }
    })
}
