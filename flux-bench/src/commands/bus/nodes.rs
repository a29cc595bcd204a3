use std::collections::BTreeMap;
use std::time::Duration;

use crate::bed::{Bed, Counter, Plan, core};
use crate::cli::bus::BusArguments;
use crate::cli::quantity::Rate;
use crate::cli::search::Searching;
use crate::plan::mix::Mix;
use crate::plan::server::Server;
use crate::plan::settings::{Load, Scenario, Settings};
use crate::report::failure::Failure;
use crate::report::measured::Identity;
use crate::report::model::{Conclusion, Run, Tool};
use crate::report::progress::Progress;
use crate::search::Limit;
use crate::verdict::slo::{Slo, demand};
use crate::verdict::{judge::judge, target};
use crate::watch::servers;
use crate::wire::payload::Payload;

use super::contender::Contender;
use super::failures;
use crate::commands::mqtt::measure;
use crate::commands::search::{Subject, search};

/// A paced run that cannot be believed is made again, so often: the machine may have been busy with something else.
const AGAIN: u32 = 2;

/// More threads than this take from the nodes on the same machine more than they give.
const WORKERS: usize = 2;

/// From where and how closely a search looks.
const FROM: f64 = 1_000.0;
const TO: f64 = 10_000_000.0;
const PRECISION: f64 = 0.05;

/// Nodes that stand, with what is needed to measure them.
struct Stand<'a> {
    contender: &'a Contender,
    arguments: &'a BusArguments,
    bed: Bed,
    counter: Option<Counter>,
    round: u32,
}

/// One bus in one round: as fast as it goes, and then at the design's rate or half of what it reached; or as the user said.
pub async fn turn(contender: &mut Contender, arguments: &BusArguments, round: u32) -> Result<Vec<Run>, Failure> {
    let stand = Stand::build(contender, arguments, round).await?;
    let (mut runs, mut unfound) = (vec![], None);
    let paced = match arguments.rate {
        _ if arguments.search && contender.paced.is_none() => match stand.find().await? {
            Ok(rate) => Some(rate),
            Err(limit) => {
                unfound = Some(limit);
                None
            }
        },
        _ if arguments.search => contender.paced,
        Some(Rate::PerSecond(rate)) => Some(rate),
        Some(Rate::Max) | None => {
            let run = stand.run(Load::Unpaced, &format!("{} max", contender.label)).await?;
            let reached = run.throughput.deliveries_per_second.unwrap_or_default();
            runs.push(run);
            // The design names a latency at a rate; what can be carried beyond that is beside the point. A machine that reaches
            // less than twice that rate is not to be full.
            let half = (reached / 2.0).round().min(contender.design_rate());
            let half = contender.paced.or(Some(half).filter(|half| *half >= 1.0));
            half.filter(|_| arguments.rate.is_none())
        }
    };
    let ended = runs.iter().any(|run: &Run| run.result == Conclusion::Interrupted);
    if let Some(rate) = paced.filter(|_| !ended) {
        for _ in 0..=AGAIN {
            let run = stand.run(Load::Paced(rate), &contender.label).await?;
            let doubtful = run.result == Conclusion::Invalid;
            runs.push(run);
            if !doubtful {
                break;
            }
        }
    }
    stand.leave().await;
    (contender.paced, contender.unfound) = (paced, unfound);
    Ok(runs)
}

impl<'a> Stand<'a> {
    async fn build(contender: &'a Contender, arguments: &'a BusArguments, round: u32) -> Result<Self, Failure> {
        let named = arguments.core.as_deref();
        let plan = Plan {
            core: core(named).ok_or_else(|| failures::no_core(named))?,
            bus: contender.bus,
            nodes: if contender.across.is_some() { 2 } else { 1 },
            redis_url: arguments.redis_url.clone(),
            cluster: format!("bench-{}-{round}-{}", std::process::id(), contender.label.replace([' ', '%'], "")),
        };
        if let Some(url) = plan.redis_url.as_ref().filter(|_| contender.across.is_some()) {
            // Before any node fails at it less clearly.
            Counter::connect(url).await.map_err(|cause| failures::redis(url, cause))?.close().await;
        }
        let bed = Bed::start(&plan).map_err(|error| failures::start(&error))?;
        let counter = match &bed.redis {
            Some(redis) => Some(Counter::connect(&redis.url).await.map_err(|cause| failures::redis(&redis.url, cause))?),
            None => None,
        };
        Ok(Self { contender, arguments, bed, counter, round })
    }

