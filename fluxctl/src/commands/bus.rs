use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use flux_core::api::{BusCanary, BusInfo, BusRoute, CanaryRole, Inbox, RouteQuery};
use flux_core::output::{Cell, Column, Document, Resource, milliseconds};

use super::canary;
use crate::context::Context;
use crate::failure::Failure;
use crate::known;
use crate::pages;
use crate::watch::{View, show};

/// The bus: what carries events from publishers to subscribers
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl bus status
  fluxctl bus routes --node n2
  fluxctl bus inboxes --watch
  fluxctl bus canary set hybrid 5")]
pub enum Verb {
    /// What the bus promises and what it has carried, how a canary does, and how Redis is
    #[command(after_help = "\
Examples:
  fluxctl bus status
  fluxctl bus status --watch=5s")]
    Status {
        #[command(flatten)]
        view: View,
    },
    /// Which node has subscribers for what: where an event is sent
    #[command(after_help = "\
Examples:
  fluxctl bus routes
  fluxctl bus routes --node n2 -o csv")]
    Routes {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        view: View,
    },
    /// What waits for each node, those that are gone included
    #[command(after_help = "\
Examples:
  fluxctl bus inboxes
  fluxctl bus inboxes --watch=1s")]
    Inboxes {
        #[command(flatten)]
        view: View,
    },
    /// Another kind of bus beside the present one: compare, promote, abort
    Canary {
        #[command(subcommand)]
        verb: canary::Verb,
    },
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Only routes of this node
    #[arg(long, value_name = "NODE", add = ArgValueCandidates::new(known::nodes))]
    node: Option<String>,
    /// Show so many at most; without it all of them
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        match self {
            Verb::Canary { verb } => verb.run(context).await,
            Verb::Status { view } => {
                show(context, &view, async || Ok(Document::details::<BusDetails>(&client.bus().await?))).await
            }
            Verb::Routes { filter, view } => {
                show(context, &view, async || {
                    let page = async |cursor, size| {
                        client.bus_routes(&RouteQuery { node: filter.node.clone(), cursor, limit: Some(size) }).await
                    };
                    let (routes, more) = pages::all(filter.limit, page).await?;
                    Ok(Document::list::<Routes>(&routes).partial(more))
                })
                .await
            }
            Verb::Inboxes { view } => {
                show(context, &view, async || {
                    let inboxes = client.bus().await?.cluster.map(|cluster| cluster.inboxes).unwrap_or_default();
                    Ok(Document::list::<Inboxes>(&inboxes))
                })
                .await
            }
        }
    }
}

pub struct BusDetails;

impl Resource for BusDetails {
    type Item = BusInfo;

    const KIND: &'static str = "Bus";

    fn columns() -> Vec<Column<BusInfo>> {
        let mut columns = vec![
            Self::column("BUS", |bus| Cell::text(&bus.kind)),
            Self::column("AT LEAST ONCE", |bus| Cell::Flag(bus.at_least_once)),
            Self::column("CROSSES NODES", |bus| Cell::Flag(bus.crosses_nodes)),
            Self::column("PUBLISHED", |bus| Cell::Count(bus.published)),
            Self::column("DELIVERED", |bus| Cell::Count(bus.delivered)),
            Self::column("DROPPED", |bus| Cell::Count(bus.dropped)),
            Self::column("SUBSCRIPTIONS", |bus| Cell::Count(bus.subscriptions)),
            Self::column("SUBSCRIBERS", |bus| Cell::Count(bus.subscribers)),
            Self::column("SHARED GROUPS", |bus| Cell::Count(bus.shared_groups)),
        ];
        columns.extend(Self::cluster_columns());
        columns
    }

    fn name(item: &BusInfo) -> String {
        item.kind.clone()
    }
}

impl BusDetails {
    /// Empty while there is no canary.
    fn of_canary(title: &'static str, tell: fn(&BusCanary) -> String) -> Column<BusInfo> {
        Self::column(title, move |bus| {
            let canary = bus.cluster.as_ref().and_then(|cluster| cluster.canary.as_ref());
            Cell::maybe(canary, |canary| Cell::text(tell(canary)))
        })
    }

