use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use flux_core::api::{BusCanary, BusInfo, CanaryRole, CanaryWay, SetBusCanary};
use flux_core::client::Client;
use flux_core::output::{Cell, Column, Document, Resource, Tone, count, milliseconds};

use super::change::{Change, make};
use super::dry::{self, Difference};
use crate::confirm::confirm;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::watch::{View, show};

const KINDS: [&str; 3] = ["pubsub", "streams", "hybrid"];

/// A candidate that carries a share of the topics beside the bus of the cluster, to compare them
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  fluxctl bus canary set hybrid 5
  fluxctl bus canary show --watch
  fluxctl bus canary promote --yes

A message in the share is sent by both and delivered once, as the bus of the cluster brings it: a
candidate that fails harms nobody.")]
pub enum Verb {
    /// How both do: messages, losses, latency
    #[command(after_help = "\
Examples:
  fluxctl bus canary show
  fluxctl bus canary show --watch=1s
  fluxctl bus canary show -o json")]
    Show {
        #[command(flatten)]
        view: View,
    },
    /// Begin a canary, or give it another share, on all nodes
    #[command(after_help = "\
Examples:
  fluxctl bus canary set hybrid 5
  fluxctl bus canary set hybrid 100
  fluxctl bus canary set streams 10 --dry-run")]
    Set {
        /// The candidate
        #[arg(value_parser = PossibleValuesParser::new(KINDS))]
        kind: String,
        /// Share of the topics in percent; all messages of a topic are in it, or none
        #[arg(value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: u8,
        /// Change nothing; show what would change, and exit with 10 if there is something
        #[arg(long)]
        dry_run: bool,
    },
    /// Make the candidate the bus of the cluster, on all nodes, while messages go on
    #[command(after_help = "\
Examples:
  fluxctl bus canary promote --dry-run
  fluxctl bus canary promote --yes

Nothing is lost or overtaken meanwhile. A candidate that promises less, that has lost messages or
that has carried none wants --force, and so does a server that is too old to follow.")]
    Promote {
        /// Change nothing; show what would change, and exit with 10 if there is something
        #[arg(long)]
        dry_run: bool,
        /// Although the candidate promises less, has lost messages or has carried none
        #[arg(long)]
        force: bool,
    },
    /// End the canary on all nodes
    #[command(after_help = "\
Examples:
  fluxctl bus canary abort
  fluxctl bus canary abort --dry-run")]
    Abort {
        /// Change nothing; show what would change, and exit with 10 if there is something
        #[arg(long)]
        dry_run: bool,
    },
}

impl Verb {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client()?;
        match self {
            Verb::Show { view } => {
                show(context, &view, async || {
                    let canary = client.bus().await?.cluster.and_then(|cluster| cluster.canary);
                    let ways = canary.map(|canary| [canary.current, canary.candidate]);
                    Ok(Document::list::<Ways>(ways.as_ref().map_or(&[][..], |ways| &ways[..])))
                })
                .await
            }
            Verb::Set { kind, percent, dry_run: true } => {
                dry::run(context, &[kind], async |kind| setting(&client.bus().await?, kind, percent)).await
            }
            Verb::Set { kind, percent, .. } => {
                make(context, &[kind], async |kind| {
                    client.set_bus_canary(&SetBusCanary { kind: kind.to_owned(), percent }).await?;
                    Ok(change(&format!("{kind} {percent} %"), "set"))
                })
                .await
            }
            Verb::Promote { dry_run: true, force } => {
                with_candidate(&client, async |names, bus, canary| {
                    dry::run(context, names, async |_| {
                        promotable(bus, canary, force)?;
                        let (current, candidate) = (&canary.current.kind, &canary.candidate.kind);
                        let detail = format!("{current} → {candidate}");
                        Ok(Some(Difference { change: '~', resource: "bus", name: cluster(bus), detail }))
                    })
                    .await
                })
                .await
            }
            Verb::Promote { force, .. } => {
                with_candidate(&client, async |names, bus, canary| {
                    make(context, names, async |_| {
                        promotable(bus, canary, force)?;
                        confirm(context, &loss(canary))?;
                        let now = client.promote_bus_canary().await?;
                        Ok(Change { resource: "bus", name: now.kind, result: "promoted" })
                    })
                    .await
                })
                .await
            }
            Verb::Abort { dry_run: true } => {
                with_candidate(&client, async |names, _, canary| {
                    dry::run(context, names, async |kind| {
                        let detail = format!("{} % of the topics", canary.percent);
                        Ok(Some(Difference { change: '-', resource: "canary", name: kind.to_owned(), detail }))
                    })
                    .await
                })
                .await
            }
            Verb::Abort { .. } => {
                with_candidate(&client, async |names, _, _| {
                    make(context, names, async |kind| {
                        client.abort_bus_canary().await?;
                        Ok(change(kind, "aborted"))
                    })
                    .await
                })
                .await
            }
        }
    }
}

fn change(name: &str, result: &'static str) -> Change {
    Change { resource: "canary", name: name.to_owned(), result }
}

