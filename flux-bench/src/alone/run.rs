use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::limits::{ALONE_DRAIN, CHILD_PATIENCE};
use crate::watch::machine::Machine;
use crate::watch::process::{Process, Watched};
use crate::watch::servers::Servers;

use super::orders::{Orders, Published, Received, Role, Times, now};
use super::outcome::{Outcome, Watch, outcome};
use super::part::READY;
use super::process::Part;

/// So long before sending begins everybody knows when that is.
const AHEAD: Duration = Duration::from_millis(100);

const SECOND: u64 = 1_000_000_000;

/// One run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of the publisher.
    pub orders: Orders,
    pub duration: Duration,
    pub warmup: Duration,
    /// Processes that do part of the work: Redis.
    pub beside: Vec<u32>,
}

/// Why a run did not take place.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    #[error("this program cannot start itself")]
    Start(#[from] std::io::Error),
    #[error("a part of the run ended before its time; it says above why")]
    Ended,
    #[error("a part of the run said nothing for {0:?}")]
    Silent(Duration),
    #[error("stopped before the run was over")]
    Interrupted,
}

/// Runs to its end; nothing is left when `interrupt` resolves before.
pub async fn run(settings: &Settings, interrupt: impl Future<Output = ()>) -> Result<Outcome, AloneError> {
    let interrupt = pin!(interrupt);
    tokio::select! {
        outcome = carry_out(settings) => outcome,
        () = interrupt => Err(AloneError::Interrupted),
    }
}

async fn carry_out(settings: &Settings) -> Result<Outcome, AloneError> {
    let orders = &settings.orders;
    let mut subscriber = match orders.bus.as_str() {
        "memory" => None,
        _ => Some(Part::start(&Orders { role: Role::Subscriber, ..orders.clone() })?),
    };
    if let Some(subscriber) = &subscriber {
        ready(subscriber).await?;
    }
    let mut publisher = Part::start(&Orders { role: Role::Publisher, ..orders.clone() })?;
    ready(&publisher).await?;

    let ns = |duration: Duration| duration.as_nanos() as u64;
    let start = now() + ns(AHEAD);
    let from = start + ns(settings.warmup);
    let times = Times { start, from, to: from + ns(settings.duration) };
    if let Some(subscriber) = &mut subscriber {
        subscriber.tell(&times)?;
    }
    publisher.tell(&times)?;
    let mut pids = vec![publisher.pid()];
    pids.extend(subscriber.iter().map(Part::pid));
    pids.extend(&settings.beside);
    let watch = watch(&pids, times).await;

    let mut published: Published = publisher.says(ALONE_DRAIN).await?;
    let far = match &mut subscriber {
        Some(subscriber) => {
            subscriber.tell(&published.far)?;
            Some(subscriber.says::<Received>(ALONE_DRAIN).await?)
        }
        None => None,
    };
    if orders.rate.is_some() {
        // What the schedule held and was not sent by its end.
        let all = (times.to - times.start) as f64 / 1e9 * orders.rate.unwrap_or_default();
        published.due = published.due.max(all.floor() as u64);
    }
    Ok(outcome(times, published, far, watch))
}

async fn ready(part: &Part) -> Result<(), AloneError> {
    let said: String = part.says(CHILD_PATIENCE).await?;
    if said == READY { Ok(()) } else { Err(AloneError::Ended) }
}

/// Looks at the processes until sending ends.
async fn watch(pids: &[u32], times: Times) -> Watch {
    let mut servers = Servers::here(pids);
    let mut generator = Watched::new(Process::of(std::process::id()));
    let mut samples = vec![];
    until(times.start).await;
    servers.sample();
    let (mut machine, mut started) = (Machine::look(), false);
    let mut next = times.start + SECOND;
    loop {
        if !started && now() >= times.from {
            servers.start();
            generator.start();
            (machine, started) = (Machine::look(), true);
        }
        if now() >= times.to {
            break;
        }
        let stop = if started { next.min(times.to) } else { next.min(times.from) };
        until(stop).await;
        servers.look();
        if now() >= next {
            samples.push(servers.sample());
            next += SECOND;
        }
    }
    let cores = servers.end();
    let generator = generator.used().unwrap_or_default();
    let machine = machine.used(cores + generator.cores);
    Watch { servers: servers.used().await, generator, machine, samples }
}

async fn until(at: u64) {
    tokio::time::sleep(Duration::from_nanos(at.saturating_sub(now()))).await;
}
