use std::cell::RefCell;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use flux_core::api::AlarmQuery;
use flux_core::client::Client;
use flux_core::output::Document;

use super::nodes::Nodes;
use super::status::Status;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::watch::{View, show_until};

/// The cluster as a whole
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl cluster status
  fluxctl cluster status --watch")]
pub enum Verb {
    /// Nodes, bus, store and alarms at a glance; exit code 6 when something is unhealthy
    #[command(after_help = "\
Examples:
  fluxctl cluster status
  fluxctl cluster status --watch=5s
  fluxctl cluster status -o json
  fluxctl cluster status --watch=1s --until healthy
  fluxctl cluster status > /dev/null || echo 'look after it'")]
    Status {
        /// Watch until the cluster is so, then end
        #[arg(long, value_enum)]
        until: Option<Health>,
        #[command(flatten)]
        view: View,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Health {
    Healthy,
    Unhealthy,
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Verb::Status { until, mut view } = self;
        if until.is_some() {
            view.watch = view.watch.or(Some(Duration::from_secs(2)));
        }
        let (client, label) = (context.client()?, context.target()?.label());
        let found = RefCell::new(None);
        let look = async || {
            let status = fetch(&client).await?;
            *found.borrow_mut() = unhealthy(&status);
            Ok(document(status, label.clone()))
        };
        let over = || until.is_some_and(|wanted| (wanted == Health::Healthy) == found.borrow().is_none());
        show_until(context, &view, look, over).await?;
        match found.into_inner() {
            // Who watched it has seen it.
            Some(cause) if view.watch.is_none() => {
                Err(Failure::new(Exit::Unhealthy, "unhealthy", "the cluster is not healthy").cause(cause))
            }
            _ => Ok(()),
        }
    }
}

/// The first thing that is critical.
pub fn unhealthy(status: &Status) -> Option<String> {
    status.findings.iter().find(|finding| finding.critical).map(|finding| finding.detail.clone())
}

pub async fn fetch(client: &Client) -> Result<Status, Failure> {
    let active = AlarmQuery::default();
    let (ready, nodes, bus, store, alarms) =
        tokio::try_join!(client.ready(), client.nodes(), client.bus(), client.durable(), client.alarms(&active))?;
    Ok(Status::new(client.url(), ready, nodes, bus, store, alarms.items))
}

fn document(status: Status, context: Option<String>) -> Document {
    let document = Document::list::<Nodes>(&status.nodes).within("ClusterStatus", &status);
    let (head, foot) = (status.clone(), status);
    document.above(move |style| head.first_line(context.as_deref(), style)).below(move |style| foot.last_lines(style))
}