    fn settings(&self, load: Load) -> Settings {
        let BusArguments { pairs, qos, size, seed, .. } = *self.arguments;
        let timing = self.arguments.timing();
        let servers = self.bed.nodes.iter().map(|node| Server::tcp(node.mqtt)).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Settings {
            across: self.contender.across.unwrap_or(0.0),
            publishers: pairs,
            subscribers: pairs,
            topics: pairs,
            mix: Mix::only(qos),
            payload: Payload::Filler(size),
            load,
            duration: timing.duration,
            warmup: timing.warmup,
            seed,
            workers: cores.min(WORKERS).min(2 * pairs),
            drain_quiet: Duration::from_secs(3),
            watched: self.bed.processes().into_iter().map(|(_, pid)| servers::Subject::Process(pid)).collect(),
            ..Settings::plain(Scenario::Pair, servers)
        }
    }

    async fn run(&self, load: Load, label: &str) -> Result<Run, Failure> {
        let mut run = self.measured(self.settings(load), label).await?;
        demand(&mut run, &self.arguments.slo);
        judge(&mut run, &target::all());
        Ok(run)
    }

    /// Not yet judged.
    async fn measured(&self, settings: Settings, label: &str) -> Result<Run, Failure> {
        let before = self.commands().await?;
        let mut progress = Progress::new(settings.connections());
        let mut run = measure(&settings, label, self.round, &mut progress).await?;
        let after = self.commands().await?;
        if let (Some(before), Some(after)) = (before, after) {
            let called: u64 =
                after.iter().map(|(name, calls)| calls.saturating_sub(before.get(name).copied().unwrap_or(0))).sum();
            run.costs.redis_commands_per_message = (run.messages.sent > 0).then(|| called as f64 / run.messages.sent as f64);
        }
        for server in &mut run.servers {
            let known = self.bed.processes().into_iter().find(|(_, pid)| Some(*pid) == server.pid);
            server.name = known.map_or_else(|| std::mem::take(&mut server.name), |(name, _)| name);
        }
        run.tool = Tool::Bus;
        run.id = Identity::now(&format!("bus-{}", self.contender.bus), label, self.round).id;
        run.scenario = self.contender.bus.to_owned();
        let options = &mut run.settings.options;
        options.remove("servers");
        options.insert("bus".to_owned(), self.contender.bus.to_owned());
        options.insert("nodes".to_owned(), self.bed.nodes.len().to_string());
        if let Some(across) = self.contender.across {
            options.insert("across".to_owned(), format!("{}%", (across * 100.0).round()));
        }
        Ok(run)
    }

    async fn commands(&self) -> Result<Option<BTreeMap<String, u64>>, Failure> {
        let (Some(counter), Some(redis)) = (&self.counter, &self.bed.redis) else { return Ok(None) };
        counter.commands().await.map(Some).map_err(|error| failures::redis(&redis.url, error.to_string()))
    }

    /// The highest rate at the latency that is asked for, or what ended the search where there is none, which is said.
    async fn find(&self) -> Result<Result<f64, Limit>, Failure> {
        let objectives = if self.arguments.slo.is_empty() { objectives(self.contender.bus)? } else { self.arguments.slo.clone() };
        let settings = self.settings(Load::Paced(FROM));
        let subject = Subject {
            tool: Tool::Bus,
            scenario: self.contender.label.clone(),
            url: settings.url(),
            connections: settings.connections() as u64,
            objectives: objectives.clone(),
        };
        let probe = Duration::from_secs(2).min(settings.duration);
        let searching = Searching::quietly(FROM, TO, PRECISION, probe, objectives);
        let found = search(&subject, &searching, async |rate, duration| {
            let probe = Settings { load: Load::Paced(rate), duration, ..settings.clone() };
            self.measured(probe, &self.contender.label).await
        })
        .await?;
        if found.interrupted {
            return Err(Failure::new(130, "interrupted", "stopped before the search ended"));
        }
        if found.rate_per_second.is_none() {
            eprintln!("warning: {}: no rate was found: {}", self.contender.label, found.bounded_by);
        }
        Ok(found.rate_per_second.ok_or(found.limit))
    }

    /// What was started ends; in a Redis that stays nothing is left behind.
    async fn leave(self) {
        let Stand { bed, counter, .. } = self;
        let (cluster, stays) = (bed.cluster.clone(), bed.redis.as_ref().is_some_and(|redis| !redis.is_own()));
        if !stays {
            drop(bed);
        } else {
            drop(bed.nodes);
            if let Some(Err(error)) = match &counter {
                Some(counter) => Some(counter.clear(&cluster).await),
                None => None,
            } {
                eprintln!("warning: keys of {cluster} stay in Redis: {error}");
            }
        }
        if let Some(counter) = counter {
            counter.close().await;
        }
    }
}

/// What the design asks of a bus. Pub/Sub may lose.
fn objectives(bus: &str) -> Result<Vec<Slo>, Failure> {
    let texts: &[&str] = match bus {
        "memory" => &["p99<1ms", "loss=0"],
        "pubsub" => &["p99<5ms"],
        "streams" => &["p99<10ms", "loss=0"],
        _ => &["p99<5ms", "loss=0"],
    };
    texts.iter().map(|text| text.parse().map_err(|error: String| Failure::usage(error))).collect()
}
