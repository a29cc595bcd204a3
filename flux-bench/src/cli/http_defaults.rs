use crate::http::settings::{READ, Settings, Workload};
use crate::http::{Address, AddressError, SEQUENCE_DIGITS};
use crate::plan::settings::Load;
use crate::report::failure::Failure;

use super::http::HttpLoad;
use super::quantity::Rate;
use super::timing::Timing;

/// What the design asks of a single node, requests per second.
const REQUESTS_PER_SECOND: f64 = 5_000.0;

/// Of a hundred events each: what one node should take in messages.
const BATCHES_PER_SECOND: f64 = 500.0;

/// The most that the server takes in one request.
const LARGEST_BATCH: usize = 10_000;

/// More threads than this take from a server on the same machine more than they give.
const WORKERS: usize = 2;

/// Fills in what was not said and refuses what cannot be.
pub fn settings(arguments: &HttpLoad, offered: Option<Rate>, timing: Timing) -> Result<Settings, Failure> {
    let HttpLoad { workload, size, batch, conns, topics, timeout, .. } = *arguments;
    let Timing { duration, warmup } = timing;
    let refusals = [
        (conns == 0, "--conns is 1 at least"),
        (workload.publishes() && size < SEQUENCE_DIGITS, "--size is 16 at least: a sequence number begins every payload"),
        (size > 16 * 1_024 * 1_024, "--size is 16M at most"),
        (batch == 0 || batch > LARGEST_BATCH, "--batch is 1 to 10,000"),
        (topics == 0, "--topics is 1 at least"),
        (duration.is_zero(), "--duration is longer than 0"),
        (timeout.is_zero(), "--timeout is longer than 0"),
        (workload.publishes() && !arguments.paths.is_empty(), "--path is for api"),
        (arguments.paths.iter().any(|path| !path.starts_with('/')), "--path begins with /"),
    ];
    if let Some((_, refusal)) = refusals.into_iter().find(|(wrong, _)| *wrong) {
        return Err(Failure::usage(refusal));
    }
    let address = Address::resolve(&arguments.url).map_err(unreachable)?;
    let watched = arguments.watching.subjects(&[address.socket], arguments.token.as_deref(), arguments.ca_file.as_ref())?;
    let load = match offered {
        None if workload == Workload::Batch => Load::Paced(BATCHES_PER_SECOND),
        None => Load::Paced(REQUESTS_PER_SECOND),
        Some(Rate::PerSecond(rate)) => Load::Paced(rate),
        Some(Rate::Max) => Load::Unpaced,
    };
    let paths = match (workload, arguments.paths.as_slice()) {
        (Workload::Api, []) => READ.map(str::to_owned).to_vec(),
        (_, named) => named.to_vec(),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Settings {
        workload,
        url: arguments.url.clone(),
        address,
        ca_file: arguments.ca_file.clone(),
        token: arguments.token.clone(),
        connections: conns,
        load,
        batch,
        body: arguments.body,
        size,
        qos: arguments.qos,
        topics,
        paths,
        duration,
        warmup,
        timeout,
        seed: arguments.seed,
        workers: arguments.workers.unwrap_or(cores.min(WORKERS)).clamp(1, conns),
        watched,
    })
}

fn unreachable(error: AddressError) -> Failure {
    let message = error.to_string();
    match error {
        AddressError::Url(..) => Failure::usage(message).hint("--url http://HOST:PORT"),
        AddressError::Resolve { cause, .. } => Failure::new(1, "resolve", message).cause(cause).hint("--url http://HOST:PORT"),
    }
}
