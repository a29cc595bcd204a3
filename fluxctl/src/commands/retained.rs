use std::io::Write;

use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use flux_core::api::{Retained, RetainedQuery};
use flux_core::client::Client;
use flux_core::output::{Cell, Column, Document, Resource, bytes};

use super::change::{Change, make};
use super::dry::{self, Difference};
use super::payload::{self, Events};
use crate::confirm::confirm;
use crate::context::{Context, written};
use crate::failure::{Exit, Failure};
use crate::known;
use crate::pages;
use crate::watch::{View, show};

/// Retained messages: what a new subscriber hears first
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl retained list 'plant/#'
  fluxctl retained get plant/7/state --raw")]
pub enum Verb {
    /// Topics that have a retained message
    #[command(visible_alias = "ls")]
    #[command(after_help = "\
Examples:
  fluxctl retained list
  fluxctl retained list 'plant/+/state' --sort-by=-bytes
  fluxctl retained list '$SYS/#' -o name")]
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        view: View,
    },
    /// The retained message of one topic, with its payload
    #[command(after_help = "\
Examples:
  fluxctl retained get plant/7/state
  fluxctl retained get plant/7/picture --raw > picture.jpg")]
    Get {
        #[arg(add = ArgValueCandidates::new(known::retained))]
        topic: String,
        /// Write the payload alone, byte for byte
        #[arg(long, conflicts_with_all = ["output", "columns", "no_headers", "sort_by", "watch"])]
        raw: bool,
        #[command(flatten)]
        view: View,
    },
    /// Forget retained messages; who has heard them is not told
    #[command(visible_alias = "rm")]
    #[command(after_help = "\
Examples:
  fluxctl retained delete plant/7/state
  fluxctl retained delete plant/7/state --dry-run
  fluxctl retained delete $(fluxctl retained list 'old/#' -o name) --yes")]
    Delete {
        #[arg(required = true, add = ArgValueCandidates::new(known::retained))]
        topics: Vec<String>,
        /// Change nothing; show what would change, and exit with 10 if there is something
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Only topics that match this topic filter; without it all but those that begin with $
    filter: Option<String>,
    /// Show so many at most; without it all of them
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        match self {
            Verb::List { filter, view } => {
                show(context, &view, async || {
                    let page = async |cursor, size| {
                        client.retained(&RetainedQuery { filter: filter.filter.clone(), cursor, limit: Some(size) }).await
                    };
                    let (retained, more) = pages::all(filter.limit, page).await?;
                    Ok(Document::list::<RetainedMessages>(&retained).partial(more))
                })
                .await
            }
            Verb::Get { topic, raw: true, .. } => {
                let message = client.retained_message(&topic).await?;
                let payload = payload::bytes(&message).map_err(|error| {
                    Failure::new(Exit::Failed, "unexpected_answer", "the payload cannot be read").cause(error.to_string())
                })?;
                let mut stdout = std::io::stdout();
                written(stdout.write_all(&payload).and_then(|()| stdout.flush()))
            }
            Verb::Get { topic, view, .. } => {
                show(context, &view, async || Ok(Document::details::<Events>(&client.retained_message(&topic).await?))).await
            }
            Verb::Delete { topics, dry_run: true } => {
                dry::run(context, &topics, async |topic| {
                    let detail = bytes(size(&client, topic).await?);
                    Ok(Some(Difference { change: '-', resource: "retained message", name: topic.to_owned(), detail }))
                })
                .await
            }
            Verb::Delete { topics, .. } => {
                make(context, &topics, async |topic| {
                    let size = size(&client, topic).await?;
                    confirm(context, &format!("Forget the retained message of {topic} ({})", bytes(size)))?;
                    client.delete_retained(topic).await?;
                    Ok(Change { resource: "retained message", name: topic.to_owned(), result: "deleted" })
                })
                .await
            }
        }
    }
}

/// Of the payload.
async fn size(client: &Client, topic: &str) -> Result<u64, Failure> {
    Ok(payload::bytes(&client.retained_message(topic).await?).map_or(0, |payload| payload.len() as u64))
}

pub struct RetainedMessages;

impl Resource for RetainedMessages {
    type Item = Retained;

    const KIND: &'static str = "RetainedMessage";

    fn columns() -> Vec<Column<Retained>> {
        vec![
            Self::column("TOPIC", |retained| Cell::text(&retained.topic)),
            Self::column("BYTES", |retained| Cell::Bytes(retained.payload_bytes)),
            Self::column("QOS", |retained| Cell::Count(retained.qos as u64)),
            Self::column("PUBLISHER", |retained| Cell::text(&retained.publisher)),
            Self::column("TIME", |retained| Cell::Time(retained.time.0)),
            Self::wide("EXPIRES", |retained| Cell::maybe(retained.expires_at, |time| Cell::Time(time.0))),
        ]
    }

    fn name(item: &Retained) -> String {
        item.topic.clone()
    }
}
