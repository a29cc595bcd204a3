use axum::Json;
use axum::extract::State;

use super::{canary, redis};
use crate::api::paths;
use crate::api::{BusCluster, BusInfo, BusPeer, BusRoute, Inbox, NodeState, Page, RouteQuery};
use crate::bus::distributed::{DistributedBus, Peer, PeerState};
use crate::http::cursor;
use crate::http::extract::{Answer, Wanted};
use crate::http::state::App;
use crate::types::NodeId;

/// The bus: what carries events from publishers to subscribers, and the cluster as this node sees it.
#[utoipa::path(get, path = paths::BUS, tag = "nodes", operation_id = "show_bus", responses((status = 200, body = BusInfo)))]
pub async fn show(State(app): State<App>) -> Json<BusInfo> {
    let (stats, guarantees) = (app.with.bus.stats(), app.with.bus.guarantees());
    Json(BusInfo {
        kind: app.with.member.as_ref().map_or_else(|| app.facts.bus_kind.clone(), |member| member.kind().to_string()),
        at_least_once: guarantees.at_least_once,
        crosses_nodes: guarantees.crosses_nodes,
        published: stats.published,
        delivered: stats.delivered,
        dropped: stats.dropped,
        subscriptions: stats.subscriptions,
        subscribers: stats.subscribers,
        shared_groups: stats.shared_groups,
        cluster: app.with.member.as_ref().map(|member| cluster(&app.facts.cluster, member)),
    })
}

/// What the subscribers of each node ask of the others, in the order of nodes and subscriptions.
#[utoipa::path(get, path = paths::BUS_ROUTES, tag = "nodes", operation_id = "list_bus_routes", params(RouteQuery),
    responses((status = 200, body = Page<BusRoute>)))]
pub async fn routes(State(app): State<App>, Wanted(query): Wanted<RouteQuery>) -> Answer<Page<BusRoute>> {
    let (limit, after) = (cursor::limit(query.limit)?, cursor::decode(query.cursor.as_deref())?);
    let mut routes: Vec<BusRoute> = app.with.member.iter().flat_map(|member| all_routes(member, query.node.as_deref())).collect();
    routes.sort_unstable_by(|a, b| (&a.node, &a.subscription).cmp(&(&b.node, &b.subscription)));
    let begin = after.map_or(0, |after| routes.partition_point(|route| key(route) <= after));
    let page = routes.drain(begin..).take(limit + 1).collect();
    Ok(Json(cursor::page(page, limit, key)))
}

/// Neither a node's name nor a filter may hold U+0000, so this sorts as the pair does.
fn key(route: &BusRoute) -> String {
    format!("{}\0{}", route.node, route.subscription)
}

fn all_routes(member: &DistributedBus, only: Option<&str>) -> Vec<BusRoute> {
    let mut nodes = member.nodes_with_routes();
    nodes.push(member.node().clone());
    let wanted = nodes.iter().filter(|node| only.is_none_or(|only| only == node.as_str()));
    wanted
        .flat_map(|node| {
            member.routes(node).into_iter().map(|(subscription, terms)| BusRoute {
                node: node.to_string(),
                subscription: subscription.to_string(),
                qos: terms.qos as u8,
                durable: terms.durable,
                subscribers: terms.members,
                full: terms.full,
            })
        })
        .collect()
}

fn cluster(name: &str, member: &DistributedBus) -> BusCluster {
    let (peers, figures) = (member.peers(), member.figures());
    let is_member = |node: &NodeId| node == member.node() || peers.iter().any(|peer| peer.id == *node);
    let mut inboxes: Vec<Inbox> = member
        .inboxes()
        .into_iter()
        .map(|inbox| Inbox {
            member: is_member(&inbox.node),
            node: inbox.node.to_string(),
            waiting: inbox.lanes.iter().sum(),
            lanes: inbox.lanes,
        })
        .collect();
    inboxes.sort_unstable_by(|a, b| a.node.cmp(&b.node));
    BusCluster {
        name: name.to_owned(),
        node: member.node().to_string(),
        connected: member.is_connected(),
        inboxes,
        routes: member.route_count() as u64,
        held: member.held() as u64,
        messages_out: figures.messages_out.get(),
        batches_out: figures.batches_out.get(),
        messages_in: figures.messages_in.get(),
        batches_in: figures.batches_in.get(),
        doubles: figures.doubles.get(),
        dropped_out: figures.dropped.get(),
        canary: canary::reading(member),
        changing: member.changing() as u64,
        redis: redis::health(member.redis()),
        peers: peers.into_iter().map(shown).collect(),
    }
}

fn shown(peer: Peer) -> BusPeer {
    BusPeer {
        id: peer.id.to_string(),
        state: state_of(peer.state),
        version: peer.version,
        http: peer.http,
        follows: peer.decision > 0,
    }
}

pub(super) fn state_of(state: PeerState) -> NodeState {
    match state {
        PeerState::Joining => NodeState::Joining,
        PeerState::Ready => NodeState::Ready,
        PeerState::Draining => NodeState::Draining,
    }
}
