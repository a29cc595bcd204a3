use std::str::FromStr;

use crate::report::model::{LoadKind, Percentiles, Run, TargetRow, TargetVerdict, Tool};

use super::metric::Metric;
use super::target::Bound;

/// An objective of the user's: `p99<20ms`, `loss=0`, `rate>=50k`.
#[derive(Debug, Clone)]
pub struct Slo {
    /// As it was written.
    text: String,
    measure: Measure,
    /// Whether reaching the bound exactly is too little (too much).
    strict: bool,
    bound: Bound,
    unit: &'static str,
}

/// What an objective speaks of.
#[derive(Debug, Clone, Copy)]
enum Measure {
    Response(fn(&Percentiles) -> f64),
    Metric(Metric),
    /// Deliveries or requests per second.
    Rate,
    ServerCores,
    Troubles {
        of: Trouble,
        share: bool,
    },
}

/// What should not happen at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Loss,
    Duplicates,
    Disorder,
    Errors,
}

const NAMES: &str = "p50, p90, p99, p99.9, max, mean (ms), rate, events, connects (per second), loss, duplicates, reordered, errors \
                     (a count or %), connections, cpu (cores), memory (MB)";

const UNPACED: &str = "messages that are sent as fast as possible have no time they are due at; it needs a --rate";

/// Puts the objectives beside the design targets of a run that is not yet judged. One that the run cannot answer makes the run
/// doubtful: whoever asked for it must not take silence for a yes.
pub fn demand(run: &mut Run, objectives: &[Slo]) {
    for objective in objectives {
        let row = objective.row(run);
        if let Some(reason) = &row.reason {
            run.doubts.push(format!("the objective {} is not tested: {reason}", objective.text));
        }
        run.targets.push(row);
    }
}

impl Slo {
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it asks for a rate, which a search finds and cannot ask for.
    pub fn is_rate(&self) -> bool {
        matches!(self.measure, Measure::Rate | Measure::Metric(Metric::EventsPerSecond))
    }

    fn row(&self, run: &Run) -> TargetRow {
        let got = self.measure.of(run);
        let verdict = match &got {
            Ok(got) if self.met_by(*got) => TargetVerdict::Pass,
            Ok(_) => TargetVerdict::Fail,
            Err(_) => TargetVerdict::NotTested,
        };
        TargetRow {
            id: self.text.clone(),
            source: "--slo".to_owned(),
            unit: self.unit.to_owned(),
            at_least: self.bound.at_least(),
            at_most: self.bound.at_most(),
            got: got.as_ref().ok().copied(),
            verdict,
            reason: got.err().map(str::to_owned),
        }
    }

    fn met_by(&self, got: f64) -> bool {
        match self.bound {
            Bound::AtMost(bound) if self.strict => got < bound,
            // Rates are counted by the clock: `met_by` forgives what that costs.
            bound => bound.met_by(got),
        }
    }
}

impl Measure {
    fn of(self, run: &Run) -> Result<f64, &'static str> {
        match self {
            Measure::Response(pick) => match &run.latency_milliseconds.response {
                Some(found) => Ok(pick(found)),
                None if run.settings.load == LoadKind::Unpaced => Err(UNPACED),
                None => Err("the run has no response times"),
            },
            Measure::Metric(metric) => metric.of(run),
            Measure::Rate => run.headline_rate().ok_or("the run moves nothing"),
            Measure::ServerCores => run.server_cores().ok_or("needs --pid or --nodes: the server's process is not known"),
            Measure::Troubles { of, share } => {
                let (count, all) = of.count(run)?;
                Ok(if share { count as f64 * 100.0 / all.max(1) as f64 } else { count as f64 })
            }
        }
    }
}

impl Trouble {
    /// How often it happened, and how often it could have.
    fn count(self, run: &Run) -> Result<(u64, u64), &'static str> {
        let messages = &run.messages;
        let audit = || run.audit.as_ref().ok_or("nothing was delivered to anyone who would notice");
        Ok(match (self, run.tool) {
            (Trouble::Loss, Tool::Http) => (messages.sent.saturating_sub(messages.acknowledged), messages.sent),
            (Trouble::Errors, Tool::Http) => (messages.sent.saturating_sub(messages.delivered), messages.sent),
            (Trouble::Errors, _) => {
                let found = &run.connections;
                (found.failed + found.lost, found.opened + found.failed)
            }
            (Trouble::Loss, _) => audit().map(|audit| (audit.lost, audit.owed))?,
            (Trouble::Duplicates, _) => audit().map(|audit| (audit.duplicated, audit.owed))?,
            (Trouble::Disorder, _) => audit().map(|audit| (audit.reordered, audit.owed))?,
        })
    }
}

