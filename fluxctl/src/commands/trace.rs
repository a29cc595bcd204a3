use std::time::Duration;

use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use flux_core::api::{Code, Direction, StartTrace, Trace, TraceRecord};
use flux_core::client::ClientError;
use flux_core::output::{Cell, Column, Document, Resource, Tone};
use futures_util::{StreamExt, TryStreamExt};

use super::change::{Change, make};
use super::follow::Limits;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::interrupt;
use crate::known;
use crate::watch::{View, show};

/// The longest that a server traces; also what it does when nobody is there any more to stop it.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A trace outlives its reader by so much, so that the reader's own limit is the one that ends it.
const MARGIN: Duration = Duration::from_secs(5);

/// Traces: every packet of one client, or what becomes of the messages of some topics
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl trace client pump-7
  fluxctl trace topic 'plant/7/#' --for 10s")]
pub enum Verb {
    /// Follow one client: its packets, and what becomes of its messages
    #[command(after_help = "\
Examples:
  fluxctl trace client pump-7
  fluxctl trace client pump-7 --for 10s -o json

The client need not be connected yet. The trace ends with this command, after an hour at the
latest.")]
    Client {
        #[arg(add = ArgValueCompleter::new(known::clients))]
        client_id: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Follow the messages of the topics that match a filter: who sent them, who got them, who did not and why
    #[command(after_help = "\
Examples:
  fluxctl trace topic 'plant/7/#'
  fluxctl trace topic plant/7/state --count 20 --for 1m -o csv

The trace ends with this command, after an hour at the latest.")]
    Topic {
        filter: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Traces that are running
    #[command(visible_alias = "ls")]
    #[command(after_help = "\
Examples:
  fluxctl trace list")]
    List {
        #[command(flatten)]
        view: View,
    },
    /// End traces that somebody has left behind
    #[command(after_help = "\
Examples:
  fluxctl trace stop $(fluxctl trace list -o name)")]
    Stop(Stop),
}

#[derive(Debug, Args)]
pub struct Stop {
    #[arg(required = true)]
    ids: Vec<String>,
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Verb::Client { client_id, limits } => {
                let wanted = StartTrace { client_id: Some(client_id.clone()), ..StartTrace::default() };
                follow(context, wanted, &limits, &format!("client {client_id}")).await
            }
            Verb::Topic { filter, limits } => {
                let wanted = StartTrace { topic: Some(filter.clone()), ..StartTrace::default() };
                follow(context, wanted, &limits, &format!("topic {filter}")).await
            }
            Verb::List { view } => {
                let client = context.client()?;
                show(context, &view, async || Ok(Document::list::<Traces>(&client.traces().await?.items))).await
            }
            Verb::Stop(Stop { ids }) => {
                let client = context.client()?;
                make(context, &ids, async |id| {
                    client.stop_trace(id).await?;
                    Ok(Change { resource: "trace", name: id.to_owned(), result: "stopped" })
                })
                .await
            }
        }
    }
}

/// Starts a trace, shows what it records, and stops it however this ends.
async fn follow(context: &Context, wanted: StartTrace, limits: &Limits, what: &str) -> Result<(), Failure> {
    let rows = limits.rows::<Records>(context)?;
    let (client, url) = (context.client()?, &context.target()?.url);
    // Noticed from here on: a Ctrl-C must not leave the trace behind.
    let interrupt = interrupt();
    let duration = limits.duration.map_or(LONGEST, |duration| duration.saturating_add(MARGIN).min(LONGEST));
    let seconds = u32::try_from(duration.as_secs()).ok();
    let trace = client.start_trace(&StartTrace { duration_seconds: seconds, ..wanted }).await?;
    let followed = async {
        let records = client.tail_trace(&trace.id).await?.map_err(Failure::from).boxed();
        limits.follow(rows, records, interrupt, &format!("tracing {what} at {url}"), |_| true).await
    };
    let followed = followed.await;
    match client.stop_trace(&trace.id).await {
        Err(ClientError::Problem(problem)) if problem.code == Code::TraceNotFound => {}
        Err(error) if followed.is_ok() => return Err(Failure::from(error).doing(format!("the trace {} goes on", trace.id))),
        _ => {}
    }
    followed.map(|_| ())
}

struct Records;

impl Resource for Records {
    type Item = TraceRecord;

    const KIND: &'static str = "TraceRecord";

    fn columns() -> Vec<Column<TraceRecord>> {
        vec![
            Self::column("TIME", |record| Cell::Moment(record.time.0)),
            Self::column("CLIENT", |record| Cell::text(&record.client_id)),
            Self::column("WAY", |record| Cell::text(way(record.direction))),
            Self::column("PACKET", |record| match record.packet.as_str() {
                packet @ ("DROPPED" | "EXPIRED") => Cell::word(packet, Tone::Bad),
                packet => Cell::text(packet),
            }),
            Self::column("QOS", |record| Cell::maybe(record.qos, |qos| Cell::Count(qos as u64))),
            Self::column("BYTES", |record| Cell::Bytes(record.size_bytes)),
            Self::wide("EVENT", |record| Cell::maybe(record.event_id.as_ref(), Cell::text)),
            Self::column("TOPIC", |record| Cell::maybe(record.topic.as_ref(), Cell::text)),
            Self::column("REASON", |record| Cell::maybe(record.reason.as_ref(), Cell::text)),
        ]
    }

    fn name(item: &TraceRecord) -> String {
        item.packet.clone()
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
    }
}

struct Traces;

impl Resource for Traces {
    type Item = Trace;

    const KIND: &'static str = "Trace";

    fn columns() -> Vec<Column<Trace>> {
        vec![
            Self::column("ID", |trace| Cell::text(&trace.id)),
            Self::column("CLIENT", |trace| Cell::maybe(trace.client_id.as_ref(), Cell::text)),
            Self::column("TOPIC", |trace| Cell::maybe(trace.topic.as_ref(), Cell::text)),
            Self::column("STARTED", |trace| Cell::Time(trace.started_at.0)),
            Self::column("ENDS", |trace| Cell::Time(trace.ends_at.0)),
        ]
    }

    fn name(item: &Trace) -> String {
        item.id.clone()
    }
}
