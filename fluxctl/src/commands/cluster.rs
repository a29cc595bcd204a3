use clap::Subcommand;
use flux_core::api::AlarmQuery;
use flux_core::client::Client;
use flux_core::output::Document;

use super::nodes::Nodes;
use super::status::Status;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::watch::{View, show};

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
  fluxctl cluster status > /dev/null || echo 'look after it'")]
    Status {
        #[command(flatten)]
        view: View,
    },
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Verb::Status { view } = self;
        let client = context.client()?;
        let mut unhealthy = None;
        show(context, &view, async || {
            let status = fetch(&client).await?;
            unhealthy = status.findings.iter().find(|finding| finding.critical).map(|finding| finding.detail.clone());
            Ok(document(status))
        })
        .await?;
        match unhealthy {
            // Who watched it has seen it.
            Some(cause) if view.watch.is_none() => {
                Err(Failure::new(Exit::Unhealthy, "unhealthy", "the cluster is not healthy").cause(cause))
            }
            _ => Ok(()),
        }
    }
}

async fn fetch(client: &Client) -> Result<Status, Failure> {
    let active = AlarmQuery::default();
    let (ready, nodes, bus, store, alarms) =
        tokio::try_join!(client.ready(), client.nodes(), client.bus(), client.durable(), client.alarms(&active))?;
    Ok(Status::new(client.url(), ready, nodes, bus, store, alarms.items))
}

fn document(status: Status) -> Document {
    let document = Document::list::<Nodes>(&status.nodes).within("ClusterStatus", &status);
    let (head, foot) = (status.clone(), status);
    document.above(move |style| head.first_line(style)).below(move |style| foot.last_lines(style))
}
