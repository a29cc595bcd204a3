use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Probes in all, whatever the server does: enough to double a million times over and to bisect to 1 %.
const MOST_PROBES: u32 = 60;

/// How often a rate is tried before it is believed.
const REPEATS: u32 = 3;

/// Below this many a second no probe of sensible length has enough answers to judge by.
pub const LOWEST: f64 = 40.0;

/// Where to look, in messages or requests per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    pub from: f64,
    /// Nothing above is tried.
    pub to: f64,
    /// How close the highest rate that holds and the lowest that does not must come, as a share.
    pub precision: f64,
}

/// Why a probe is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Doubling, or halving, until the highest rate is between two that were tried.
    Bracket,
    Bisect,
    /// The rate that was found, again.
    Confirm,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    Probe { rate: f64, phase: Phase },
    Over(Found),
}

/// What a probe says of its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    Holds,
    Misses,
    /// The generator could not offer it.
    Generator,
}

/// What ended the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Above, an objective is missed.
    Objective,
    /// Above, the generator cannot offer more: the server may hold more than was found.
    Generator,
    /// It holds at the highest rate that was allowed.
    Ceiling,
    /// The probes contradict each other: no rate could be confirmed in as many as are made.
    Unsettled,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// None when none held.
    pub rate: Option<f64>,
    /// So many of `of` probes at this rate held.
    pub confirmed: u32,
    pub of: u32,
    pub limit: Limit,
}

/// Brackets, then bisects, then confirms. Pure: it says what to probe and is told what came of it.
#[derive(Debug)]
pub struct Search {
    plan: Plan,
    at: f64,
    phase: Phase,
    /// Rates that held, ascending, all below `bad`.
    good: Vec<f64>,
    bad: Option<f64>,
    limit: Limit,
    votes: Vec<Vote>,
    probes: u32,
    over: Option<Found>,
}

impl Search {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            at: plan.from.min(plan.to),
            phase: Phase::Bracket,
            good: vec![],
            bad: None,
            limit: Limit::Ceiling,
            votes: vec![],
            probes: 0,
            over: None,
        }
    }

    pub fn step(&self) -> Step {
        match self.over {
            Some(found) => Step::Over(found),
            None => Step::Probe { rate: self.at, phase: self.phase },
        }
    }

    /// Of the rate that [`Self::step`] names.
    pub fn vote(&mut self, vote: Vote) {
        self.probes += 1;
        self.votes.push(vote);
        let holds = self.count(Vote::Holds);
        let fails = self.votes.len() as u32 - holds;
        let majority = REPEATS / 2 + 1;
        if self.phase == Phase::Confirm {
            if fails >= majority {
                self.missed();
            } else if self.votes.len() as u32 == REPEATS {
                self.end(holds);
            }
        } else if holds >= majority || fails == 0 {
            // One that holds is enough to look further: what is found in the end is tried again.
            self.held();
        } else if fails >= majority {
            self.missed();
        }
        if self.over.is_none() && self.probes >= MOST_PROBES {
            self.limit = Limit::Unsettled;
            self.over = Some(self.so_far());
        }
    }

    /// For a search that is given up.
    pub fn so_far(&self) -> Found {
        Found { rate: self.good.last().copied(), confirmed: 0, of: 0, limit: self.limit }
    }

    fn count(&self, wanted: Vote) -> u32 {
        self.votes.iter().filter(|vote| **vote == wanted).count() as u32
    }

    fn held(&mut self) {
        self.good.push(self.at);
        self.go_on();
    }

    fn missed(&mut self) {
        let generator = self.count(Vote::Generator) >= self.count(Vote::Misses);
        self.limit = if generator { Limit::Generator } else { Limit::Objective };
        self.bad = Some(self.at);
        // When it was to be confirmed, it was the last of those that held.
        self.good.retain(|good| *good < self.at);
        self.go_on();
    }

    fn go_on(&mut self) {
        self.votes.clear();
        let Plan { to, precision, .. } = self.plan;
        match (self.good.last().copied(), self.bad) {
            (Some(good), None) if good >= to => self.confirm(good),
            (Some(good), None) => self.probe(Phase::Bracket, (good * 2.0).min(to)),
            // To go closer to what the generator cannot do says nothing of the server.
            (Some(good), Some(_)) if self.limit == Limit::Generator => self.confirm(good),
            (Some(good), Some(bad)) if bad / good - 1.0 <= precision => self.confirm(good),
            (Some(good), Some(bad)) => self.probe(Phase::Bisect, (good + bad) / 2.0),
            (None, Some(bad)) if bad <= LOWEST || self.limit == Limit::Generator => {
                self.over = Some(Found { rate: None, confirmed: 0, of: 0, limit: self.limit });
            }
            (None, Some(bad)) => self.probe(Phase::Bracket, (bad / 2.0).max(LOWEST)),
            (None, None) => {}
        }
    }

    fn probe(&mut self, phase: Phase, rate: f64) {
        (self.phase, self.at) = (phase, round(rate));
        // Rounding must not lead back to where the answer is known.
        if self.good.last() == Some(&self.at) || self.bad == Some(self.at) {
            self.at = rate;
        }
    }

    /// The probe that found it counts.
    fn confirm(&mut self, rate: f64) {
        (self.phase, self.at, self.votes) = (Phase::Confirm, rate, vec![Vote::Holds]);
    }

    fn end(&mut self, confirmed: u32) {
        self.over = Some(Found { rate: Some(self.at), confirmed, of: REPEATS, limit: self.limit });
    }
}

