use std::time::Duration;

use crate::plan::limits::{Bind, LARGEST_PAYLOAD};
use crate::plan::mix::Mix;
use crate::plan::settings::{Driver, Load, Scenario, Settings};
use crate::report::failure::Failure;
use crate::wire::payload::Payload;
use crate::wire::stamp::STAMP_BYTES;

use super::cast::{Cast, Wanted};
use super::mqtt::MqttLoad;
use super::payload::payload;
use super::quantity::{Offered, Rate};
use super::timing::Timing;

/// What the single-node target asks for.
const DELIVERIES_PER_SECOND: f64 = 50_000.0;

/// More threads than this take from a server on the same machine more than they give.
const WORKERS: usize = 2;

/// Fills in what was not said and refuses what cannot be.
pub fn settings(arguments: &MqttLoad, offered: Option<Offered>, timing: Timing) -> Result<Settings, Failure> {
    let scenario = arguments.scenario;
    let target = &arguments.target;
    let churn = match arguments.churn {
        Some(Rate::PerSecond(rate)) => Some(rate),
        Some(Rate::Max) => return Err(Failure::usage("--churn is a number per second")),
        None => None,
    };
    let wanted = Wanted { conns: arguments.conns, pubs: arguments.pubs, subs: arguments.subs, churn };
    let cast = Cast::of(scenario, wanted, target.persistent)?;
    let mix = mix(arguments)?;
    possible(arguments, timing)?;
    let topics = arguments.topics.unwrap_or(match scenario {
        Scenario::Pair => cast.publishers.max(cast.subscribers),
        Scenario::Storm => cast.subscribers,
        Scenario::Retained => 1_000,
        _ => cast.publishers,
    });
    if topics == 0 && scenario.publishes() {
        return Err(Failure::usage("--topics is 1 at least"));
    }
    let connects_only = !scenario.publishes() || scenario.recovers();
    let (load, connect_rate) = match offered {
        Some(Offered::Ramp { from, to, over }) if !connects_only => (Load::Ramp { from, to, over }, None),
        Some(Offered::Ramp { .. }) => return Err(Failure::usage(format!("{} has no rate that changes", scenario.name()))),
        Some(Offered::Steady(Rate::PerSecond(rate))) if connects_only => (Load::Unpaced, Some(rate)),
        Some(Offered::Steady(Rate::PerSecond(rate))) => (Load::Paced(rate), None),
        Some(Offered::Steady(Rate::Max)) if scenario == Scenario::Device => {
            return Err(Failure::usage("a fleet has a rate: devices do not send as fast as they can").hint("--rate 10k"));
        }
        Some(Offered::Steady(Rate::Max)) => (Load::Unpaced, None),
        None if connects_only => (Load::Unpaced, None),
        None => (Load::Paced(usual_rate(scenario, cast, arguments.groups)), None),
    };
    let ramp = arguments.ramp.filter(|ramp| !ramp.is_zero());
    let servers = target.servers(arguments.watching.over_tls())?;
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let watched = arguments.watching.subjects(&addresses, arguments.token.as_deref(), target.tls.ca.as_ref())?;
    let mut login = target.login();
    login.persistent |= scenario == Scenario::Storm;
    Ok(Settings {
        scenario,
        servers,
        across: f64::from(u8::from(target.cross_node)),
        bind: target.bind.clone(),
        login,
        driver: arguments.driver,
        idle: cast.idle,
        devices: cast.devices,
        publishers: cast.publishers,
        subscribers: cast.subscribers,
        topics,
        groups: arguments.groups,
        topic: arguments.topic.clone(),
        mix,
        payload: what(arguments)?,
        retain: arguments.retain || scenario == Scenario::Retained,
        load,
        arrival: arguments.arrival,
        queued: arguments.queued as u64,
        connect_rate: ramp.map(|ramp| cast.all() as f64 / ramp.as_secs_f64()).or(connect_rate),
        churn,
        duration: timing.duration,
        warmup: if scenario == Scenario::Conns { Duration::ZERO } else { timing.warmup },
        inflight: arguments.inflight,
        seed: arguments.seed,
        workers: workers(arguments.workers, cast),
        drain_quiet: arguments.drain,
        watched,
        flaw: None,
    })
}

