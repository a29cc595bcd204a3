use std::time::Duration;

use clap::Subcommand;
use clap_complete::ArgValueCandidates;
use flux_core::api::{Node, NodeState};
use flux_core::output::{Cell, Column, Document, Resource, Tone};

use crate::context::Context;
use crate::failure::Failure;
use crate::known;
use crate::watch::{View, show};

/// Nodes: state, load and cost of each
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl nodes list -o wide --sort-by=-conns
  fluxctl nodes show n1")]
pub enum Verb {
    /// All nodes of the cluster
    #[command(visible_alias = "ls")]
    #[command(after_help = "\
Examples:
  fluxctl nodes list
  fluxctl nodes list --columns node,conns,msg_s --watch
  fluxctl nodes list -o csv")]
    List {
        #[command(flatten)]
        view: View,
    },
    /// One node with all its figures
    #[command(after_help = "\
Examples:
  fluxctl nodes show n1
  fluxctl nodes show n1 -o json")]
    Show {
        /// Id of the node: fluxctl nodes list -o name
        #[arg(add = ArgValueCandidates::new(known::nodes))]
        node: String,
        #[command(flatten)]
        view: View,
    },
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        match self {
            Verb::List { view } => {
                show(context, &view, async || {
                    let nodes = client.nodes().await?;
                    for node in &nodes.unreachable {
                        eprintln!("warning: node {} at {} does not answer: {}", node.id, node.address, node.detail);
                    }
                    Ok(Document::list::<Nodes>(&nodes.items))
                })
                .await
            }
            Verb::Show { node, view } => {
                show(context, &view, async || Ok(Document::details::<Nodes>(&client.node(&node).await?))).await
            }
        }
    }
}

pub struct Nodes;

impl Resource for Nodes {
    type Item = Node;

    const KIND: &'static str = "Node";

    fn columns() -> Vec<Column<Node>> {
        vec![
            Self::column("NODE", |node| Cell::text(&node.id)),
            Self::column("STATE", |node| Cell::word(node.state.as_str(), tone(node.state))),
            Self::column("ROLES", |node| Cell::text(node.roles.join(","))),
            Self::column("VERSION", |node| Cell::text(&node.version)),
            Self::column("CONNS", |node| Cell::Count(node.connections)),
            Self::column("MSG/S", |node| Cell::Rate(node.traffic.messages_in.per_second)),
            Self::wide("OUT/S", |node| Cell::Rate(node.traffic.messages_out.per_second)),
            Self::wide("DROPPED", |node| Cell::Count(node.traffic.messages_dropped.total)),
            Self::column("CPU", |node| Cell::maybe(node.process.cpu_percent, Cell::Percent)),
            Self::column("RSS", |node| Cell::maybe(node.process.rss_bytes, Cell::Bytes)),
            Self::wide("FILES", |node| Cell::maybe(node.process.open_descriptors, Cell::Count)),
            Self::wide("SESSIONS", |node| Cell::Count(node.sessions)),
            Self::wide("DURABLE", |node| Cell::Count(node.durable_sessions)),
            Self::wide("SUBS", |node| Cell::Count(node.subscriptions)),
            Self::wide("RETAINED", |node| Cell::Count(node.retained_messages)),
            Self::wide("DISK", |node| Cell::Bytes(node.storage.used_bytes)),
            Self::wide("FREE", |node| Cell::maybe(node.storage.free_bytes, Cell::Bytes)),
            Self::column("UP", |node| Cell::Age(Duration::from_secs(node.uptime_seconds))),
            Self::wide("LISTENS", |node| Cell::text(listens(node))),
        ]
    }

    fn name(item: &Node) -> String {
        item.id.clone()
    }
}

fn listens(node: &Node) -> String {
    let listeners = node.listeners.iter().map(|listener| format!("{}://{}", listener.protocol, listener.address));
    listeners.collect::<Vec<_>>().join(" ")
}

fn tone(state: NodeState) -> Tone {
    match state {
        NodeState::Ready => Tone::Good,
        NodeState::Joining | NodeState::Draining | NodeState::Unknown => Tone::Warning,
        NodeState::Gone => Tone::Bad,
    }
}