/// To three digits that count: nobody reads more, and a machine is not as exact.
fn round(rate: f64) -> f64 {
    let step = 10f64.powf(rate.log10().floor() - 2.0);
    (rate / step).round() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(from: f64, to: f64) -> Plan {
        Plan { from, to, precision: 0.05 }
    }

    /// Answers every probe by `server`; returns what was found and how many probes it took.
    fn search(plan: Plan, mut server: impl FnMut(u32, f64) -> Vote) -> (Found, u32) {
        let mut search = Search::new(plan);
        for number in 0.. {
            match search.step() {
                Step::Over(found) => return (found, number),
                Step::Probe { rate, .. } => search.vote(server(number, rate)),
            }
        }
        unreachable!("a search ends")
    }

    fn holds_to(capacity: f64) -> impl FnMut(u32, f64) -> Vote {
        move |_, rate| if rate <= capacity { Vote::Holds } else { Vote::Misses }
    }

    #[test]
    fn a_known_capacity_is_found_from_below_and_from_above() {
        for capacity in [50.0, 1_000.0, 4_711.0, 123_456.0] {
            let (found, probes) = search(plan(1_000.0, 1e6), holds_to(capacity));
            let rate = found.rate.unwrap();
            assert!(rate <= capacity && rate * 1.06 > capacity, "{rate} for {capacity}");
            assert_eq!((found.confirmed, found.of, found.limit), (3, 3, Limit::Objective));
            assert!(probes <= 30, "{probes} probes for {capacity}");
        }
    }

    #[test]
    fn one_probe_that_was_disturbed_changes_nothing() {
        for disturbed in 0..20 {
            let mut server = holds_to(4_711.0);
            let (found, _) = search(plan(1_000.0, 1e6), |number, rate| match (server(number, rate), number == disturbed) {
                (Vote::Holds, true) => Vote::Misses,
                (vote, _) => vote,
            });
            let rate = found.rate.unwrap();
            assert!((4_400.0..=4_711.0).contains(&rate), "{rate} when probe {disturbed} was disturbed");
            assert!(found.confirmed >= 2);
        }
    }

    #[test]
    fn what_held_by_luck_is_not_confirmed() {
        let mut lucky = true;
        let (found, _) = search(plan(1_000.0, 1e6), |_, rate| match rate {
            rate if rate <= 3_000.0 => Vote::Holds,
            rate if (3_900.0..4_100.0).contains(&rate) && std::mem::take(&mut lucky) => Vote::Holds,
            _ => Vote::Misses,
        });
        let rate = found.rate.unwrap();
        assert!((2_800.0..=3_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn the_search_ends_where_the_generator_does_and_at_the_ceiling() {
        let (found, _) = search(plan(1_000.0, 1e6), |_, rate| if rate > 10_000.0 { Vote::Generator } else { Vote::Holds });
        assert_eq!((found.rate, found.limit, found.confirmed), (Some(8_000.0), Limit::Generator, 3));
        let (found, _) = search(plan(1_000.0, 5_000.0), |_, _| Vote::Holds);
        assert_eq!((found.rate, found.limit), (Some(5_000.0), Limit::Ceiling));
    }

    #[test]
    fn a_generator_that_cannot_even_begin_ends_it_at_once() {
        let (found, probes) = search(plan(1_000.0, 1e6), |_, _| Vote::Generator);
        assert_eq!((found.rate, found.limit, probes), (None, Limit::Generator, 2));
    }

    #[test]
    fn a_server_that_holds_nothing_is_given_up() {
        let (found, probes) = search(plan(1_000.0, 1e6), |_, _| Vote::Misses);
        assert_eq!((found.rate, found.limit), (None, Limit::Objective));
        assert!(probes <= 25);
    }

    #[test]
    fn answers_without_sense_end_too() {
        let mut state = 7_u64;
        let (_, probes) = search(plan(1_000.0, 1e6), |_, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if state >> 63 == 0 { Vote::Holds } else { Vote::Misses }
        });
        assert!(probes <= MOST_PROBES);
    }
}