impl FromStr for Slo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unreadable =
            || format!("'{text}' is not an objective: p99<20ms, loss=0, rate>=50k (a figure, <, <=, =, > or >=, and a bound)");
        let at = text.find(['<', '>', '=', '≤', '≥']).ok_or_else(unreadable)?;
        let (name, rest) = text.split_at(at);
        let (relation, value) = ["<=", ">=", "<", ">", "=", "≤", "≥"]
            .into_iter()
            .find_map(|relation| Some((relation, rest.strip_prefix(relation)?.trim())))
            .ok_or_else(unreadable)?;
        let named = Named::find(name.trim())
            .ok_or_else(|| format!("there is no figure '{}' to set an objective for: {NAMES}", name.trim()))?;
        let (measure, value, unit) =
            named.read(value).ok_or_else(|| format!("'{value}' is no bound for {}: {}", name.trim(), named.wanted()))?;
        let bound = match relation {
            "<" | "<=" | "≤" => Bound::AtMost(value),
            ">" | ">=" | "≥" => Bound::AtLeast(value),
            // Nothing is less than no trouble.
            _ if matches!(measure, Measure::Troubles { .. }) => Bound::AtMost(value),
            _ => return Err(format!("'{text}': no run has exactly that; say < or >")),
        };
        Ok(Slo { text: text.to_owned(), measure, strict: matches!(relation, "<" | ">"), bound, unit })
    }
}

/// A name that objectives know, before its bound says the unit.
#[derive(Debug, Clone, Copy)]
enum Named {
    Time(fn(&Percentiles) -> f64),
    PerSecond(Measure),
    Number(Measure, &'static str),
    Megabytes(Metric),
    Trouble(Trouble),
}

impl Named {
    fn find(name: &str) -> Option<Self> {
        Some(match name {
            "p50" | "median" => Named::Time(|found| found.p50),
            "p90" => Named::Time(|found| found.p90),
            "p99" => Named::Time(|found| found.p99),
            "p99.9" | "p999" => Named::Time(|found| found.p999),
            "max" => Named::Time(|found| found.max),
            "mean" => Named::Time(|found| found.mean),
            "rate" => Named::PerSecond(Measure::Rate),
            "events" => Named::PerSecond(Measure::Metric(Metric::EventsPerSecond)),
            "connects" => Named::PerSecond(Measure::Metric(Metric::ConnectsPerSecond)),
            "connections" => Named::Number(Measure::Metric(Metric::Connections), ""),
            "cpu" => Named::Number(Measure::ServerCores, "cores"),
            "memory" => Named::Megabytes(Metric::ServerMemoryMegabytes),
            "loss" | "lost" => Named::Trouble(Trouble::Loss),
            "duplicates" | "duplicated" => Named::Trouble(Trouble::Duplicates),
            "reordered" => Named::Trouble(Trouble::Disorder),
            "errors" => Named::Trouble(Trouble::Errors),
            _ => return None,
        })
    }

    fn wanted(self) -> &'static str {
        match self {
            Named::Time(_) => "a time (500us, 20ms, 1s)",
            Named::PerSecond(_) => "a rate (5000, 50k, 1.5M/s)",
            Named::Number(..) => "a number",
            Named::Megabytes(_) => "megabytes (150MB, 2GB)",
            Named::Trouble(_) => "a count or a share (0, 10, 0.1%)",
        }
    }

    fn read(self, value: &str) -> Option<(Measure, f64, &'static str)> {
        Some(match self {
            Named::Time(pick) => {
                let units = [("ms", 1.0), ("us", 0.001), ("µs", 0.001), ("s", 1_000.0)];
                (Measure::Response(pick), scaled(value, &units)?, "ms")
            }
            Named::PerSecond(measure) => {
                let value = value.strip_suffix("/s").unwrap_or(value);
                (measure, scaled(value, &[("k", 1e3), ("K", 1e3), ("M", 1e6), ("", 1.0)])?, "/s")
            }
            Named::Number(measure, unit) => (measure, scaled(value, &[("k", 1e3), ("", 1.0)])?, unit),
            Named::Megabytes(metric) => (Measure::Metric(metric), scaled(value, &[("MB", 1.0), ("GB", 1e3), ("", 1.0)])?, "MB"),
            Named::Trouble(of) if value.ends_with('%') => {
                (Measure::Troubles { of, share: true }, scaled(value, &[("%", 1.0)])?, "%")
            }
            Named::Trouble(of) => (Measure::Troubles { of, share: false }, scaled(value, &[("", 1.0)])?, ""),
        })
    }
}

/// A number with the first of `units` that it ends with.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (digits, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let value: f64 = digits.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value * factor)
}

#[cfg(test)]
#[path = "slo_tests.rs"]
mod tests;