/// What makes no sense together.
fn possible(arguments: &MqttLoad, timing: Timing) -> Result<(), Failure> {
    let scenario = arguments.scenario;
    if timing.duration.is_zero() {
        return Err(Failure::usage("--duration is longer than 0"));
    }
    if arguments.groups == 0 || arguments.queued == 0 {
        return Err(Failure::usage("--groups and --queued are 1 at least"));
    }
    if arguments.topic.is_some() && !matches!(scenario, Scenario::Pub | Scenario::Sub) {
        return Err(Failure::usage("--topic is for pub and sub; the other scenarios choose topics that nobody else uses"));
    }
    let named = arguments.topic.as_deref().unwrap_or_default();
    if scenario == Scenario::Pub && (named.contains(['#', '+']) || named.starts_with('$')) {
        return Err(Failure::usage(format!("--topic {named} cannot be published to: wildcards are for filters")));
    }
    if arguments.churn.is_some() && (scenario.recovers() || scenario == Scenario::Conns) {
        return Err(Failure::usage(format!("--churn goes with messages being sent, which {} does not do", scenario.name())));
    }
    let simple = matches!(scenario, Scenario::Pair | Scenario::FanIn | Scenario::FanOut);
    if arguments.driver == Driver::Rumqttc {
        if !simple {
            return Err(Failure::usage("--driver rumqttc runs pair, fan-in and fan-out").hint("leave --driver out"));
        }
        if arguments.churn.is_some() || arguments.target.persistent || arguments.target.protocol != 4 {
            return Err(Failure::usage("--driver rumqttc speaks MQTT 3.1.1 with clean sessions, and no client leaves")
                .hint("leave --driver, or --protocol, --persistent and --churn out"));
        }
        if arguments.target.bind != Bind::Auto || arguments.ramp.is_some() {
            return Err(Failure::usage("--driver rumqttc chooses its addresses itself and connects one by one")
                .hint("leave --driver, or --bind and --ramp out"));
        }
    }
    Ok(())
}

fn mix(arguments: &MqttLoad) -> Result<Mix, Failure> {
    let scenario = arguments.scenario;
    let mix = match arguments.qos {
        Some(mix) => mix,
        None if scenario == Scenario::Device => Mix::parse("0=70,1=25,2=5").map_err(Failure::usage)?,
        None => Mix::only(1),
    };
    if scenario.recovers() && mix.lowest() == 0 {
        return Err(Failure::usage(format!("{} needs QoS 1 or 2: what is stored is acknowledged", scenario.name())));
    }
    Ok(mix)
}

fn what(arguments: &MqttLoad) -> Result<Payload, Failure> {
    if let Some(text) = &arguments.payload {
        return payload(text);
    }
    if arguments.size < STAMP_BYTES {
        return Err(Failure::usage(format!(
            "--size {} is too small: time stamp and sequence number need {STAMP_BYTES}",
            arguments.size
        )));
    }
    if arguments.size > LARGEST_PAYLOAD {
        return Err(Failure::usage("--size is 16M at most"));
    }
    Ok(Payload::Filler(arguments.size))
}

/// As many messages as make the deliveries that the single-node target asks for; a fleet sends what a fleet does.
fn usual_rate(scenario: Scenario, cast: Cast, groups: usize) -> f64 {
    match scenario {
        Scenario::Device => cast.devices as f64,
        Scenario::FanIn | Scenario::FanOut => DELIVERIES_PER_SECOND / cast.subscribers.max(1) as f64,
        Scenario::Shared => DELIVERIES_PER_SECOND / groups as f64,
        _ => DELIVERIES_PER_SECOND,
    }
}

fn workers(wanted: Option<usize>, cast: Cast) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    wanted.unwrap_or(cores.min(WORKERS)).clamp(1, cast.all().max(1))
}
