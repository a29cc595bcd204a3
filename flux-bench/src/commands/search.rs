use std::time::Duration;

use flux_core::output::{Cell, Column, Document, Resource};

use crate::cli::search::{SearchHttp, SearchMqtt, Searching};
use crate::cli::timing::Timing;
use crate::cli::{defaults, http_defaults};
use crate::plan::settings::{Load, Scenario};
use crate::report::failure::Failure;
use crate::report::measured::Identity;
use crate::report::model::{Conclusion, Probe, Run, Search, Tool};
use crate::report::number::figure;
use crate::report::progress::Progress;
use crate::report::search::{line, render};
use crate::search::{self as finder, Found, Limit, Plan, Step, judgement};
use crate::verdict::judge::judge;
use crate::verdict::slo::{Slo, demand};
use crate::watch::machine::Environment;

use super::show::show_or;
use super::{http, mqtt};

/// Before each probe measures: long enough for a server to be warm, since the one before was.
const WARMUP: Duration = Duration::from_millis(500);

/// A probe measures longer where a rate is so low that its percentiles would mean nothing: this many requests, but not for ever.
const REQUESTS_WANTED: f64 = 1_200.0;
const LONGEST_PROBE: Duration = Duration::from_secs(30);

/// What is searched with.
pub(super) struct Subject {
    pub tool: Tool,
    pub scenario: String,
    pub url: String,
    pub connections: u64,
    pub objectives: Vec<Slo>,
}

pub async fn search_mqtt(arguments: &SearchMqtt) -> Result<u8, Failure> {
    let load = &arguments.load;
    refuse(&arguments.searching)?;
    use Scenario::{Device, FanIn, FanOut, Pair, Shared};
    if !matches!(load.scenario, Pair | FanIn | FanOut | Shared | Device) {
        return Err(Failure::usage(format!("{} has no rate to search for", load.scenario.name()))
            .hint("pair, fan-in, fan-out, shared and device deliver what is published, as long as the server holds it"));
    }
    let settings = defaults::settings(load, None, timing(&arguments.searching))?;
    let subject = Subject {
        tool: Tool::Mqtt,
        scenario: settings.scenario.name().to_owned(),
        url: settings.url(),
        connections: settings.connections() as u64,
        objectives: arguments.searching.slo.clone(),
    };
    let found = search(&subject, &arguments.searching, async |rate, duration| {
        let mut probe = settings.clone();
        (probe.load, probe.duration) = (Load::Paced(rate), duration);
        let mut progress = Progress::new(probe.connections());
        mqtt::measure(&probe, &subject.url, 1, &mut progress).await
    })
    .await?;
    finish(&found, &arguments.searching)
}

pub async fn search_http(arguments: &SearchHttp) -> Result<u8, Failure> {
    let load = &arguments.load;
    refuse(&arguments.searching)?;
    let settings = http_defaults::settings(load, None, timing(&arguments.searching))?;
    let subject = Subject {
        tool: Tool::Http,
        scenario: settings.workload.name().to_owned(),
        url: settings.url.clone(),
        connections: settings.connections as u64,
        objectives: arguments.searching.slo.clone(),
    };
    let found = search(&subject, &arguments.searching, async |rate, duration| {
        let mut probe = settings.clone();
        (probe.load, probe.duration) = (Load::Paced(rate), duration);
        let mut progress = Progress::new(probe.connections).moving("answered");
        http::measure(&probe, &subject.url, 1, &mut progress).await
    })
    .await?;
    finish(&found, &arguments.searching)
}

fn refuse(searching: &Searching) -> Result<(), Failure> {
    if searching.rate.is_some() {
        return Err(Failure::usage("search finds the rate itself").hint("--from and --to say where it looks"));
    }
    match searching.slo.iter().find(|slo| slo.is_rate()) {
        Some(slo) => Err(Failure::usage(format!("search finds the rate: {} cannot be an objective of it", slo.text()))
            .hint("--from and --to say where it looks")),
        None => Ok(()),
    }
}

/// Of probes, whose rate and length are set for each.
fn timing(searching: &Searching) -> Timing {
    Timing { duration: searching.probe, warmup: WARMUP }
}

