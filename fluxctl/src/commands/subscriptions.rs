use clap::{Args, Subcommand};
use flux_core::api::{SubscriptionInfo, SubscriptionQuery};
use flux_core::output::{Cell, Column, Document, Resource};

use crate::context::Context;
use crate::failure::Failure;
use crate::pages;
use crate::watch::{View, show};

/// Subscriptions: which client hears what
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl subscriptions list
  fluxctl subscriptions list --client pump-7")]
pub enum Verb {
    /// Subscriptions of all sessions
    #[command(visible_alias = "ls")]
    #[command(after_help = "\
Examples:
  fluxctl subscriptions list 'plant/'
  fluxctl subscriptions list --client pump-7 -o wide
  fluxctl subscriptions list --sort-by filter -o csv")]
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        view: View,
    },
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Only topic filters that begin with this
    prefix: Option<String>,
    /// Only those of exactly this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Show so many at most; without it all of them
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Verb::List { filter, view } = self;
        let client = context.client()?;
        show(context, &view, async || {
            let page = async |cursor, size| {
                let (client_id, filter) = (filter.client.clone(), filter.prefix.clone());
                client.subscriptions(&SubscriptionQuery { client_id, filter, cursor, limit: Some(size) }).await
            };
            let (subscriptions, more) = pages::all(filter.limit, page).await?;
            Ok(Document::list::<Subscriptions>(&subscriptions).partial(more))
        })
        .await
    }
}

pub struct Subscriptions;

impl Resource for Subscriptions {
    type Item = SubscriptionInfo;

    const KIND: &'static str = "Subscription";

    fn columns() -> Vec<Column<SubscriptionInfo>> {
        vec![
            Self::column("CLIENT", |subscription| Cell::text(&subscription.client_id)),
            Self::column("FILTER", |subscription| Cell::text(&subscription.filter)),
            Self::column("GROUP", |subscription| Cell::maybe(subscription.group.as_ref(), Cell::text)),
            Self::column("QOS", |subscription| Cell::Count(subscription.qos as u64)),
            Self::wide("NO LOCAL", |subscription| Cell::Flag(subscription.no_local)),
            Self::wide("AS PUBLISHED", |subscription| Cell::Flag(subscription.retain_as_published)),
            Self::wide("IDENTIFIER", |subscription| Cell::maybe(subscription.identifier, |id| Cell::Count(id.into()))),
        ]
    }

    fn name(item: &SubscriptionInfo) -> String {
        match &item.group {
            Some(group) => format!("$share/{group}/{}", item.filter),
            None => item.filter.clone(),
        }
    }
}