fn cluster(bus: &BusInfo) -> String {
    bus.cluster.as_ref().map(|cluster| cluster.name.clone()).unwrap_or_default()
}

/// Looks up what runs: the name to print, the bus, the canary.
async fn with_candidate(
    client: &Client,
    work: impl AsyncFnOnce(&[String], &BusInfo, &BusCanary) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let bus = client.bus().await?;
    match bus.cluster.as_ref().and_then(|cluster| cluster.canary.as_ref()) {
        Some(canary) => work(std::slice::from_ref(&canary.candidate.kind), &bus, canary).await,
        None => Err(Failure::new(Exit::NotFound, "canary_not_found", "no candidate runs beside the bus of the cluster")
            .hint("fluxctl bus canary set KIND PERCENT")),
    }
}

/// As the server would see it.
fn setting(bus: &BusInfo, kind: &str, percent: u8) -> Result<Option<Difference>, Failure> {
    if !bus.crosses_nodes {
        return Err(Failure::new(Exit::Refused, "not_enabled", "the bus of this server is memory: there are no other nodes"));
    }
    if bus.kind == kind {
        return Err(Failure::new(Exit::Refused, "conflict", format!("{kind} is the bus of the cluster already")));
    }
    let before = bus.cluster.as_ref().and_then(|cluster| cluster.canary.as_ref());
    let after = format!("{percent} % of the topics");
    let (change, detail) = match before {
        Some(canary) if canary.candidate.kind == kind && canary.percent == percent => return Ok(None),
        Some(canary) if canary.candidate.kind == kind => ('~', format!("{} % → {after}", canary.percent)),
        Some(canary) => ('~', format!("{} {} % → {kind} {after}", canary.candidate.kind, canary.percent)),
        None => ('+', after),
    };
    Ok(Some(Difference { change, resource: "canary", name: kind.to_owned(), detail }))
}

/// What speaks against it. `--force` overrules all of it.
fn promotable(bus: &BusInfo, canary: &BusCanary, force: bool) -> Result<(), Failure> {
    let BusCanary { current, candidate, alike, .. } = canary;
    let promises_less = candidate.kind == "pubsub" && bus.at_least_once;
    let mut peers = bus.cluster.iter().flat_map(|cluster| &cluster.peers);
    let objection = if let Some(peer) = peers.find(|peer| !peer.follows) {
        format!("{} ({}) is too old to follow, and would go on with its own", peer.id, peer.version)
    } else if promises_less {
        format!("{} loses what nobody listens to, and {} does not", candidate.kind, current.kind)
    } else if candidate.missing > 0 {
        format!("{} has lost {} of {} messages", candidate.kind, candidate.missing, current.arrived)
    } else if candidate.arrived + alike == 0 {
        format!("{} has carried no message yet", candidate.kind)
    } else {
        return Ok(());
    };
    if force {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, "unsafe", "the candidate is not fit to be the bus of the cluster")
        .cause(objection)
        .hint("look at fluxctl bus canary show, or add --force"))
}

fn loss(canary: &BusCanary) -> String {
    let BusCanary { current, candidate, .. } = canary;
    format!(
        "Make {} the bus of the cluster in the place of {} ({} messages compared, {} missing)",
        candidate.kind, current.kind, candidate.arrived, candidate.missing
    )
}

pub struct Ways;

impl Resource for Ways {
    type Item = CanaryWay;

    const KIND: &'static str = "CanaryWay";

    fn columns() -> Vec<Column<CanaryWay>> {
        vec![
            Self::column("ROLE", |way| Cell::text(way.role.as_str())),
            Self::column("KIND", |way| Cell::text(&way.kind)),
            Self::column("SENT", |way| Cell::Count(way.sent)),
            Self::column("ARRIVED", |way| Cell::Count(way.arrived)),
            Self::column("FIRST", |way| Cell::Count(way.first)),
            Self::column("MISSING", |way| match way.missing {
                0 => Cell::Count(0),
                missing => Cell::word(missing.to_string(), Tone::Bad),
            }),
            Self::wide("SPARED", |way| Cell::Count(way.spared)),
            Self::column("MEAN", |way| Cell::maybe(way.mean_seconds, |seconds| Cell::text(milliseconds(seconds)))),
            Self::column("MEDIAN", |way| Cell::maybe(way.p50_seconds, |seconds| Cell::text(milliseconds(seconds)))),
            Self::column("TAIL", |way| Cell::maybe(way.p99_seconds, |seconds| Cell::text(milliseconds(seconds)))),
        ]
    }

    fn name(item: &CanaryWay) -> String {
        item.kind.clone()
    }
}

