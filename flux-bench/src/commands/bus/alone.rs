use std::collections::BTreeMap;

use crate::alone::{self, AloneError, Orders, Role, Settings};
use crate::bed::{Counter, Redis, limit};
use crate::cli::bus::BusArguments;
use crate::cli::quantity::Rate;
use crate::report::failure::Failure;
use crate::report::measured::Identity;
use crate::report::measured_bus;
use crate::report::model::{Conclusion, Run};
use crate::verdict::slo::demand;
use crate::verdict::{judge::judge, target};
use crate::watch::machine::Environment;

use super::contender::Contender;
use super::failures;
use crate::commands::interrupt::interrupted;

/// A paced run that cannot be believed is made again, so often: the machine may have been busy with something else.
const AGAIN: u32 = 2;

/// Redis with what is needed to measure over it; with memory there is none.
struct Stand<'a> {
    contender: &'a Contender,
    arguments: &'a BusArguments,
    redis: Option<(Redis, Counter)>,
    /// What redis-benchmark reaches on it.
    limit: Option<f64>,
    round: u32,
}

/// One bus in one round: as fast as it goes, and then at half of that; or as the user said.
pub async fn turn(contender: &mut Contender, arguments: &BusArguments, round: u32) -> Result<Vec<Run>, Failure> {
    let stand = Stand::build(contender, arguments, round).await?;
    let mut runs = vec![];
    let paced = match arguments.rate {
        Some(Rate::PerSecond(rate)) => Some(rate),
        Some(Rate::Max) | None => {
            let run = stand.run(None, &format!("{} max", contender.label)).await?;
            let reached = run.throughput.deliveries_per_second.unwrap_or_default();
            runs.push(run);
            let half = contender.paced.or(Some((reached / 2.0).round()).filter(|half| *half >= 1.0));
            half.filter(|_| arguments.rate.is_none())
        }
    };
    if let Some(rate) = paced {
        for _ in 0..=AGAIN {
            let run = stand.run(Some(rate), &contender.label).await?;
            let doubtful = run.result == Conclusion::Invalid;
            runs.push(run);
            if !doubtful {
                break;
            }
        }
    }
    if let Some((_, counter)) = stand.redis {
        counter.close().await;
    }
    contender.paced = paced;
    Ok(runs)
}

impl<'a> Stand<'a> {
    async fn build(contender: &'a Contender, arguments: &'a BusArguments, round: u32) -> Result<Self, Failure> {
        if contender.bus == "memory" {
            return Ok(Self { contender, arguments, redis: None, limit: None, round });
        }
        let redis = match &arguments.redis_url {
            Some(url) => Redis::there(url),
            None => Redis::start().map_err(|error| failures::start(&error))?,
        };
        let counter = Counter::connect(&redis.url).await.map_err(|cause| failures::redis(&redis.url, cause))?;
        let limit = limit(&redis, contender.bus, arguments.size);
        Ok(Self { contender, arguments, redis: Some((redis, counter)), limit, round })
    }

    async fn run(&self, rate: Option<f64>, label: &str) -> Result<Run, Failure> {
        let timing = self.arguments.timing();
        let identity = Identity::now(&format!("bus-{}", self.contender.bus), label, self.round);
        let cluster = format!("alone-{}-{}", std::process::id(), identity.id);
        let url = self.redis.as_ref().map_or_else(String::new, |(redis, _)| redis.url.clone());
        let settings = Settings {
            orders: Orders {
                role: Role::Publisher,
                bus: self.contender.bus.to_owned(),
                redis_url: url,
                cluster: cluster.clone(),
                qos: self.arguments.qos,
                size: self.arguments.size,
                rate,
                across: self.contender.across.unwrap_or(1.0),
                seed: self.arguments.seed,
                run: std::process::id() ^ (self.round << 20),
            },
            duration: timing.duration,
            warmup: timing.warmup,
            beside: self.redis.iter().filter_map(|(redis, _)| redis.pid).collect(),
        };
        let before = self.commands().await?;
        let outcome = alone::run(&settings, interrupted()).await.map_err(|error| failed(&error))?;
        let after = self.commands().await?;
        let mut run = measured_bus::alone(identity, &settings, outcome, Environment::here());
        if self.redis.is_some() {
            let called: u64 =
                after.iter().map(|(name, calls)| calls.saturating_sub(before.get(name).copied().unwrap_or(0))).sum();
            run.costs.redis_commands_per_message = (run.messages.sent > 0).then(|| called as f64 / run.messages.sent as f64);
        }
        run.throughput.redis_limit_per_second = self.limit;
        for (server, name) in run.servers.iter_mut().zip(["publisher", "subscriber", "redis"]) {
            server.name = if self.redis.is_some() { name } else { "both" }.to_owned();
        }
        demand(&mut run, &self.arguments.slo);
        judge(&mut run, &target::all());
        if let Some((redis, counter)) = self.redis.as_ref().filter(|(redis, _)| !redis.is_own())
            && let Err(error) = counter.clear(&cluster).await
        {
            eprintln!("warning: keys of {cluster} stay in {}: {error}", redis.url.rsplit('@').next().unwrap_or_default());
        }
        Ok(run)
    }

    async fn commands(&self) -> Result<BTreeMap<String, u64>, Failure> {
        let Some((redis, counter)) = &self.redis else { return Ok(BTreeMap::new()) };
        counter.commands().await.map_err(|error| failures::redis(&redis.url, error.to_string()))
    }
}

fn failed(error: &AloneError) -> Failure {
    let failure = match error {
        AloneError::Interrupted => Failure::new(130, "interrupted", error.to_string()),
        _ => Failure::new(1, "part", error.to_string()),
    };
    match std::error::Error::source(error) {
        Some(source) => failure.cause(source.to_string()),
        None => failure,
    }
}
