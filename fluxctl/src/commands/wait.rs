use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use flux_core::api::{AlarmQuery, NodeState};
use flux_core::client::Client;
use flux_core::output::{Cell, Column, Columns, Document, Resource};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::cluster;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::known;

/// Often enough for a script, seldom enough for a server.
const INTERVAL: Duration = Duration::from_millis(250);

/// Wait until something is so; exit code 7 when it does not come in time
///
/// A server that is not reachable yet is waited for as well.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl wait ready --for 30s
  fluxctl wait session pump-7 --connected")]
pub enum Verb {
    /// The server is ready for traffic
    #[command(after_help = "\
Examples:
  fluxctl wait ready --for 30s && fluxctl events publish plant/7/state on")]
    Ready {
        #[command(flatten)]
        limit: Limit,
    },
    /// Nothing is critical: cluster status would exit with 0
    #[command(after_help = "\
Examples:
  fluxctl wait healthy --for 5m")]
    Healthy {
        #[command(flatten)]
        limit: Limit,
    },
    /// A node is in a state
    #[command(after_help = "\
Examples:
  fluxctl wait node n1 --state ready")]
    Node {
        #[arg(add = ArgValueCandidates::new(known::nodes))]
        node: String,
        #[arg(long, value_enum)]
        state: State,
        #[command(flatten)]
        limit: Limit,
    },
    /// A session is as wanted
    #[command(after_help = "\
Examples:
  fluxctl wait session pump-7 --connected
  fluxctl wait session pump-7 --drained --for 10m
  fluxctl wait session pump-9 --gone")]
    Session {
        #[arg(add = ArgValueCompleter::new(known::clients))]
        client_id: String,
        #[command(flatten)]
        wanted: SessionWanted,
        #[command(flatten)]
        limit: Limit,
    },
    /// An alarm is raised, or is not active any more
    #[command(after_help = "\
Examples:
  fluxctl wait alarm store_failed --cleared --for 10m")]
    Alarm {
        #[arg(add = ArgValueCandidates::new(known::alarms))]
        name: String,
        #[command(flatten)]
        wanted: AlarmWanted,
        #[command(flatten)]
        limit: Limit,
    },
}

