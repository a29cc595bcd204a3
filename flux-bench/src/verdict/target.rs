use serde::Deserialize;

use crate::plan::settings::{Load, Settings};

use super::metric::Metric;

/// One line of fixtures/targets.toml.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub id: String,
    pub source: String,
    pub metric: Metric,
    at_least: Option<f64>,
    at_most: Option<f64>,
    #[serde(default)]
    when: When,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    scenario: Option<Vec<String>>,
    qos: Option<u8>,
    load: Option<String>,
    /// Messages per second offered, exactly.
    rate: Option<f64>,
    /// Connections, at least.
    connections: Option<usize>,
}

/// How a figure must stand to its bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Debug, Deserialize)]
struct Targets {
    target: Vec<Target>,
}

/// Arrivals are counted by the clock, so a run that offers exactly what is wanted shows a little more or less of it.
const EDGE: f64 = 0.005;

impl Bound {
    pub fn met_by(self, figure: f64) -> bool {
        match self {
            Bound::AtLeast(bound) => figure >= bound * (1.0 - EDGE),
            Bound::AtMost(bound) => figure <= bound,
        }
    }
}

impl Target {
    pub fn bound(&self) -> Bound {
        match (self.at_least, self.at_most) {
            (Some(bound), _) => Bound::AtLeast(bound),
            (None, Some(bound)) => Bound::AtMost(bound),
            (None, None) => unreachable!("a test reads every target"),
        }
    }

    /// Whether a run with these settings is one that the target speaks of.
    pub fn applies(&self, settings: &Settings) -> bool {
        let (load, rate) = match settings.load {
            Load::Paced(rate) => ("paced", Some(rate)),
            Load::Unpaced => ("unpaced", None),
        };
        let When { scenario, qos, load: wanted_load, rate: wanted_rate, connections } = &self.when;
        scenario.as_ref().is_none_or(|names| names.iter().any(|name| name == settings.scenario.name()))
            && qos.is_none_or(|qos| qos == settings.qos)
            && wanted_load.as_ref().is_none_or(|wanted| wanted == load)
            && wanted_rate.is_none_or(|wanted| rate == Some(wanted))
            && connections.is_none_or(|wanted| settings.connections() >= wanted)
    }
}

/// All targets, as compiled in.
pub fn all() -> Vec<Target> {
    let text = include_str!("../../../fixtures/targets.toml");
    toml::from_str::<Targets>(text).expect("a test reads the file").target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::settings::{Scenario, test_settings};

    fn ids(settings: &Settings) -> Vec<String> {
        all().into_iter().filter(|target| target.applies(settings)).map(|target| target.id).collect()
    }

    #[test]
    fn every_target_can_be_read_and_has_one_bound_and_a_source() {
        for target in all() {
            assert!(target.at_least.is_some() != target.at_most.is_some(), "{}", target.id);
            assert!(!target.source.is_empty(), "{}", target.id);
            let names = target.when.scenario.iter().flatten();
            let known = [Scenario::Conns, Scenario::Pair, Scenario::FanIn, Scenario::FanOut].map(Scenario::name);
            assert!(names.into_iter().all(|name| known.contains(&name.as_str())), "{}", target.id);
            assert!(target.when.load.as_deref().is_none_or(|load| ["paced", "unpaced"].contains(&load)), "{}", target.id);
        }
    }

    #[test]
    fn a_run_meets_only_the_targets_it_speaks_to() {
        let paced = Settings { load: Load::Paced(5_000.0), ..test_settings() };
        assert_eq!(ids(&paced), ["single.message_rate", "single.mqtt_connections", "goal.paced_p99", "goal.paced_cpu"]);
        let unpaced = Settings { load: Load::Unpaced, qos: 0, ..test_settings() };
        assert_eq!(ids(&unpaced)[2..], ["goal.pair_qos0_rate", "goal.pair_qos0_memory"]);
        let few = Settings { scenario: Scenario::Conns, ..test_settings() };
        assert_eq!(ids(&few), ["single.mqtt_connections"]);
    }

    #[test]
    fn a_rate_offered_exactly_is_met_within_half_a_percent() {
        assert!(Bound::AtLeast(50_000.0).met_by(49_800.0));
        assert!(!Bound::AtLeast(50_000.0).met_by(49_700.0));
        assert!(!Bound::AtMost(1.5).met_by(1.501));
    }
}