    /// Empty where the bus is of one process.
    fn cluster_columns() -> Vec<Column<BusInfo>> {
        macro_rules! of_cluster {
            ($title:literal, $cluster:ident => $cell:expr) => {
                Self::column($title, |bus| Cell::maybe(bus.cluster.as_ref(), |$cluster| $cell))
            };
        }
        vec![
            of_cluster!("CLUSTER", cluster => Cell::text(&cluster.name)),
            of_cluster!("NODE", cluster => Cell::text(&cluster.node)),
            of_cluster!("CONNECTED", cluster => Cell::Flag(cluster.connected)),
            of_cluster!("PEERS", cluster => Cell::text(cluster.peers.iter().map(|peer| format!("{} {}", peer.id, peer.state.as_str())).collect::<Vec<_>>().join(", "))),
            of_cluster!("ROUTES", cluster => Cell::Count(cluster.routes)),
            of_cluster!("INBOXES", cluster => Cell::Count(cluster.inboxes.iter().map(|inbox| inbox.waiting).sum())),
            of_cluster!("HELD", cluster => Cell::Count(cluster.held)),
            of_cluster!("MESSAGES OUT", cluster => Cell::Count(cluster.messages_out)),
            of_cluster!("MESSAGES IN", cluster => Cell::Count(cluster.messages_in)),
            of_cluster!("DOUBLES", cluster => Cell::Count(cluster.doubles)),
            Self::of_canary("CANARY", |canary| {
                format!("{} beside, for {} % of the topics", canary.candidate.kind, canary.percent)
            }),
            Self::of_canary("CANARY CURRENT", |canary| canary::line(canary, CanaryRole::Current)),
            Self::of_canary("CANARY CANDIDATE", |canary| canary::line(canary, CanaryRole::Candidate)),
            of_cluster!("REDIS", cluster => Cell::text(&cluster.redis.kind)),
            of_cluster!("REDIS ERROR", cluster => Cell::maybe(cluster.redis.error.as_ref(), Cell::text)),
            of_cluster!("REDIS MEDIAN", cluster => Cell::text(milliseconds(cluster.redis.p50_seconds))),
            of_cluster!("REDIS TAIL", cluster => Cell::text(milliseconds(cluster.redis.p99_seconds))),
        ]
    }
}

pub struct Routes;

impl Resource for Routes {
    type Item = BusRoute;

    const KIND: &'static str = "BusRoute";

    fn columns() -> Vec<Column<BusRoute>> {
        vec![
            Self::column("NODE", |route| Cell::text(&route.node)),
            Self::column("SUBSCRIPTION", |route| Cell::text(&route.subscription)),
            Self::column("QOS", |route| Cell::Count(route.qos.into())),
            Self::column("DURABLE", |route| Cell::Flag(route.durable)),
            Self::column("SUBSCRIBERS", |route| Cell::Count(route.subscribers.into())),
            Self::column("FULL", |route| Cell::Count(route.full.into())),
        ]
    }

    fn name(item: &BusRoute) -> String {
        format!("{}:{}", item.node, item.subscription)
    }
}

pub struct Inboxes;

impl Resource for Inboxes {
    type Item = Inbox;

    const KIND: &'static str = "Inbox";

    fn columns() -> Vec<Column<Inbox>> {
        vec![
            Self::column("NODE", |inbox| Cell::text(&inbox.node)),
            Self::column("MEMBER", |inbox| Cell::Flag(inbox.member)),
            Self::column("WAITING", |inbox| Cell::Count(inbox.waiting)),
            Self::wide("LANES", |inbox| Cell::text(inbox.lanes.iter().map(u64::to_string).collect::<Vec<_>>().join(" "))),
        ]
    }

    fn name(item: &Inbox) -> String {
        item.node.clone()
    }
}