pub(super) async fn search(
    subject: &Subject,
    searching: &Searching,
    mut probe: impl AsyncFnMut(f64, Duration) -> Result<Run, Failure>,
) -> Result<Search, Failure> {
    let Searching { from, to, precision, probe: duration, .. } = *searching;
    if from > to {
        return Err(Failure::usage("--from is above --to"));
    }
    let Identity { id, started_at, .. } = Identity::now(&format!("search-{}", subject.scenario), &subject.url, 1);
    let mut finder = finder::Search::new(Plan { from, to, precision });
    let mut probes: Vec<Probe> = vec![];
    let mut interrupted = false;
    let found = loop {
        let (rate, phase) = match finder.step() {
            Step::Over(found) => break found,
            Step::Probe { rate, phase } => (rate, phase),
        };
        let enough = Duration::from_secs_f64(REQUESTS_WANTED / rate).min(LONGEST_PROBE);
        let made = match probe(rate, duration.max(enough)).await {
            Err(failure) if failure.exit == 130 => None,
            other => Some(other?),
        };
        let Some(mut run) = made.filter(|run| run.result != Conclusion::Interrupted) else {
            interrupted = true;
            break finder.so_far();
        };
        demand(&mut run, &subject.objectives);
        judge(&mut run, &[]);
        let judged = judgement(&run);
        finder.vote(judged.vote);
        let latency = run.latency_milliseconds.headline();
        let probe = Probe {
            number: probes.len() as u64 + 1,
            phase,
            offered_per_second: rate,
            achieved_per_second: run.throughput.requests_per_second.or(run.throughput.messages_per_second).unwrap_or_default(),
            p50_milliseconds: latency.map(|found| found.p50),
            p99_milliseconds: latency.map(|found| found.p99),
            generator_lag_p99_milliseconds: run.latency_milliseconds.generator_lag.as_ref().map(|lag| lag.p99),
            holds: judged.reason.is_none(),
            reason: judged.reason,
            server_cores: run.server_cores(),
            generator_cores: run.generator.cores,
            machine_busy: run.machine.busy,
        };
        eprintln!("{}", line(&probe));
        probes.push(probe);
    };
    let bounded_by = bounded_by(&found, &probes, interrupted);
    let Found { rate, confirmed, of, limit } = found;
    Ok(Search {
        id,
        started_at,
        tool: subject.tool,
        scenario: subject.scenario.clone(),
        url: subject.url.clone(),
        connections: subject.connections,
        objectives: subject.objectives.iter().map(|slo| slo.text().to_owned()).collect(),
        precision,
        probes,
        rate_per_second: rate,
        confirmed,
        of,
        limit,
        bounded_by,
        interrupted,
        environment: Environment::here(),
    })
}

/// By the probe that did not hold nearest above what did.
fn bounded_by(found: &Found, probes: &[Probe], interrupted: bool) -> String {
    let above = probes.iter().filter(|probe| !probe.holds && Some(probe.offered_per_second) > found.rate);
    let nearest = above.min_by(|one, other| one.offered_per_second.total_cmp(&other.offered_per_second));
    let Some(nearest) = nearest.filter(|_| !interrupted) else {
        return if interrupted { "the search was ended early" } else { "--to: nothing above was tried" }.to_owned();
    };
    let server = nearest.server_cores.map(|cores| format!("server {cores:.2} cores, ")).unwrap_or_default();
    let busy = nearest.machine_busy.map(|busy| format!(", machine {:.0}% busy", busy * 100.0)).unwrap_or_default();
    let more = if found.limit == Limit::Generator { "; the server may hold more" } else { "" };
    format!(
        "{} at {}/s ({server}generator {:.2}{busy}){more}",
        nearest.reason.as_deref().unwrap_or_default(),
        figure(nearest.offered_per_second),
        nearest.generator_cores
    )
}

fn finish(found: &Search, searching: &Searching) -> Result<u8, Failure> {
    show_or(|| render(found), &Document::list::<Searches>(std::slice::from_ref(found)), searching.output)?;
    Ok(match (found.rate_per_second, found.limit) {
        _ if found.interrupted => 130,
        (_, Limit::Unsettled) | (None, Limit::Generator) => 6,
        (None, _) if searching.check => 3,
        _ => 0,
    })
}

struct Searches;

impl Resource for Searches {
    type Item = Search;

    const KIND: &'static str = "BenchSearch";

    fn columns() -> Vec<Column<Search>> {
        vec![
            Self::column("SEARCH", |search| Cell::text(&search.id)),
            Self::column("TOOL", |search| Cell::text(search.tool.name())),
            Self::column("SCENARIO", |search| Cell::text(&search.scenario)),
            Self::column("RATE", |search| Cell::maybe(search.rate_per_second, Cell::Number)),
            Self::column("CONFIRMED", |search| Cell::Count(u64::from(search.confirmed))),
            Self::column("OF", |search| Cell::Count(u64::from(search.of))),
            Self::column("PROBES", |search| Cell::Count(search.probes.len() as u64)),
            Self::column("BOUNDED BY", |search| Cell::text(&search.bounded_by)),
        ]
    }

    fn name(item: &Search) -> String {
        item.id.clone()
    }
}