#[derive(Debug, Args)]
pub struct Limit {
    /// How long to wait at most
    #[arg(long = "for", value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
    duration: Duration,
    #[command(flatten)]
    columns: Columns,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SessionWanted {
    /// Its client is connected
    #[arg(long)]
    connected: bool,
    /// It is there and its client is away
    #[arg(long)]
    away: bool,
    /// Nothing waits for it any more
    #[arg(long)]
    drained: bool,
    /// There is no such session
    #[arg(long)]
    gone: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct AlarmWanted {
    /// It is active
    #[arg(long)]
    raised: bool,
    /// It is not active
    #[arg(long)]
    cleared: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum State {
    Joining,
    Ready,
    Draining,
    Gone,
}

impl State {
    fn node(self) -> NodeState {
        match self {
            State::Joining => NodeState::Joining,
            State::Ready => NodeState::Ready,
            State::Draining => NodeState::Draining,
            State::Gone => NodeState::Gone,
        }
    }
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        match self {
            Verb::Ready { limit } => {
                limit.wait(context, "server", client.url().trim_end_matches('/'), "ready", async || ready(&client).await).await
            }
            Verb::Healthy { limit } => {
                let wanted = async || Ok(cluster::unhealthy(&cluster::fetch(&client).await?));
                limit.wait(context, "cluster", client.url().trim_end_matches('/'), "healthy", wanted).await
            }
            Verb::Node { node, state, limit } => {
                let state = state.node();
                let wanted = async || {
                    let found = client.node(&node).await?.state;
                    Ok((found != state).then(|| format!("it is {}", found.as_str())))
                };
                limit.wait(context, "node", &node, state.as_str(), wanted).await
            }
            Verb::Session { client_id, wanted, limit } => {
                let seen = async || session(&client, &client_id, &wanted).await;
                limit.wait(context, "session", &client_id, wanted.word(), seen).await
            }
            Verb::Alarm { name, wanted, limit } => {
                let word = if wanted.raised { "raised" } else { "cleared" };
                let seen = async || {
                    let alarms = client.alarms(&AlarmQuery::default()).await?.items;
                    let active = alarms.into_iter().find(|alarm| alarm.name == name);
                    Ok(match (active, wanted.raised) {
                        (Some(alarm), false) => Some(format!("it is active: {}", alarm.detail)),
                        (None, true) => Some("it is not active".to_owned()),
                        _ => None,
                    })
                };
                limit.wait(context, "alarm", &name, word, seen).await
            }
        }
    }
}

impl SessionWanted {
    fn word(&self) -> &'static str {
        match (self.connected, self.away, self.drained) {
            (true, ..) => "connected",
            (_, true, _) => "away",
            (.., true) => "drained",
            _ => "gone",
        }
    }
}

/// `None`: it is as wanted. Otherwise how it is.
type Seen = Result<Option<String>, Failure>;

async fn ready(client: &Client) -> Seen {
    let ready = client.ready().await?;
    let failing = ready.checks.iter().find(|check| !check.ok);
    let detail = failing.map(|check| check.detail.clone().unwrap_or_else(|| format!("{} is not ok", check.name)));
    Ok((!ready.ready).then(|| detail.unwrap_or_else(|| "it does not say why".to_owned())))
}

async fn session(client: &Client, id: &str, wanted: &SessionWanted) -> Seen {
    let summary = match client.session(id).await.map_err(Failure::from) {
        Ok(session) => session.summary,
        Err(failure) if failure.exit() == Exit::NotFound && wanted.gone => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let (waiting, state) = (summary.queued + summary.inflight, if summary.connected { "connected" } else { "away" });
    let so = match wanted.word() {
        "connected" => summary.connected,
        "away" => !summary.connected,
        "drained" => waiting == 0,
        _ => false,
    };
    Ok((!so).then(|| format!("it is {state} and {waiting} messages wait")))
}

impl Limit {
    /// Looks until it is so. A server that is away, or has no such thing yet, is one more reason to wait.
    async fn wait(
        &self,
        context: &Context,
        resource: &'static str,
        name: &str,
        condition: &'static str,
        mut look: impl AsyncFnMut() -> Seen,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let mut last = "no answer yet".to_owned();
        let looking = async {
            loop {
                match look().await {
                    Ok(None) => return Ok(()),
                    Ok(Some(seen)) => last = seen,
                    Err(failure) => match failure.exit() {
                        Exit::NotFound | Exit::Unhealthy | Exit::TimedOut | Exit::NoEndpoint => last = failure.line(),
                        _ => return Err(failure),
                    },
                }
                sleep(INTERVAL).await;
            }
        };
        match tokio::time::timeout(self.duration, looking).await {
            Ok(found) => found?,
            Err(_) => {
                let waited = humantime::format_duration(self.duration);
                let late = format!("{resource} {name} is not {condition} after {waited}");
                return Err(Failure::new(Exit::TimedOut, "timeout", late).cause(last).hint("wait longer with --for"));
            }
        }
        let waited_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let met = Condition { resource, name: name.to_owned(), condition, waited_ms };
        context.print(&Document::list::<Conditions>(&[met]), &self.columns.selection())
    }
}

/// Something that has come to be as wanted.
#[derive(Debug, Serialize)]
struct Condition {
    resource: &'static str,
    name: String,
    condition: &'static str,
    waited_ms: u64,
}

struct Conditions;

impl Resource for Conditions {
    type Item = Condition;

    const KIND: &'static str = "Condition";

    fn columns() -> Vec<Column<Condition>> {
        vec![
            Self::column("RESOURCE", |met| Cell::text(met.resource)),
            Self::column("NAME", |met| Cell::text(&met.name)),
            Self::column("CONDITION", |met| Cell::text(met.condition)),
            Self::column("WAITED", |met| Cell::Age(Duration::from_millis(met.waited_ms))),
        ]
    }

    fn name(item: &Condition) -> String {
        item.name.clone()
    }
}
