use serde::Deserialize;

use crate::report::model::{LoadKind, Run};

use super::metric::Metric;

/// One line of fixtures/targets.toml.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub id: String,
    /// What it means.
    pub about: String,
    pub source: String,
    /// The command whose runs touch it.
    pub test: Option<String>,
    /// What one run on one machine does not have: such a target is never judged here.
    pub needs: Option<String>,
    pub metric: Option<Metric>,
    /// Of a target without metric.
    unit: Option<String>,
    at_least: Option<f64>,
    at_most: Option<f64>,
    #[serde(default)]
    when: When,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    /// mqtt without.
    tool: Option<String>,
    scenario: Option<Vec<String>>,
    qos: Option<u8>,
    load: Option<String>,
    /// Messages per second offered, exactly.
    rate: Option<f64>,
    /// Connections, at least.
    connections: Option<u64>,
    /// The share of subscribers on another node than their publisher's, percent, exactly.
    across: Option<f64>,
    /// The bus without nodes and MQTT, or with them.
    alone: Option<bool>,
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

    pub fn at_least(self) -> Option<f64> {
        if let Bound::AtLeast(bound) = self { Some(bound) } else { None }
    }

    pub fn at_most(self) -> Option<f64> {
        if let Bound::AtMost(bound) = self { Some(bound) } else { None }
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

    pub fn unit(&self) -> &str {
        match self.metric {
            Some(metric) => metric.unit(),
            None => self.unit.as_deref().unwrap_or_default(),
        }
    }

    /// Whether a run is one that the target speaks of. What needs more than a run is touched by none.
    pub fn applies(&self, run: &Run) -> bool {
        let When { tool, scenario, qos, load, rate, connections, across, alone } = &self.when;
        let option = |name: &str| run.settings.options.get(name);
        let settings = &run.settings;
        self.metric.is_some()
            && tool.as_deref().unwrap_or("mqtt") == run.tool.name()
            && scenario.as_ref().is_none_or(|names| names.contains(&run.scenario))
            && qos.is_none_or(|qos| settings.qos == Some(qos))
            && load.as_ref().is_none_or(|wanted| wanted == settings.load.name())
            && rate.is_none_or(|wanted| settings.load == LoadKind::Paced && settings.messages_per_second == Some(wanted))
            && connections.is_none_or(|wanted| settings.connections >= wanted)
            && alone.is_none_or(|wanted| option("in-process").is_some() == wanted)
            && across.is_none_or(|wanted| option("across") == Some(&format!("{wanted}%")))
    }
}

/// All targets, as compiled in.
pub fn all() -> Vec<Target> {
    let text = include_str!("../../../fixtures/targets.toml");
    toml::from_str::<Targets>(text).expect("a test reads the file").target
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::report::fixture;

    fn ids(run: &Run) -> Vec<String> {
        all().into_iter().filter(|target| target.applies(run)).map(|target| target.id).collect()
    }

    #[test]
    fn every_target_can_be_read_and_says_what_it_is() {
        let mut seen = BTreeSet::new();
        for target in all() {
            let id = &target.id;
            assert!(target.at_least.is_some() != target.at_most.is_some(), "{id}: one bound");
            assert!(!target.source.is_empty() && !target.about.is_empty(), "{id}");
            assert!(target.metric.is_some() != target.needs.is_some(), "{id}: a run can test it, or it says what that needs");
            assert!(target.metric.is_some() == target.test.is_some(), "{id}: what can be tested says how");
            assert!(target.metric.is_some() != target.unit.is_some(), "{id}: the metric knows its unit");
            assert!(target.when.load.as_deref().is_none_or(|load| ["paced", "unpaced"].contains(&load)), "{id}");
            assert!(seen.insert(target.id.clone()), "{id} is there once");
        }
    }

    #[test]
    fn a_run_meets_only_the_targets_it_speaks_to() {
        let mut run = fixture::run();
        run.settings.messages_per_second = Some(5_000.0);
        assert_eq!(ids(&run), ["single.mqtt_connections", "single.message_rate", "goal.paced_p99", "goal.paced_cpu"]);
        (run.settings.load, run.settings.messages_per_second, run.settings.qos) = (LoadKind::Unpaced, None, Some(0));
        assert_eq!(ids(&run)[2..], ["goal.pair_qos0_rate", "goal.pair_qos0_memory"]);
        run.scenario = "conns".to_owned();
        assert_eq!(ids(&run), ["single.mqtt_connections"]);
    }

    #[test]
    fn a_rate_offered_exactly_is_met_within_half_a_percent() {
        assert!(Bound::AtLeast(50_000.0).met_by(49_800.0));
        assert!(!Bound::AtLeast(50_000.0).met_by(49_700.0));
        assert!(!Bound::AtMost(1.5).met_by(1.501));
    }
}