/// Of one of the two, for the list of all that a bus has to tell.
pub fn line(canary: &BusCanary, role: CanaryRole) -> String {
    let way = if role == CanaryRole::Current { &canary.current } else { &canary.candidate };
    let times = [("mean", way.mean_seconds), ("median", way.p50_seconds), ("tail", way.p99_seconds)];
    let times = times.map(|(name, time)| time.map_or_else(String::new, |time| format!(", {name} {}", milliseconds(time))));
    let [sent, arrived, first, missing] = [way.sent, way.arrived, way.first, way.missing].map(count);
    format!("{}: {sent} sent, {arrived} arrived, {first} first, {missing} missing{}", way.kind, times.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(role: CanaryRole, kind: &str, arrived: u64, missing: u64) -> CanaryWay {
        let (kind, sent) = (kind.to_owned(), arrived + missing);
        let [mean_seconds, p50_seconds, p99_seconds] = [0.0005, 0.0004, 0.002].map(Some);
        CanaryWay { role, kind, sent, spared: 0, arrived, first: 0, missing, mean_seconds, p50_seconds, p99_seconds }
    }

    fn canary(current: &str, candidate: &str, arrived: u64, missing: u64) -> (BusInfo, BusCanary) {
        let canary = BusCanary {
            percent: 5,
            nodes: 3,
            alike: 0,
            current: way(CanaryRole::Current, current, 10, 0),
            candidate: way(CanaryRole::Candidate, candidate, arrived, missing),
        };
        let bus = BusInfo {
            kind: current.to_owned(),
            at_least_once: current != "pubsub",
            crosses_nodes: true,
            published: 0,
            delivered: 0,
            dropped: 0,
            subscriptions: 0,
            subscribers: 0,
            shared_groups: 0,
            cluster: None,
        };
        (bus, canary)
    }

    #[test]
    fn a_candidate_is_promoted_once_it_has_shown_what_it_can_do() {
        let cause = |current, candidate, arrived, missing| {
            let (bus, canary) = canary(current, candidate, arrived, missing);
            assert_eq!(promotable(&bus, &canary, true), Ok(()), "whoever says --force knows");
            promotable(&bus, &canary, false).map_err(|failure| failure.line())
        };
        assert_eq!(cause("pubsub", "hybrid", 10, 0), Ok(()));
        let refused = |because: &str| Err(format!("the candidate is not fit to be the bus of the cluster: {because}"));
        assert_eq!(cause("pubsub", "hybrid", 9, 1), refused("hybrid has lost 1 of 10 messages"));
        assert_eq!(cause("pubsub", "hybrid", 0, 0), refused("hybrid has carried no message yet"));
        assert_eq!(cause("streams", "pubsub", 10, 0), refused("pubsub loses what nobody listens to, and streams does not"));
        let (bus, canary) = canary("hybrid", "streams", 0, 0);
        assert_eq!(promotable(&bus, &BusCanary { alike: 7, ..canary }, false), Ok(()), "it carries them as the present one does");
    }

    #[test]
    fn a_server_that_is_too_old_to_follow_speaks_against_it() {
        let peer = |follows| {
            let health = serde_json::json!({"kind": "single", "connected": true, "since": "2026-01-01T00:00:00.000Z", "error": null,
                "commands": 0, "batches": 0, "failed": 0, "p50_seconds": 0.0, "p99_seconds": 0.0});
            let peer = serde_json::json!({"id": "n2", "state": "ready", "version": "0.0.9", "http": "", "follows": follows});
            let cluster = serde_json::json!({"name": "test", "node": "n1", "connected": true, "peers": [peer], "inboxes": [],
                "routes": 0, "held": 0, "messages_out": 0, "batches_out": 0, "messages_in": 0, "batches_in": 0, "doubles": 0,
                "dropped_out": 0, "redis": health});
            let (bus, canary) = canary("pubsub", "hybrid", 10, 0);
            let cluster = serde_json::from_value(cluster).expect("as a server tells it");
            promotable(&BusInfo { cluster: Some(cluster), ..bus }, &canary, false).map_err(|failure| failure.exit())
        };
        assert_eq!((peer(true), peer(false)), (Ok(()), Err(Exit::Refused)));
    }

    #[test]
    fn what_a_setting_changes_is_said_beforehand() {
        let (bus, _) = canary("pubsub", "hybrid", 0, 0);
        let difference = |kind, bus: &BusInfo| {
            let difference = setting(bus, kind, 5).map(|found| found.map(|difference| (difference.change, difference.detail)));
            difference.map_err(|failure| failure.exit())
        };
        assert_eq!(difference("hybrid", &bus), Ok(Some(('+', "5 % of the topics".to_owned()))));
        assert_eq!(difference("pubsub", &bus), Err(Exit::Refused));
        assert_eq!(difference("hybrid", &BusInfo { crosses_nodes: false, ..bus }), Err(Exit::Refused));
    }

    #[test]
    fn a_line_tells_all_of_one_kind() {
        let (_, canary) = canary("pubsub", "hybrid", 8_999, 1);
        let expected = "hybrid: 9,000 sent, 8,999 arrived, 0 first, 1 missing, mean 0.50 ms, median 0.40 ms, tail 2.00 ms";
        assert_eq!(line(&canary, CanaryRole::Candidate), expected);
    }
}
