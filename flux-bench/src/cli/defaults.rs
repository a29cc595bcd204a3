use crate::plan::server::Server;
use crate::plan::settings::{Load, Scenario, Settings};
use crate::report::failure::Failure;
use crate::watch::locate;
use crate::watch::process::Process;
use crate::wire::stamp::STAMP_BYTES;

use super::mqtt::MqttArguments;
use super::quantity::Rate;

/// What the single-node target asks for.
const DELIVERIES_PER_SECOND: f64 = 50_000.0;

/// More threads than this take from a server on the same machine more than they give.
const WORKERS: usize = 2;

/// Who does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cast {
    publishers: usize,
    subscribers: usize,
    idle: usize,
}

/// Fills in what was not said and refuses what cannot be.
pub fn settings(arguments: &MqttArguments) -> Result<Settings, Failure> {
    let cast = cast(arguments.scenario, arguments.conns, arguments.pubs, arguments.subs)?;
    if arguments.size < STAMP_BYTES {
        return Err(Failure::usage(format!(
            "--size {} is too small: time stamp and sequence number need {STAMP_BYTES}",
            arguments.size
        )));
    }
    if arguments.size > 16 * 1_024 * 1_024 {
        return Err(Failure::usage("--size is 16M at most"));
    }
    if arguments.duration.is_zero() {
        return Err(Failure::usage("--duration is longer than 0"));
    }
    let topics = arguments.topics.unwrap_or(match arguments.scenario {
        Scenario::Pair => cast.publishers.max(cast.subscribers),
        _ => cast.publishers,
    });
    if topics == 0 && arguments.scenario != Scenario::Conns {
        return Err(Failure::usage("--topics is 1 at least"));
    }
    let conns = arguments.scenario == Scenario::Conns;
    let fan = match arguments.scenario {
        Scenario::FanIn | Scenario::FanOut => cast.subscribers.max(1),
        _ => 1,
    };
    let load = match arguments.rate {
        None => Load::Paced(DELIVERIES_PER_SECOND / fan as f64),
        Some(Rate::PerSecond(rate)) => Load::Paced(rate),
        Some(Rate::Max) => Load::Unpaced,
    };
    let servers = arguments.target.servers()?;
    let pid = match arguments.pid {
        Some(pid) if !Process::of(pid).exists() => {
            return Err(
                Failure::new(1, "pid", format!("there is no process {pid}")).hint("leave --pid out to have it found by the port")
            );
        }
        Some(pid) => Some(pid),
        None => the_process(&servers),
    };
    Ok(Settings {
        scenario: arguments.scenario,
        servers,
        cross_node: arguments.target.cross_node,
        bind: arguments.target.bind.clone(),
        login: arguments.target.login(),
        idle: cast.idle,
        publishers: cast.publishers,
        subscribers: cast.subscribers,
        topics,
        qos: arguments.qos,
        size: arguments.size,
        load,
        connect_rate: match arguments.rate {
            Some(Rate::PerSecond(rate)) if conns => Some(rate),
            _ => None,
        },
        duration: arguments.duration,
        warmup: if conns { Default::default() } else { arguments.warmup },
        inflight: arguments.inflight,
        seed: arguments.seed,
        drain_quiet: arguments.drain,
        workers: workers(arguments.workers, cast),
        pid,
    })
}

/// Of one server on this machine; the processes of several are named with --nodes.
fn the_process(servers: &[Server]) -> Option<u32> {
    let mut found = servers.iter().map(|server| locate::listener(server.address));
    let first = found.next()??;
    found.all(|other| other == Some(first)).then_some(first)
}

fn workers(wanted: Option<usize>, cast: Cast) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    wanted.unwrap_or(cores.min(WORKERS)).clamp(1, (cast.publishers + cast.subscribers + cast.idle).max(1))
}

fn cast(scenario: Scenario, conns: Option<usize>, pubs: Option<usize>, subs: Option<usize>) -> Result<Cast, Failure> {
    if scenario == Scenario::Conns {
        if pubs.is_some() || subs.is_some() {
            return Err(Failure::usage("conns opens connections only; --pubs and --subs are for pair, fan-in and fan-out"));
        }
        let idle = conns.unwrap_or(10_000);
        return if idle == 0 {
            Err(Failure::usage("--conns is 1 at least"))
        } else {
            Ok(Cast { publishers: 0, subscribers: 0, idle })
        };
    }
    let total = conns.unwrap_or(0);
    let (publishers, subscribers) = match scenario {
        Scenario::FanIn => {
            let subscribers = subs.unwrap_or(1);
            (pubs.unwrap_or(if conns.is_some() { total.saturating_sub(subscribers) } else { 100 }), subscribers)
        }
        Scenario::FanOut => {
            let publishers = pubs.unwrap_or(1);
            (publishers, subs.unwrap_or(if conns.is_some() { total.saturating_sub(publishers) } else { 50 }))
        }
        _ => match (pubs, subs) {
            (Some(pubs), Some(subs)) => (pubs, subs),
            (Some(same), None) | (None, Some(same)) => (same, same),
            (None, None) if conns.is_some() => (total / 2, total / 2),
            (None, None) => (10, 10),
        },
    };
    if publishers == 0 || subscribers == 0 {
        return Err(
            Failure::usage("a publisher and a subscriber are needed at least").hint("--conns 2 or more, or --pubs and --subs")
        );
    }
    let Some(idle) = conns.unwrap_or(publishers + subscribers).checked_sub(publishers + subscribers) else {
        return Err(Failure::usage(format!(
            "--conns {total} is less than {publishers} publishers and {subscribers} subscribers"
        )));
    };
    Ok(Cast { publishers, subscribers, idle })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(scenario: Scenario, conns: Option<usize>, pubs: Option<usize>, subs: Option<usize>) -> (usize, usize, usize) {
        let cast = cast(scenario, conns, pubs, subs).unwrap();
        (cast.publishers, cast.subscribers, cast.idle)
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
        ] {
            assert_eq!(cast(scenario, conns, pubs, subs).unwrap_err().exit, 2, "{scenario:?} {conns:?} {pubs:?} {subs:?}");
        }
    }
}
