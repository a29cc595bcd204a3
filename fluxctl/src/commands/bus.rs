use clap::Subcommand;
use flux_core::api::BusInfo;
use flux_core::output::{Cell, Column, Document, Resource};

use crate::context::Context;
use crate::failure::Failure;
use crate::watch::{View, show};

/// The bus: what carries events from publishers to subscribers
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl bus status
  fluxctl bus status -o json")]
pub enum Verb {
    /// What the bus promises and what it has carried
    #[command(after_help = "\
Examples:
  fluxctl bus status
  fluxctl bus status --watch=5s")]
    Status {
        #[command(flatten)]
        view: View,
    },
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let Verb::Status { view } = self;
        let client = context.client()?;
        show(context, &view, async || Ok(Document::details::<BusDetails>(&client.bus().await?))).await
    }
}

pub struct BusDetails;

impl Resource for BusDetails {
    type Item = BusInfo;

    const KIND: &'static str = "Bus";

    fn columns() -> Vec<Column<BusInfo>> {
        vec![
            Self::column("BUS", |bus| Cell::text(&bus.kind)),
            Self::column("AT LEAST ONCE", |bus| Cell::Flag(bus.at_least_once)),
            Self::column("CROSSES NODES", |bus| Cell::Flag(bus.crosses_nodes)),
            Self::column("PUBLISHED", |bus| Cell::Count(bus.published)),
            Self::column("DELIVERED", |bus| Cell::Count(bus.delivered)),
            Self::column("DROPPED", |bus| Cell::Count(bus.dropped)),
            Self::column("SUBSCRIPTIONS", |bus| Cell::Count(bus.subscriptions)),
            Self::column("SUBSCRIBERS", |bus| Cell::Count(bus.subscribers)),
            Self::column("SHARED GROUPS", |bus| Cell::Count(bus.shared_groups)),
        ]
    }

    fn name(item: &BusInfo) -> String {
        item.kind.clone()
    }
}
