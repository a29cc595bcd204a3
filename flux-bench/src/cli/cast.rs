use crate::plan::settings::Scenario;
use crate::report::failure::Failure;

/// Who does what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cast {
    pub publishers: usize,
    pub subscribers: usize,
    pub devices: usize,
    pub idle: usize,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub conns: Option<usize>,
    pub pubs: Option<usize>,
    pub subs: Option<usize>,
    /// Connections that leave and come back each second.
    pub churn: Option<f64>,
}

/// Idle connections that --churn brings along when there are none.
const MOST_CHURNING: f64 = 1_000.0;

impl Cast {
    pub fn all(&self) -> usize {
        self.publishers + self.subscribers + self.devices + self.idle
    }

    pub fn of(scenario: Scenario, wanted: Wanted, persistent: bool) -> Result<Self, Failure> {
        let Wanted { conns, pubs, subs, churn } = wanted;
        let total = conns.unwrap_or(0);
        let rest = |taken: usize, usual: usize| if conns.is_some() { total.saturating_sub(taken) } else { usual };
        let both = |pubs, subs, devices| Cast { publishers: pubs, subscribers: subs, devices, idle: 0 };
        let mut cast = match scenario {
            Scenario::Conns => {
                if pubs.is_some() || subs.is_some() {
                    return Err(Failure::usage("conns opens connections only; --pubs and --subs are for the other scenarios"));
                }
                let idle = conns.unwrap_or(10_000);
                if idle == 0 {
                    return Err(Failure::usage("--conns is 1 at least"));
                }
                return Ok(Cast { idle, ..Cast::default() });
            }
            Scenario::Pub => {
                none(subs, "--subs", "pub")?;
                both(pubs.unwrap_or(rest(0, 10)), 0, 0)
            }
            Scenario::Sub => {
                none(pubs, "--pubs", "sub")?;
                both(0, subs.unwrap_or(rest(0, 10)), 0)
            }
            Scenario::FanIn => {
                let subscribers = subs.unwrap_or(1);
                both(pubs.unwrap_or(rest(subscribers, 100)), subscribers, 0)
            }
            Scenario::FanOut => {
                let publishers = pubs.unwrap_or(1);
                both(publishers, subs.unwrap_or(rest(publishers, 50)), 0)
            }
            Scenario::Retained => {
                let publishers = pubs.unwrap_or(4);
                both(publishers, subs.unwrap_or(rest(publishers, 10)), 0)
            }
            Scenario::Storm => {
                let publishers = pubs.unwrap_or(4);
                both(publishers, subs.unwrap_or(rest(publishers, 1_000)), 0)
            }
            Scenario::Device => {
                let (operators, services) = (pubs.unwrap_or(1), subs.unwrap_or(1));
                both(operators, services, rest(operators + services, 1_000))
            }
            Scenario::Pair | Scenario::Shared => {
                let (pubs, subs) = match (pubs, subs) {
                    (Some(pubs), Some(subs)) => (pubs, subs),
                    (Some(same), None) | (None, Some(same)) => (same, same),
                    (None, None) if conns.is_some() => (total / 2, total / 2),
                    (None, None) => (10, 10),
                };
                both(pubs, subs, 0)
            }
        };
        let lacks_publisher = scenario.publishes() && cast.publishers == 0 && cast.devices == 0;
        let lacks_subscriber = scenario != Scenario::Pub && cast.subscribers == 0;
        if lacks_publisher || lacks_subscriber || (scenario == Scenario::Device && cast.devices == 0) {
            return Err(Failure::usage("too few connections: each part of the scenario needs one at least")
                .hint("more --conns, or --pubs and --subs"));
        }
        let Some(idle) = conns.unwrap_or(cast.all()).checked_sub(cast.all()) else {
            return Err(Failure::usage(format!(
                "--conns {total} is less than {} publishers and {} subscribers",
                cast.publishers, cast.subscribers
            )));
        };
        cast.idle = idle;
        if let Some(churn) = churn
            && idle == 0
            && !persistent
        {
            cast.idle = churn.min(MOST_CHURNING).ceil() as usize;
        }
        Ok(cast)
    }
}

fn none(count: Option<usize>, flag: &str, scenario: &str) -> Result<(), Failure> {
    match count {
        Some(_) => Err(Failure::usage(format!("{flag} has no part in {scenario}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(conns: Option<usize>, pubs: Option<usize>, subs: Option<usize>) -> Wanted {
        Wanted { conns, pubs, subs, churn: None }
    }

    fn counts(scenario: Scenario, conns: Option<usize>, pubs: Option<usize>, subs: Option<usize>) -> (usize, usize, usize) {
        let cast = Cast::of(scenario, wanted(conns, pubs, subs), false).unwrap();
        (cast.publishers, cast.subscribers, cast.idle + cast.devices)
    }

    #[test]
    fn connections_are_put_to_use_and_the_rest_is_idle() {
        use Scenario::*;
        assert_eq!(counts(Pair, None, None, None), (10, 10, 0));
        assert_eq!(counts(Pair, Some(10_000), None, None), (5_000, 5_000, 0));
        assert_eq!(counts(Pair, Some(10_001), None, None), (5_000, 5_000, 1));
        assert_eq!(counts(Pair, Some(10_000), Some(10), None), (10, 10, 9_980));
        assert_eq!(counts(FanOut, Some(51), None, None), (1, 50, 0));
        assert_eq!(counts(FanIn, Some(101), None, None), (100, 1, 0));
        assert_eq!(counts(Conns, None, None, None), (0, 0, 10_000));
        assert_eq!(counts(Pub, Some(7), None, None), (7, 0, 0));
        assert_eq!(counts(Sub, None, None, Some(3)), (0, 3, 0));
        assert_eq!(counts(Device, Some(502), None, None), (1, 1, 500));
        assert_eq!(counts(Storm, Some(104), None, None), (4, 100, 0));
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_usage_error() {
        for (scenario, conns, pubs, subs) in [
            (Scenario::Pair, Some(1), None, None),
            (Scenario::Pair, Some(10), Some(8), Some(8)),
            (Scenario::FanIn, Some(1), None, None),
            (Scenario::FanOut, None, Some(0), None),
            (Scenario::Conns, Some(10), Some(1), None),
            (Scenario::Conns, Some(0), None, None),
            (Scenario::Pub, None, None, Some(1)),
            (Scenario::Sub, None, Some(1), None),
            (Scenario::Device, Some(2), None, None),
        ] {
            let refused = Cast::of(scenario, wanted(conns, pubs, subs), false).unwrap_err();
            assert_eq!(refused.exit, 2, "{scenario:?} {conns:?} {pubs:?} {subs:?}");
        }
    }

    #[test]
    fn churn_brings_idle_clients_unless_there_are_others_to_leave() {
        let churning = |conns, persistent| {
            Cast::of(Scenario::Pair, Wanted { conns, churn: Some(50.0), ..Wanted::default() }, persistent).unwrap().idle
        };
        assert_eq!((churning(None, false), churning(None, true), churning(Some(21), false)), (50, 0, 1));
    }
}
